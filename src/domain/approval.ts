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

/** The stored plan: what was shown is what runs. `args` are the validated arguments of the tool. */
export type PlannedAction = {
  readonly tool: string;
  readonly args: unknown;
  readonly workspace: string;
  readonly profile: string;
  /** SHA-256 of files the action would execute, path → hex; checked again at execution. */
  readonly files?: Readonly<Record<string, string>> | undefined;
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
 */
export function decide(
  approval: Pick<Approval, 'status' | 'expiresAt' | 'alwaysKey'>,
  decision: Decision,
  now: number,
): Verdict {
  if (approval.status !== 'pending') return { outcome: 'already-decided' };
  const byPerson = decision === 'once' || decision === 'always' || decision === 'deny';
  if (byPerson && now >= approval.expiresAt) return { outcome: 'expired' };
  if (decision === 'always' && approval.alwaysKey === null) return { outcome: 'not-grantable' };
  return { outcome: 'decided', status: statusOf[decision] };
}

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
