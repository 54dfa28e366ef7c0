/** Events → messages (pure). All words that people read in chat about a turn are written here. */

import type { Render } from '../agent/run.ts';
import type { Action } from '../agent/state.ts';
import { userText } from '../domain/errors.ts';
import type { EventOf } from '../domain/event.ts';
import type { Button, Card, OutboundMessage, UserId } from '../domain/message.ts';
import type { Turn } from '../domain/turn.ts';
import { mixedScripts, showInvisible } from '../domain/visible.ts';
import type { NewDelivery } from '../store/store.ts';

export type RendererOptions = {
  readonly deliverTo: (turn: Turn) => 'conversation' | 'approvers' | 'both';
  /** Who may decide about a request of this turn. */
  readonly approversFor: (turn: Turn) => readonly UserId[];
  readonly now: () => number;
  readonly approvalButton: (approvalId: string, decision: 'once' | 'always' | 'deny') => string;
};

type Request = EventOf<'approval.requested'>;

export function createRenderer(options: RendererOptions): Render {
  return {
    cards(turn, request) {
      const message = cardMessage(turn, request, null, options);
      return cardKeys(turn, request, options).map(({ key, target }) => ({
        key,
        turnId: turn.id,
        lane: laneOf(turn, target),
        target,
        message,
      }));
    },
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
    failure: (turn, code) => [
      toConversation(turn, answerKey(turn.id), {
        kind: 'error',
        text: userText(code, turn.id),
        turnId: turn.id,
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

type CardPlace = { key: string; target: NewDelivery['target'] };

function cardKeys(turn: Turn, request: Pick<Request, 'approvalId'>, options: RendererOptions): CardPlace[] {
  const places: CardPlace[] = [];
  const to = options.deliverTo(turn);
  if (to !== 'approvers') {
    places.push({ key: `${request.approvalId}:card`, target: { kind: 'send', to: turn.input.where } });
  }
  if (to !== 'conversation') {
    for (const user of options.approversFor(turn)) {
      places.push({ key: `${request.approvalId}:card:${user}`, target: { kind: 'direct', user } });
    }
  }
  return places;
}

const laneOf = (turn: Turn, target: NewDelivery['target']): string =>
  target.kind === 'direct' ? `direct:${target.user}` : turn.session;

/** Edits every copy of the card to its outcome. `step` keeps the keys of successive edits apart. */
function settled(
  turn: Turn,
  action: Action,
  outcome: string,
  step: string,
  options: RendererOptions,
): NewDelivery[] {
  return action.approval === null ? [] : settledCards(turn, action.approval, outcome, step, options);
}

export function settledCards(
  turn: Turn,
  request: Request,
  outcome: string,
  step: string,
  options: RendererOptions,
): NewDelivery[] {
  const message = cardMessage(turn, request, outcome, options);
  return cardKeys(turn, request, options).map(({ key, target }) => ({
    key: `${key}:${step}`,
    turnId: turn.id,
    lane: laneOf(turn, target),
    target: { kind: 'edit', of: key },
    message,
  }));
}

function cardMessage(
  turn: Turn,
  request: Request,
  outcome: string | null,
  options: RendererOptions,
): OutboundMessage {
  const text = showInvisible(request.display.text);
  const strange = mixedScripts(request.display.text);
  const why = [
    ...request.reasons,
    ...(strange.length === 0 ? [] : [`looks like other letters: ${strange.join(', ')}`]),
  ];
  const facts = [
    `asked by ${turn.input.author.name}`,
    `in ${request.action.workspace}`,
    ...(request.sandbox === null ? [] : [`sandbox: ${request.sandbox}`]),
  ];
  const card: Card = {
    title: request.display.question,
    action: { text, language: request.display.language },
    facts,
    why,
    ...(request.modelReason === null ? {} : { modelReason: showInvisible(request.modelReason) }),
    ...(outcome === null ? { expiresAt: request.expiresAt } : { outcome, settledAt: options.now() }),
  };
  const buttons = outcome === null ? buttonsOf(request, options) : [];
  return { kind: 'card', text: cardText(card, request), card, buttons, turnId: turn.id };
}

/** For readers and platforms without cards: the same facts as text, with the command that decides. */
function cardText(card: Card, request: Request): string {
  const fence = '`'.repeat(Math.max(3, longestRun(card.action.text, '`') + 1));
  const lines = [
    card.title,
    `${fence}${card.action.language}`,
    card.action.text,
    fence,
    card.facts.join(' · '),
  ];
  if (card.why.length > 0) lines.push(`Why it asks: ${card.why.join('; ')}`);
  lines.push(card.outcome ?? `Decide with /approve ${request.approvalId} once, always or deny`);
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

function buttonsOf(request: Request, options: RendererOptions): Button[] {
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

function decidedBy(action: Action): string {
  const name = action.decision?.byName ?? 'somebody';
  return action.decision?.kind === 'always' ? `Always allowed by ${name}` : `Approved once by ${name}`;
}

/** 840 ms, 1.2 s, 3 min 5 s */
export function seconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
