/** One card over all requests that an answer of the model brought together (pure). It shows each of them whole. */
import type { Approval } from '../domain/approval.ts';
import type { Button, Card, OutboundMessage } from '../domain/message.ts';
import type { Turn } from '../domain/turn.ts';
import type { NewDelivery } from '../store/store.ts';
import { decidedText } from './approval-words.ts';
import {
  actionText,
  askedElsewhere,
  type CardOptions,
  cardText,
  editOf,
  ownFacts,
  placesOf,
  type Request,
  whyOf,
} from './cards.ts';

export function newBatchCards(turn: Turn, requests: readonly Request[], options: CardOptions): NewDelivery[] {
  const message = batchMessage(turn, requests, null, options);
  const cards = batchPlaces(turn, requests, options).map((place) => ({ ...place, turnId: turn.id, message }));
  const [first] = requests;
  return first !== undefined && options.deliverTo(turn) === 'approvers'
    ? [askedElsewhere(turn, first), ...cards]
    : cards;
}

/** Once nothing of it is open any more. */
export function settledBatchCards(
  turn: Turn,
  requests: readonly Request[],
  approvals: readonly Approval[],
  options: CardOptions,
): NewDelivery[] {
  const message = batchMessage(turn, requests, togetherText(approvals.map(decidedText)), options);
  return batchPlaces(turn, requests, options).map((place) => editOf(turn, place, 'decided', message));
}

const allOf = (count: number): string => (count === 2 ? 'both' : `all ${count}`);

/** The outcomes of several, as one. */
export function togetherText(texts: readonly string[]): string {
  const [first] = new Set(texts);
  if (new Set(texts).size === 1) return `${texts.length === 2 ? 'Both' : `All ${texts.length}`}: ${first}`;
  return texts.map((text, i) => `${i + 1}: ${text}`).join(' · ');
}

/** In private only to those who may decide about all of it. */
function batchPlaces(turn: Turn, requests: readonly Request[], options: CardOptions) {
  const [first, ...rest] = requests.map((request) =>
    placesOf(turn, request, request.batch ?? '', false, options),
  );
  return (first ?? []).filter((place) => rest.every((places) => places.some(({ key }) => key === place.key)));
}

/** Of a card over several: each of them whole, and what is to be known of it. */
export function bodyOf(
  turn: Turn,
  requests: readonly Request[],
  votersOf: (request: Request) => readonly string[] = () => [],
): Pick<Card, 'title' | 'action' | 'facts' | 'why'> {
  const count = requests.length;
  const actions = requests.map(
    (request, i) => `${i + 1} of ${count}: ${request.display.question}\n${actionText(request)}`,
  );
  const own = requests.map((request) => ownFacts(request, votersOf(request)));
  return {
    title: `Do ${allOf(count)} of these?`,
    action: { text: actions.join('\n\n'), language: 'text' },
    facts: [`asked by ${turn.input.author.name}`, `in ${turn.workspace}`, ...factsOfEach(own)],
    why: requests.flatMap((request, i) => whyOf(request).map((reason) => `${i + 1}: ${reason}`)),
  };
}

/** Once where it is the same for all, else with their numbers. */
function factsOfEach(own: readonly string[][]): string[] {
  const numbers = new Map<string, number[]>();
  for (const [i, facts] of own.entries())
    for (const fact of facts) numbers.set(fact, [...(numbers.get(fact) ?? []), i + 1]);
  return [...numbers].map(([fact, of]) => (of.length === own.length ? fact : `${of.join(', ')}: ${fact}`));
}

/** The buttons decide about all of them. */
export const ONE_ALONE = 'To decide about one of them alone, use /approvals.';

/** @param numbers of those on the card that it is about; null: all */
export const batchButtons = (
  batch: string,
  count: number,
  numbers: string | null,
  options: CardOptions,
): readonly Button[] => [
  {
    label: `Approve ${numbers ?? allOf(count)} once`,
    token: options.batchButton(batch, 'once'),
    style: 'primary',
  },
  {
    label: `Deny ${numbers ?? (count === 2 ? 'both' : 'all')}`,
    token: options.batchButton(batch, 'deny'),
    style: 'danger',
  },
];

export const decideBatchLine = (batch: string): string =>
  `Decide about all of it with /approve ${batch} once or deny`;

function batchMessage(
  turn: Turn,
  requests: readonly Request[],
  outcome: string | null,
  options: CardOptions,
): OutboundMessage {
  const batch = requests[0]?.batch ?? '';
  const card: Card = {
    ...bodyOf(turn, requests),
    ...(outcome === null
      ? { notes: [ONE_ALONE], expiresAt: Math.min(...requests.map((request) => request.expiresAt)) }
      : { outcome, settledAt: options.now() }),
  };
  return {
    kind: 'card',
    text: cardText(card, decideBatchLine(batch)),
    card,
    buttons: outcome === null ? batchButtons(batch, requests.length, null, options) : [],
    turnId: turn.id,
  };
}
