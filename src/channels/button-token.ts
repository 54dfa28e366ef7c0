/**
 * What a button carries: at most 64 bytes, the least any platform allows. A token names a thing by its random id and
 * grants nothing: rights are checked when it is pressed.
 */
import type { ApprovalId } from '../domain/approval.ts';
import type { TurnId } from '../domain/turn.ts';

export type ButtonAction =
  | { readonly kind: 'approval'; readonly id: ApprovalId; readonly decision: 'once' | 'always' | 'deny' }
  /** All requests that were asked together. */
  | { readonly kind: 'batch'; readonly id: string; readonly decision: 'once' | 'deny' }
  /** Changes that a reflection proposes. */
  | { readonly kind: 'review'; readonly id: string; readonly decision: 'once' | 'deny' }
  | { readonly kind: 'stop'; readonly turn: TurnId }
  /** Opens the platform's way of asking aside about that turn. */
  | { readonly kind: 'btw'; readonly turn: TurnId };

const letters = { once: 'o', always: 'a', deny: 'd' } as const;
const decisions = { o: 'once', a: 'always', d: 'deny' } as const;

export function encodeButton(action: ButtonAction): string {
  if (action.kind === 'approval') return `a1:${letters[action.decision]}:${action.id}`;
  if (action.kind === 'batch') return `g1:${letters[action.decision]}:${action.id}`;
  if (action.kind === 'review') return `r1:${letters[action.decision]}:${action.id}`;
  return `${action.kind === 'stop' ? 's1' : 'b1'}:${action.turn}`;
}

/** Undefined for anything we did not make: foreign, forged and future tokens alike. */
export function parseButton(token: string): ButtonAction | undefined {
  // 22 characters of base64url: 128 random bits (`newSecret`).
  const approval = /^a1:([oad]):([A-Za-z0-9_-]{22})$/.exec(token);
  if (approval) {
    const [, letter, id] = approval;
    if (id === undefined) return undefined;
    return { kind: 'approval', id, decision: decisions[letter as keyof typeof decisions] };
  }
  const batch = /^g1:([od]):([A-Za-z0-9_-]{22})$/.exec(token);
  if (batch?.[2] !== undefined)
    return { kind: 'batch', id: batch[2], decision: batch[1] === 'o' ? 'once' : 'deny' };
  const review = /^r1:([od]):([0-9a-z]{25})$/.exec(token);
  if (review?.[2] !== undefined)
    return { kind: 'review', id: review[2], decision: review[1] === 'o' ? 'once' : 'deny' };
  // 25 characters of lower-case base 32 (`newId`).
  const other = /^([sb])1:([0-9a-z]{25})$/.exec(token);
  if (other?.[2] === undefined) return undefined;
  return { kind: other[1] === 's' ? 'stop' : 'btw', turn: other[2] };
}
