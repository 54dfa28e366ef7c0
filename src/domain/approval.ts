/** An approval: one action, shown exactly, decided once. */
import { createHash } from 'node:crypto';
import type { UserId } from './message.ts';
import type { SessionKey } from './session.ts';
import type { TurnId } from './turn.ts';

export type ApprovalId = string;
export type Risk = 'low' | 'medium' | 'high' | 'blocked';
export type ApprovalStatus = 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled';
/** What a person pressed, or what time and `/stop` did instead. */
export type Decision = 'once' | 'always' | 'deny' | 'expired' | 'cancelled';

/** Who decides about a request, and how many of them have to agree. */
export type ApprovalTerms = {
  /** Null: whoever `access.approvers` lists at that time. */
  readonly approvers: readonly UserId[] | null;
  /** Different people who have to approve; a single one who denies is enough. */
  readonly required: number;
  /** Nobody approves what they asked for themselves. */
  readonly secondPerson: boolean;
};

/** One approval of somebody. `person` is the same for all ids of one person. */
export type Vote = {
  readonly by: UserId;
  readonly byName: string;
  readonly person: string;
  readonly at: number;
};

/** The stored plan: what was shown is what runs. `args` are the validated arguments of the tool. */
export type PlannedAction = {
  readonly tool: string;
  readonly args: unknown;
  readonly workspace: string;
  readonly profile: string;
  /** What the action executes, replaces or relies on: SHA-256 by path or name; checked again at execution. */
  readonly files?: Readonly<Record<string, string>> | undefined;
  /** Hosts that rules open for it: no others are, whatever rules say by the time it runs. */
  readonly network?: readonly string[] | undefined;
};

export type Approval = {
  readonly id: ApprovalId;
  readonly turnId: TurnId;
  readonly session: SessionKey;
  /** Index of the action within its turn. */
  readonly index: number;
  readonly action: PlannedAction;
  /** `actionDigest(action)` at the time of asking. */
  readonly digest: string;
  readonly risk: Risk;
  readonly reasons: readonly string[];
  /** Normalized exact action an "always" would store; null: can never be always allowed. */
  readonly alwaysKey: string | null;
  readonly requestedBy: UserId;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly terms: ApprovalTerms;
  /** Approvals so far; empty for one that was denied or not decided by people. */
  readonly votes: readonly Vote[];
  /** Requests that one answer of the model brought together, and that may be decided together. */
  readonly batch: string | null;
  readonly status: ApprovalStatus;
  readonly decision: Decision | null;
  readonly decidedBy: UserId | null;
  readonly decidedByName: string | null;
  readonly decidedAt: number | null;
};

/** An "always" that someone granted: the exact normalized action, for one profile and workspace. */
export type Grant = {
  readonly id: string;
  readonly key: string;
  readonly tool: string;
  readonly args: unknown;
  readonly profile: string;
  readonly workspace: string;
  readonly grantedBy: UserId;
  readonly createdAt: number;
  readonly expiresAt: number | null;
};

export type Verdict =
  | { readonly outcome: 'decided'; readonly status: ApprovalStatus }
  /** It counts, and others have to approve too. */
  | { readonly outcome: 'voted' }
  | { readonly outcome: 'already-voted' }
  | { readonly outcome: 'already-decided' }
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'not-grantable' };

const statusOf: Record<Decision, ApprovalStatus> = {
  once: 'approved',
  always: 'approved',
  deny: 'denied',
  expired: 'expired',
  cancelled: 'cancelled',
};

/**
 * The state machine of one approval (pure). A decision counts only while it is pending and in time;
 * after `expiresAt` every press finds it expired, whether or not the timer has got round to it yet.
 * @param by.person who it is, whatever account they use; null when time or a stop decides
 * @param by.required how many have to approve by the rules of now, which may be stricter than those it was asked under
 */
export function decide(
  approval: Pick<Approval, 'status' | 'expiresAt' | 'alwaysKey' | 'terms' | 'votes'>,
  decision: Decision,
  now: number,
  by: { readonly person: string | null; readonly required: number },
): Verdict {
  if (approval.status !== 'pending') return { outcome: 'already-decided' };
  const byPerson = decision === 'once' || decision === 'always' || decision === 'deny';
  if (byPerson && now >= approval.expiresAt) return { outcome: 'expired' };
  if (decision === 'always' && approval.alwaysKey === null) return { outcome: 'not-grantable' };
  const approves = decision === 'once' || decision === 'always';
  if (approves && approval.votes.some((vote) => vote.person === by.person))
    return { outcome: 'already-voted' };
  const required = Math.max(approval.terms.required, by.required);
  if (approves && approval.votes.length + 1 < required) return { outcome: 'voted' };
  return { outcome: 'decided', status: statusOf[decision] };
}

/** Those who approved, as in "Ana and Bo". */
export const voterNames = (votes: readonly Vote[]): string => votes.map((vote) => vote.byName).join(' and ');

/** JSON with sorted keys, so that equal values have equal text whatever order they were built in. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`);
  return `{${fields.join(',')}}`;
}

/** SHA-256 hex over all of an action; a stored action that no longer has its digest is refused. */
export const actionDigest = (action: PlannedAction): string =>
  createHash('sha256').update(canonicalJson(action)).digest('hex');
