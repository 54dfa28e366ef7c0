/** Events → messages (pure). The words that people read in chat about a turn; cards have files of their own. */
import type { Render } from '../agent/run.ts';
import { userText } from '../domain/errors.ts';
import type { OutboundMessage } from '../domain/message.ts';
import type { Turn } from '../domain/turn.ts';
import type { NewDelivery } from '../store/store.ts';
import { newBatchCards } from './batch-card.ts';
import { type CardOptions, newCards } from './cards.ts';
import { settledCards } from './settled-cards.ts';
import { newOnSummary } from './summary-card.ts';

export function createRenderer(options: CardOptions): Render {
  return {
    cards: (turn, request) => newCards(turn, request, options),
    batchCard: (turn, requests) => newBatchCards(turn, requests, options),
    summaryCard: (turn, state, requests, isNew) => newOnSummary(turn, state, requests, isNew, options),
    settled: (turn, state, index, step) => settledCards(turn, state, index, step, options),
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
