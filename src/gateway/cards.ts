/** Approval cards (pure): what one shows, and where its copies are. */
import type { ApprovalTerms } from '../domain/approval.ts';
import type { EventOf } from '../domain/event.ts';
import type { Button, Card, OutboundMessage, UserId } from '../domain/message.ts';
import type { Turn } from '../domain/turn.ts';
import { mixedScripts, showInvisible } from '../domain/visible.ts';
import type { NewDelivery } from '../store/store.ts';
import { nameAction } from './words.ts';

export type CardOptions = {
  readonly deliverTo: (turn: Turn) => 'conversation' | 'approvers' | 'both';
  /** Who may decide about a request of this turn. */
  readonly approversFor: (turn: Turn, terms: ApprovalTerms) => readonly UserId[];
  readonly now: () => number;
  readonly approvalButton: (approvalId: string, decision: 'once' | 'always' | 'deny') => string;
  readonly batchButton: (batch: string, decision: 'once' | 'deny') => string;
};

export type Request = EventOf<'approval.requested'>;

export function newCards(turn: Turn, request: Request, options: CardOptions): NewDelivery[] {
  const message = cardMessage(turn, request, null, options);
  const cards = placesOf(turn, request, request.approvalId, false, options).map((place) => ({
    ...place,
    turnId: turn.id,
    message,
  }));
  return options.deliverTo(turn) === 'approvers' ? [askedElsewhere(turn, request), ...cards] : cards;
}

/** Where no card is to be seen, whoever waits for it is told; once for all requests of a batch, or of a summary. */
export function askedElsewhere(turn: Turn, request: Request): NewDelivery {
  const shared = request.summary ?? request.batch;
  const what = shared === undefined ? nameAction(request.action) : 'several actions';
  const text = `This waits for approval of ${what}. I have asked those who may decide, in private.`;
  return {
    key: `${shared ?? request.approvalId}:asked`,
    turnId: turn.id,
    lane: turn.session,
    target: { kind: 'send', to: turn.input.where },
    message: { kind: 'notice', text, turnId: turn.id },
  };
}

export const termsOf = (request: Request): ApprovalTerms => ({
  approvers: request.approvers ?? null,
  required: request.required ?? 1,
  secondPerson: request.secondPerson ?? false,
});

export type CardPlace = Pick<NewDelivery, 'key' | 'lane' | 'target'>;

/** @param id of the approval, the batch or the summary */
export function placesOf(
  turn: Turn,
  request: Request,
  id: string,
  reminded: boolean,
  options: CardOptions,
): CardPlace[] {
  const to = options.deliverTo(turn);
  const here = {
    key: `${id}:card`,
    lane: turn.session,
    target: { kind: 'send', to: turn.input.where },
  } as const;
  const approvers = () => options.approversFor(turn, termsOf(request)).map((user) => directPlace(id, user));
  return [...(to === 'approvers' ? [] : [here]), ...(to === 'conversation' && !reminded ? [] : approvers())];
}

export const directPlace = (id: string, user: UserId): CardPlace => ({
  key: `${id}:card:${user}`,
  lane: `direct:${user}`,
  target: { kind: 'direct', user },
});

export const editOf = (
  turn: Turn,
  place: CardPlace,
  step: string,
  message: OutboundMessage,
): NewDelivery => ({
  key: `${place.key}:${step}`,
  turnId: turn.id,
  lane: place.lane,
  target: { kind: 'edit', of: place.key },
  message,
});

export function cardMessage(
  turn: Turn,
  request: Request,
  outcome: string | null,
  options: CardOptions,
  voters: readonly string[] = [],
): OutboundMessage {
  const card: Card = {
    title: request.display.question,
    action: { text: actionText(request), language: request.display.language },
    facts: factsOf(turn, request, voters),
    why: whyOf(request),
    ...(request.modelReason === null ? {} : { modelReason: showInvisible(request.modelReason) }),
    ...(outcome === null ? { expiresAt: request.expiresAt } : { outcome, settledAt: options.now() }),
  };
  const buttons = outcome === null ? buttonsOf(request, options) : [];
  return { kind: 'card', text: cardText(card, decideLine(request)), card, buttons, turnId: turn.id };
}

export function decideLine(request: Request): string {
  const words = request.grantable ? 'once, always or deny' : 'once or deny';
  return `Decide with /approve ${request.approvalId} ${words}`;
}

export const factsOf = (turn: Turn, request: Request, voters: readonly string[]): string[] => [
  `asked by ${turn.input.author.name}`,
  `in ${request.action.workspace}`,
  ...ownFacts(request, voters),
];

/** All that is agreed to. Hosts that a rule opens are part of it, so they stand where nothing is ever cut (A8). */
export function actionText({ display, action, sandbox }: Request): string {
  const text = showInvisible(display.text);
  return action.network === undefined || sandbox === null ? text : `${text}\n\n# sandbox: ${sandbox}`;
}

/** What is not the same for all requests of a turn. */
export function ownFacts(request: Request, voters: readonly string[] = []): string[] {
  const { required } = termsOf(request);
  const voted = voters.length === 0 ? '' : `, so far ${voters.join(' and ')}`;
  return [
    ...(request.sandbox === null ? [] : [`sandbox: ${request.sandbox}`]),
    ...(required === 1 ? [] : [`${required} people have to approve${voted}`]),
  ];
}

export function whyOf(request: Request): string[] {
  const strange = mixedScripts(request.display.text);
  return [
    ...request.reasons,
    ...(strange.length === 0 ? [] : [`looks like other letters: ${strange.join(', ')}`]),
  ];
}

/** For readers and platforms without cards: the same facts as text, with the command that decides. */
export function cardText(card: Card, decide: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(card.action.text, '`') + 1));
  const lines = [
    card.title,
    `${fence}${card.action.language}`,
    card.action.text,
    fence,
    card.facts.join(' · '),
  ];
  if (card.why.length > 0) lines.push(`Why it asks: ${card.why.join('; ')}`);
  lines.push(...(card.notes ?? []), card.outcome ?? decide);
  return lines.join('\n');
}

function longestRun(text: string, character: string): number {
  let longest = 0;
  let run = 0;
  for (const one of text) {
    run = one === character ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

export function buttonsOf(request: Request, options: CardOptions): Button[] {
  const token = (decision: 'once' | 'always' | 'deny') =>
    options.approvalButton(request.approvalId, decision);
  return [
    { label: 'Approve once', token: token('once'), style: 'primary' },
    ...(request.grantable
      ? [{ label: 'Always allow this', token: token('always'), style: 'plain' } as const]
      : []),
    { label: 'Deny', token: token('deny'), style: 'danger' },
  ];
}
