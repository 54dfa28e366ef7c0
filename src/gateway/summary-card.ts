/**
 * One card for all requests of a turn that come beyond the cards of a minute (pure). Posted once, it is edited from then
 * on: what is open it shows whole, what is decided in a line each. Its buttons are those of the requests that it shows
 * open at that moment, never of the card: a press on an older state of it decides about what that state showed (A8, A49).
 */
import { type Action, actionsOf, type TurnState } from '../agent/state.ts';
import type { Button, Card, OutboundMessage } from '../domain/message.ts';
import type { Turn } from '../domain/turn.ts';
import { showInvisible } from '../domain/visible.ts';
import type { NewDelivery } from '../store/store.ts';
import { outcomeOf } from './approval-words.ts';
import { batchButtons, bodyOf, decideBatchLine, ONE_ALONE, togetherText } from './batch-card.ts';
import {
  actionText,
  askedElsewhere,
  buttonsOf,
  type CardOptions,
  type CardPlace,
  cardText,
  decideLine,
  editOf,
  factsOf,
  placesOf,
  type Request,
  whyOf,
} from './cards.ts';
import { oneLine, plainName } from './words.ts';

/** An action that people were asked about. */
export type Asked = Action & { readonly approval: Request };

const REASON = 'Too many requests in a minute for a card each, so they share this one.';
/** Earlier ones named on it; the rest is counted. */
const MAX_EARLIER = 4;
/** Of the name of an earlier one, and of what became of it, which may be an error of any length. */
const MAX_NAME = 60;
const MAX_OUTCOME = 160;

export const onSummary = (state: TurnState, summary: string): Asked[] =>
  actionsOf(state).filter((action): action is Asked => action.approval?.summary === summary);

/** What came with one answer of the model, and is decided about together. */
const groupOf = ({ batch, approvalId }: Request): string => batch ?? approvalId;

/** How the edit is called that shows a request on a card that was there before. */
export const shownStep = (request: Request): string => `${groupOf(request)}:asked`;

/** Posts the card where it is not yet, and shows the new requests where it is. */
export function newOnSummary(
  turn: Turn,
  state: TurnState,
  requests: readonly Request[],
  isNew: boolean,
  options: CardOptions,
): NewDelivery[] {
  const [first] = requests;
  if (first?.summary === undefined) return [];
  const message = summaryMessage(turn, state, first.summary, options);
  const cards = summaryPlaces(turn, state, first, options).flatMap((place) => [
    // Only to those who may decide since the configuration was loaded anew: to all others it was sent before.
    { ...place, turnId: turn.id, message },
    ...(isNew ? [] : [editOf(turn, place, shownStep(first), message)]),
  ]);
  return options.deliverTo(turn) === 'approvers' ? [askedElsewhere(turn, first), ...cards] : cards;
}

export function summaryPlaces(
  turn: Turn,
  state: TurnState,
  request: Request,
  options: CardOptions,
): CardPlace[] {
  const { summary = '' } = request;
  const reminded = onSummary(state, summary).some((action) => action.reminded);
  return placesOf(turn, request, summary, reminded, options);
}

export function summaryMessage(
  turn: Turn,
  state: TurnState,
  summary: string,
  options: CardOptions,
): OutboundMessage {
  const all = onSummary(state, summary);
  const open = all.filter((action) => outcomeOf(action) === null);
  const shown = open.length > 0 ? open : latestOf(all);
  const requests = shown.map((action) => action.approval);
  const outcomes = shown.map((action) => outcomeOf(action) ?? '');
  const [outcome = ''] = outcomes;
  const groups = [...Map.groupBy(open, ({ approval }) => groupOf(approval)).values()];
  const numbersOf = (group: readonly Asked[]) =>
    groups.length === 1 ? null : inRanges(group.map((action) => shown.indexOf(action) + 1));
  const card: Card = {
    ...(shown.length === 1 ? aloneOf(turn, shown) : bodyOf(turn, requests, votersIn(shown))),
    notes: [
      REASON,
      ...(open.length > 1 ? [ONE_ALONE] : []),
      ...earlier(all.filter((action) => !shown.includes(action))),
    ],
    isRenewed: true,
    ...(open.length > 0
      ? { expiresAt: Math.min(...requests.map((request) => request.expiresAt)) }
      : { outcome: shown.length === 1 ? outcome : togetherText(outcomes), settledAt: options.now() }),
  };
  return {
    kind: 'card',
    text: cardText(card, groups.map((group) => decideWords(group, numbersOf(group))).join('\n')),
    card,
    buttons: groups.flatMap((group) => buttonsFor(group, numbersOf(group), options)),
    turnId: turn.id,
  };
}

/** Nothing is open: what was asked last stands for it. */
function latestOf(all: readonly Asked[]): readonly Asked[] {
  const last = all.at(-1);
  return all.filter(({ approval }) => last !== undefined && groupOf(approval) === groupOf(last.approval));
}

const votersIn = (shown: readonly Asked[]) => (request: Request) =>
  shown.find(({ approval }) => approval === request)?.voters ?? [];

function aloneOf(turn: Turn, [action]: readonly Asked[]): Omit<Card, 'expiresAt'> {
  if (action === undefined) throw new Error('a summary shows at least one request');
  const { approval, voters } = action;
  const { display, modelReason } = approval;
  return {
    title: display.question,
    action: { text: actionText(approval), language: display.language },
    facts: factsOf(turn, approval, voters),
    why: whyOf(approval),
    ...(modelReason === null ? {} : { modelReason: showInvisible(modelReason) }),
  };
}

function earlier(decided: readonly Asked[]): string[] {
  const named = decided.slice(-MAX_EARLIER);
  const left = decided.length - named.length;
  const lines = named.map((action) => {
    return `${plainName(action.approval.action, MAX_NAME)}: ${oneLine(outcomeOf(action) ?? '', MAX_OUTCOME)}`;
  });
  return left > 0 ? [`${left} earlier ones are decided.`, ...lines] : lines;
}

/** 2–5, 7: what a button has room for, however many they are. */
function inRanges(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ');
}

/** @param numbers of those on the card that it is about; null: all */
function decideWords(group: readonly Asked[], numbers: string | null): string {
  const [first] = group;
  if (first === undefined) return '';
  const words = group.length === 1 ? decideLine(first.approval) : decideBatchLine(groupOf(first.approval));
  return numbers === null ? words : `${numbers}: ${words}`;
}

function buttonsFor(
  group: readonly Asked[],
  numbers: string | null,
  options: CardOptions,
): readonly Button[] {
  const [first] = group;
  if (first === undefined) return [];
  if (group.length > 1) return batchButtons(groupOf(first.approval), group.length, numbers, options);
  const buttons = buttonsOf(first.approval, options);
  return numbers === null
    ? buttons
    : buttons.map((button) => ({ ...button, label: `${numbers}: ${button.label}` }));
}
