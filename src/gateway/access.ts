/** Who may talk, approve and administer. One pure function over immutable ids; names never decide anything. */
import type { Author, UserId } from '../domain/message.ts';

export type AccessRules = {
  /** Ids, or "*" for every person. */
  readonly users: readonly string[];
  readonly approvers: readonly string[];
  readonly admins: readonly string[];
  readonly unknown: 'ignore' | 'refuse';
};

export type Role = 'user' | 'approver' | 'admin';

/** The roles of an author; none for anyone unknown, and none ever for bots, webhooks, guests or anonymous senders. */
export function rolesOf(rules: AccessRules, author: Pick<Author, 'id' | 'kind'>): Role[] {
  if (author.kind !== 'person') return [];
  const listed = (ids: readonly string[]) => ids.includes(author.id);
  const roles: Role[] = [];
  if (listed(rules.users) || rules.users.includes('*') || listed(rules.approvers) || listed(rules.admins))
    roles.push('user');
  if (listed(rules.approvers)) roles.push('approver');
  if (listed(rules.admins)) roles.push('admin');
  return roles;
}

/** Approvers who may decide about a request of `requester`, for delivery and for the refusal text. */
export function approversFor(rules: AccessRules, requester: UserId, secondPerson: boolean): UserId[] {
  // "*" never widens approval: an id is listed, or it may not approve.
  return rules.approvers.filter((id) => id !== '*' && !(secondPerson && id === requester));
}
