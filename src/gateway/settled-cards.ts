/** What becomes of cards that are out (pure): edited to what the log says by now, brought to mind, found again. */
import { actionsOf, fold, type TurnState } from '../agent/state.ts';
import type { Event } from '../domain/event.ts';
import type { DeliveryKey, OutboundMessage, UserId } from '../domain/message.ts';
import type { Turn } from '../domain/turn.ts';
import type { NewDelivery } from '../store/store.ts';
import { outcomeOf } from './approval-words.ts';
import {
  type CardOptions,
  type CardPlace,
  cardMessage,
  directPlace,
  editOf,
  placesOf,
  type Request,
  termsOf,
} from './cards.ts';
import { type Asked, onSummary, shownStep, summaryMessage, summaryPlaces } from './summary-card.ts';
import { nameAction, seconds } from './words.ts';

/** Edits every copy of the card that shows the action. `step` keeps the keys of successive edits apart. */
export function settledCards(
  turn: Turn,
  state: TurnState,
  index: number,
  step: string,
  options: CardOptions,
): NewDelivery[] {
  const action = askedAction(state, index);
  if (action === undefined) return [];
  const { approval } = action;
  const message = messageOf(turn, state, action, options);
  const own = approval.summary === undefined ? step : `${approval.approvalId}:${step}`;
  return placesFor(turn, state, action, options).map((place) => editOf(turn, place, own, message));
}

const askedAction = (state: TurnState, index: number): Asked | undefined =>
  actionsOf(state).find((action): action is Asked => action.index === index && action.approval !== null);

const messageOf = (turn: Turn, state: TurnState, action: Asked, options: CardOptions): OutboundMessage =>
  action.approval.summary === undefined
    ? cardMessage(turn, action.approval, outcomeOf(action), options, action.voters)
    : summaryMessage(turn, state, action.approval.summary, options);

const placesFor = (
  turn: Turn,
  state: TurnState,
  { approval, reminded }: Asked,
  options: CardOptions,
): CardPlace[] =>
  approval.summary === undefined
    ? placesOf(turn, approval, approval.approvalId, reminded, options)
    : summaryPlaces(turn, state, approval, options);

/** Deliveries of which any shows the request to somebody once it is out. */
export function showings(
  turn: Turn,
  events: readonly Event[],
  index: number,
  options: CardOptions,
): DeliveryKey[] {
  const state = fold(events);
  const action = askedAction(state, index);
  if (action === undefined) return [];
  const { approval, reminded } = action;
  const { batch, summary } = approval;
  // Among many the card over all of them is the only one.
  const over = summary === undefined && batch !== undefined ? [batch] : [];
  const cards = [
    ...placesFor(turn, state, action, options),
    ...over.flatMap((id) => placesOf(turn, approval, id, reminded, options)),
  ].map(({ key }) => key);
  return isEdited(approval, events) ? cards.map((key) => `${key}:${shownStep(approval)}`) : cards;
}

/** Shown by an edit of a card that was there before. */
function isEdited(request: Request, events: readonly Event[]): boolean {
  if (request.summary === undefined) return false;
  const [first] = events.flatMap((event) =>
    event.type === 'approval.requested' && event.summary === request.summary ? event : [],
  );
  return first !== undefined && shownStep(first) !== shownStep(request);
}

/** Nobody has decided: the approvers get the card in private, or are told of the one they have. */
export function reminders(
  turn: Turn,
  state: TurnState,
  index: number,
  askedAt: number,
  options: CardOptions,
): NewDelivery[] {
  const action = askedAction(state, index);
  if (action === undefined) return [];
  const { approval } = action;
  const { approvalId, summary } = approval;
  const ago = seconds(options.now() - askedAt);
  const left = seconds(Math.max(0, approval.expiresAt - options.now()));
  const name = nameAction(approval.action);
  const text = `Still waiting for approval of ${name} (asked ${ago} ago). It is denied in ${left}.`;
  const notice = (key: string, lane: string, target: NewDelivery['target']): NewDelivery => {
    return { key, turnId: turn.id, lane, target, message: { kind: 'notice', text, turnId: turn.id } };
  };
  const here = notice(`${approvalId}:reminder`, turn.session, { kind: 'send', to: turn.input.where });
  const others = summary === undefined ? [] : onSummary(state, summary).filter((one) => one !== action);
  const hadCards = options.deliverTo(turn) !== 'conversation' || others.some((one) => one.reminded);
  const message = messageOf(turn, state, action, options);
  const approvers = options.approversFor(turn, termsOf(approval)).map((user) => {
    const place = directPlace(summary ?? approvalId, user);
    return hadCards
      ? notice(`${place.key}:${approvalId}:reminder`, place.lane, place.target)
      : { ...place, turnId: turn.id, message };
  });
  return [here, ...approvers];
}

type Found = { readonly key: DeliveryKey; readonly edits: readonly DeliveryKey[] };

/** The cards that somebody who presses a button can have before them, with the edits that may have come last. */
export function cardsBefore(id: string, user: UserId, summary: readonly Request[]): Found[] {
  const [first] = summary;
  const keys = (of: string) => [`${of}:card`, `${of}:card:${user}`];
  const ends = ['decided', 'ran', 'cancelled'];
  if (first?.summary === undefined)
    return keys(id).map((key) => ({ key, edits: ends.map((step) => `${key}:${step}`) }));
  const steps = summary.flatMap((request) => [
    shownStep(request),
    ...ends.map((step) => `${request.approvalId}:${step}`),
  ]);
  return keys(first.summary).map((key) => ({ key, edits: steps.map((step) => `${key}:${step}`) }));
}
