/**
 * Presses of buttons, as Telegram wants them answered: once, soon, and with at most a short text in a pop-up that
 * only the person who pressed sees. A refusal goes there when it comes in time.
 */
import type { Logger } from '../../domain/runtime.ts';
import type { TelegramApi } from './api.ts';

export type Queries = {
  /** From now on `tell` may answer it; after `ANSWER_WITHIN_MS` it is answered without a text. */
  open(queryId: string): void;
  /** False when it is too late, too long, or Telegram does not take it any more. Never throws. */
  tell(queryId: string, text: string): Promise<boolean>;
  /** Answers without a text unless it was answered already. Never throws. */
  close(queryId: string): Promise<void>;
};

/** The button shows that it waits until then. */
const ANSWER_WITHIN_MS = 2_000;
/** Telegram's limit for the pop-up. */
const MAX_TEXT = 200;

export function createQueries({ api, log }: { api: TelegramApi; log: Logger }): Queries {
  const open = new Map<string, NodeJS.Timeout>();

  function take(queryId: string): boolean {
    clearTimeout(open.get(queryId));
    return open.delete(queryId);
  }

  async function answer(queryId: string, text: string | undefined): Promise<boolean> {
    try {
      const said = text === undefined ? {} : { text, show_alert: true };
      await api.call((by) => by.answerCallbackQuery(queryId, said));
      return true;
    } catch {
      // Too old, after a restart: what was decided shows on the card all the same.
      log.debug({ query: queryId }, 'a press could not be answered');
      return false;
    }
  }

  const close = async (queryId: string): Promise<void> => {
    if (take(queryId)) await answer(queryId, undefined);
  };

  return {
    open(queryId) {
      open.set(
        queryId,
        setTimeout(() => void close(queryId), ANSWER_WITHIN_MS),
      );
    },
    async tell(queryId, text) {
      return text.length <= MAX_TEXT && take(queryId) && (await answer(queryId, text));
    },
    close,
  };
}
