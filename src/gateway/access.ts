/** Who may talk, approve and administer. One pure function over immutable ids; names never decide anything. */
import type { ApprovalTerms } from '../domain/approval.ts';
import type { Author, UserId } from '../domain/message.ts';

export type AccessRules = {
  /** Ids, or "*" for every person. */
  readonly users: readonly string[];
  readonly approvers: readonly string[];
  readonly admins: readonly string[];
  readonly unknown: 'ignore' | 'refuse';
  /** Name → accounts of that person. */
  readonly people: Readonly<Record<string, readonly UserId[]>>;
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

/** The same for every account of one person, so that nobody agrees with themselves on another platform. */
export function personOf(rules: Pick<AccessRules, 'people'>, id: UserId): string {
  const found = Object.entries(rules.people).find(([, accounts]) => accounts.includes(id));
  return found === undefined ? id : `person:${found[0]}`;
}

/** All accounts of the person whom one belongs to, that one among them. */
export function accountsOf(rules: Pick<AccessRules, 'people'>, id: UserId): readonly UserId[] {
  return Object.values(rules.people).find((accounts) => accounts.includes(id)) ?? [id];
}

/** Who may decide about a request of `requester`, for delivery, for the check of a press and for the refusal text. */
export function approversFor(
  rules: Pick<AccessRules, 'approvers' | 'people'>,
  requester: UserId,
  terms: ApprovalTerms,
): UserId[] {
  const asker = personOf(rules, requester);
  // "*" never widens approval: an id is listed, or it may not approve.
  return (terms.approvers ?? rules.approvers).filter(
    (id) => id !== '*' && !(terms.secondPerson && personOf(rules, id) === asker),
  );
}

/** How many different people are among them. */
export const countPeople = (rules: Pick<AccessRules, 'people'>, ids: readonly UserId[]): number =>
  new Set(ids.map((id) => personOf(rules, id))).size;
