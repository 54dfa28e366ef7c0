/**
 * Asks Telegram for updates, one long question after the other. The offset moves on, and is stored, only once the
 * gateway has what came before it: Telegram forgets an update when it is asked for a later one.
 */
import { setImmediate as loopTurn, setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../domain/errors.ts';
import type { KeyValue } from '../../domain/feed.ts';
import type { Clock, Logger } from '../../domain/runtime.ts';
import type { ChannelState } from '../adapter.ts';
import { askedWait } from '../patience.ts';
import { isConflict, isTokenRefused, type TelegramApi, type UpdateKind } from './api.ts';
import type { Receiver } from './receiver.ts';

export type PollingDeps = {
  readonly api: TelegramApi;
  readonly receiver: Receiver;
  readonly botId: number;
  readonly allowed: readonly UpdateKind[];
  readonly state: KeyValue;
  readonly onState: (state: ChannelState, detail?: string) => void;
  readonly stop: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
};

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** Telegram keeps updates for 24 h, and numbers them anew after a quiet week: an older offset could hide new ones. */
const OFFSET_LIVES_MS = 2 * 24 * 3_600_000;

/** Resolves when it was stopped, or when the token is refused. Never rejects. */
export async function poll(deps: PollingDeps): Promise<void> {
  const { state, log } = deps;
  const key = `offset:${deps.botId}`;
  let storing: Promise<void> = Promise.resolve();
  // The next question does not wait for it: an offset that is behind only brings again what is known.
  const store = (value: string): void => {
    storing = storing
      .then(() => state.set(key, value, true))
      .catch((error: unknown) => log.warn({ detail: errorMessage(error) }, 'the offset could not be stored'));
  };
  await ask(deps, key, store);
  await storing;
}

async function ask(deps: PollingDeps, key: string, store: (value: string) => void): Promise<void> {
  const { api, receiver, state, stop, clock, log } = deps;
  let offset: { readonly next: number; readonly at: number } | undefined;
  let failures = 0;

  while (!stop.aborted) {
    try {
      offset ??= parseOffset(await state.get(key));
      if (offset !== undefined && clock.now() - offset.at > OFFSET_LIVES_MS) offset = undefined;
      // After a failure a short question, to learn soon that it works again.
      const wait = failures === 0;
      const raws = await api.updates({ offset: offset?.next, allowed: deps.allowed, wait, stop });
      deps.onState('up');
      const { next, failed } = await receiver.take(raws);
      // What they ask for goes first; this question, too, leaves a turn after it was asked.
      await loopTurn();
      if (next !== undefined && next !== offset?.next) {
        offset = { next, at: clock.now() };
        store(`${offset.next}@${offset.at}`);
      }
      failures = failed ? failures + 1 : 0;
      if (failed || (raws.length > 0 && next === undefined)) await pause(deps, failures, undefined);
    } catch (error) {
      if (stop.aborted) return;
      failures += 1;
      const detail = errorMessage(error);
      if (isTokenRefused(error)) {
        deps.onState('down', detail);
        log.error({ detail }, 'Telegram refused the token; the channel is down');
        return;
      }
      deps.onState('degraded', detail);
      if (failures === 1 || isConflict(error)) log.warn({ failures, detail }, 'no updates from Telegram');
      await pause(deps, failures, error);
    }
  }
}

async function pause({ stop }: PollingDeps, failures: number, error: unknown): Promise<void> {
  const grown = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(Math.max(0, failures - 1), 10));
  // Spread, so that two pollers do not meet for ever.
  const ms = askedWait(error) ?? grown * (0.75 + Math.random() / 2);
  await sleep(ms, undefined, { signal: stop }).catch(() => undefined);
}

function parseOffset(stored: string | undefined): { next: number; at: number } | undefined {
  const [, next, at] = /^(\d+)@(\d+)$/.exec(stored ?? '') ?? [];
  return next === undefined || at === undefined ? undefined : { next: Number(next), at: Number(at) };
}
