/** One card over all requests that an answer of the model brought together (pure). It shows each of them whole. */
import type { Approval } from '../domain/approval.ts';
import type { Card, OutboundMessage } from '../domain/message.ts';
import type { Turn } from '../domain/turn.ts';
import { showInvisible } from '../domain/visible.ts';
import type { NewDelivery } from '../store/store.ts';
import { decidedText } from './approval-words.ts';
import { type CardOptions, cardText, editOf, ownFacts, placesOf, type Request, whyOf } from './cards.ts';

export function newBatchCards(turn: Turn, requests: readonly Request[], options: CardOptions): NewDelivery[] {
  const message = batchMessage(turn, requests, null, options);
  return batchPlaces(turn, requests, options).map((place) => ({ ...place, turnId: turn.id, message }));
}

/** Once nothing of it is open any more. */
export function settledBatchCards(
  turn: Turn,
  requests: readonly Request[],
  approvals: readonly Approval[],
  options: CardOptions,
): NewDelivery[] {
  const message = batchMessage(turn, requests, outcomeOf(approvals), options);
  return batchPlaces(turn, requests, options).map((place) => editOf(turn, place, 'decided', message));
}

function outcomeOf(approvals: readonly Approval[]): string {
  const texts = approvals.map(decidedText);
  const [first] = new Set(texts);
  if (new Set(texts).size === 1) return `All ${texts.length}: ${first}`;
  return texts.map((text, i) => `${i + 1}: ${text}`).join(' · ');
}

/** In private only to those who may decide about all of it. */
function batchPlaces(turn: Turn, requests: readonly Request[], options: CardOptions) {
  const [first, ...rest] = requests.map((request) =>
    placesOf(turn, request, request.batch ?? '', false, options),
  );
  return (first ?? []).filter((place) => rest.every((places) => places.some(({ key }) => key === place.key)));
}

/** What the card of each says of it: once where it is the same for all, else with their numbers. */
function factsOfEach(requests: readonly Request[]): string[] {
  const numbers = new Map<string, number[]>();
  for (const [i, request] of requests.entries())
    for (const fact of ownFacts(request)) numbers.set(fact, [...(numbers.get(fact) ?? []), i + 1]);
  return [...numbers].map(([fact, of]) =>
    of.length === requests.length ? fact : `${of.join(', ')}: ${fact}`,
  );
}

function batchMessage(
  turn: Turn,
  requests: readonly Request[],
  outcome: string | null,
  options: CardOptions,
): OutboundMessage {
  const count = requests.length;
  const batch = requests[0]?.batch ?? '';
  const actions = requests.map(
    ({ display }, i) => `${i + 1} of ${count}: ${display.question}\n${showInvisible(display.text)}`,
  );
  const reasons = requests.flatMap((request, i) => whyOf(request).map((reason) => `${i + 1}: ${reason}`));
  const card: Card = {
    title: `Do all ${count} of these?`,
    action: { text: actions.join('\n\n'), language: 'text' },
    facts: [`asked by ${turn.input.author.name}`, `in ${turn.workspace}`, ...factsOfEach(requests)],
    why: reasons,
    ...(outcome === null
      ? { expiresAt: Math.min(...requests.map((request) => request.expiresAt)) }
      : { outcome, settledAt: options.now() }),
  };
  const decide = `Decide about all of it with /approve ${batch} once or deny`;
  const buttons = [
    { label: `Approve all ${count} once`, token: options.batchButton(batch, 'once'), style: 'primary' },
    { label: 'Deny all', token: options.batchButton(batch, 'deny'), style: 'danger' },
  ] as const;
  return {
    kind: 'card',
    text: cardText(card, decide),
    card,
    buttons: outcome === null ? buttons : [],
    turnId: turn.id,
  };
}
