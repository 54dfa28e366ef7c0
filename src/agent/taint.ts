/**
 * Whether text that nobody on the list wrote has entered a turn, and from where. Pure.
 * What the model reads may steer it; so from then on everything that has an effect asks a person, whatever an "always"
 * or an allow rule says, and nothing is remembered unasked.
 */
import type { InboundMessage } from '../domain/message.ts';
import type { HistoryEntry } from '../domain/session-store.ts';
import { actionsOf, type Exchange, type TurnState } from './state.ts';

/** Where the text came from, in words that go after "it has read"; null: only people's own words. */
export function taintOf(state: TurnState): string | null {
  const inMessage = state.message === null ? null : taintOfMessage(state.message);
  const inHistory = state.context?.untrusted === true ? 'quotes or files earlier in this conversation' : null;
  return inMessage ?? taintOfExchanges(state.exchanges) ?? inHistory;
}

/** The same for a turn that has ended: the outputs of its last actions have steered its answer. */
export function taintOfTurn(state: TurnState): string | null {
  const foreign = actionsOf(state).find((action) => action.result?.untrusted === true);
  return taintOf(state) ?? (foreign === undefined ? null : `the output of ${foreign.tool}`);
}

export const taintOfHistory = (history: readonly HistoryEntry[]): boolean =>
  history.some((entry) => taintOfMessage(entry.input) !== null);

function taintOfMessage(message: InboundMessage): string | null {
  const quote = message.quoted?.at(0);
  if (quote !== undefined) return `text quoted from ${quote.from}`;
  const file = message.attachments.at(0);
  return file === undefined ? null : `the attached file ${file.name}`;
}

/** The actions of the latest answer were proposed before any of them had run: their outputs steered none of them. */
function taintOfExchanges(exchanges: readonly Exchange[]): string | null {
  const latest = exchanges.findLastIndex((exchange) => exchange.kind === 'response');
  for (const [position, exchange] of exchanges.entries()) {
    if (exchange.kind === 'user') {
      const found = taintOfMessage(exchange.message);
      if (found !== null) return found;
      continue;
    }
    const foreign = exchange.actions.find((action) => action.result?.untrusted === true);
    if (foreign !== undefined && position !== latest) return `the output of ${foreign.tool}`;
  }
  return null;
}
