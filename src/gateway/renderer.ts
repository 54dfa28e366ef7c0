/** Events → messages (pure). The words that people read in chat about a turn; cards have files of their own. */
import type { Render } from '../agent/run.ts';
import type { Action } from '../agent/state.ts';
import { userText } from '../domain/errors.ts';
import type { OutboundMessage } from '../domain/message.ts';
import type { Turn } from '../domain/turn.ts';
import type { NewDelivery } from '../store/store.ts';
import { newBatchCards } from './batch-card.ts';
import { type CardOptions, newCards, settledCards } from './cards.ts';
import { seconds } from './words.ts';

export function createRenderer(options: CardOptions): Render {
  return {
    cards: (turn, request) => newCards(turn, request, options),
    batchCard: (turn, requests) => newBatchCards(turn, requests, options),
    outcome(turn, action, result) {
      const duration = result.durationMs === null ? '' : ` in ${seconds(result.durationMs)}`;
      return settled(turn, action, `${decidedBy(action)} — ${result.summary}${duration}`, 'ran', options);
    },
    cancelled: (turn, action, reason) => settled(turn, action, `Cancelled. ${reason}`, 'cancelled', options),
    answer(turn, answer, steps) {
      const message: OutboundMessage = {
        kind: 'answer',
        text: answer,
        turnId: turn.id,
        ...(steps.length === 0 ? {} : { steps }),
      };
      return [toConversation(turn, answerKey(turn.id), message)];
    },
    failure: (turn, code, steps) => [
      toConversation(turn, answerKey(turn.id), {
        kind: 'error',
        text: userText(code, turn.id),
        turnId: turn.id,
        ...(steps.length === 0 ? {} : { steps }),
      }),
    ],
    notice: (turn, key, text) => toConversation(turn, key, { kind: 'notice', text, turnId: turn.id }),
  };
}

export const answerKey = (turnId: string): string => `${turnId}:answer`;

function toConversation(turn: Turn, key: string, message: OutboundMessage): NewDelivery {
  return {
    key,
    turnId: turn.id,
    lane: turn.session,
    target: { kind: 'send', to: turn.input.where },
    message,
  };
}

/** Edits every copy of the card to its outcome. `step` keeps the keys of successive edits apart. */
function settled(
  turn: Turn,
  action: Action,
  outcome: string,
  step: string,
  options: CardOptions,
): NewDelivery[] {
  return action.approval === null
    ? []
    : settledCards(turn, action.approval, { outcome, step, reminded: action.reminded }, options);
}

function decidedBy(action: Action): string {
  const name = action.decision?.byName ?? 'somebody';
  return action.decision?.kind === 'always' ? `Always allowed by ${name}` : `Approved once by ${name}`;
}
