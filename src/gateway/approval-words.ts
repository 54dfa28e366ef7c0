/** What people are told about decisions (pure). */
import type { Action } from '../agent/state.ts';
import { type Approval, type ApprovalTerms, voterNames } from '../domain/approval.ts';
import type { UserId } from '../domain/message.ts';
import { type AccessRules, countPeople } from './access.ts';
import { seconds } from './words.ts';

export function outcomeText(decision: 'once' | 'always' | 'deny', name: string): string {
  if (decision === 'deny') return `Denied by ${name}`;
  return decision === 'always' ? `Always allowed by ${name}` : `Approved once by ${name}`;
}

function decisionText({ kind, byName, reason }: Omit<NonNullable<Action['decision']>, 'by'>): string {
  switch (kind) {
    case 'once':
    case 'always':
    case 'deny':
      if (byName !== null) return outcomeText(kind, byName);
      return reason === undefined ? 'Denied by the rules' : `Not run: ${reason}`;
    case 'expired':
      return 'Expired without a decision';
    case 'cancelled':
      if (byName !== null) return `Cancelled: ${byName} stopped the work`;
      return reason === undefined ? 'Cancelled: the work was stopped' : `Cancelled. ${reason}`;
  }
}

/** Of one that is not pending any more. */
export const decidedText = ({ decision, decidedByName: byName }: Approval): string =>
  decisionText({ kind: decision ?? 'cancelled', byName });

/** What has become of a request, for its card; null while it is open. */
export function outcomeOf({ decision, result }: Action): string | null {
  if (decision === null) return null;
  const decided = decisionText(decision);
  const approved = decision.kind === 'once' || decision.kind === 'always';
  if (!approved || result === null) return decided;
  const { ending, text, durationMs } = result;
  return `${decided} — ${ending === null ? text : `${ending} in ${seconds(durationMs)}`}`;
}

/** The same, for somebody who came too late. */
export const tooLateText = (approval: Approval): string =>
  `Already decided: ${approval.decidedByName === null ? decidedText(approval).toLowerCase() : decidedText(approval)}.`;

export function votedText(approval: Approval, required: number): string {
  const missing = required - approval.votes.length;
  const more = missing === 1 ? '1 more person has' : `${missing} more people have`;
  return `Approved by ${voterNames(approval.votes)}; ${more} to approve.`;
}

/** @param others who may decide */
export function refusalText(others: readonly UserId[], isOwnRequest: boolean): string {
  const who =
    others.length === 0
      ? 'Nobody is set up to approve; an admin can change access.approvers.'
      : `Ask ${others.map((user) => user.slice(user.indexOf(':') + 1)).join(' or ')}.`;
  return isOwnRequest
    ? `A second person has to decide about your own request. ${who}`
    : `You may not decide about this. ${who}`;
}

/** Why nobody is asked; null when enough different people can be. @param may who may decide */
export function unreachable(
  rules: Pick<AccessRules, 'people'>,
  may: readonly UserId[],
  { required }: ApprovalTerms,
): string | null {
  const people = countPeople(rules, may);
  if (people >= required) return null;
  const who =
    people === 0
      ? 'nobody is set up to give it'
      : `${required} people have to give it and only ${people} can`;
  return `This needs approval, and ${who}, so it was not done. An admin can list approvers in access.approvers.`;
}
