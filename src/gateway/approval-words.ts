/** What people are told about decisions (pure). */
import { type Approval, voterNames } from '../domain/approval.ts';
import type { UserId } from '../domain/message.ts';

export function outcomeText(decision: 'once' | 'always' | 'deny', name: string): string {
  if (decision === 'deny') return `Denied by ${name}`;
  return decision === 'always' ? `Always allowed by ${name}` : `Approved once by ${name}`;
}

/** Of one that is not pending any more. */
export function decidedText(approval: Approval): string {
  switch (approval.decision) {
    case 'once':
    case 'always':
    case 'deny':
      return approval.decidedByName === null
        ? 'Denied by the rules'
        : outcomeText(approval.decision, approval.decidedByName);
    case 'expired':
      return 'Expired without a decision';
    default:
      return 'Cancelled: the work was stopped';
  }
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
