/**
 * What is remembered, for whom, and who may see it again. Pure: the store turns a viewer into conditions of its
 * queries, so that nothing is ever read first and sorted out afterwards.
 */
import type { InboundMessage, UserId } from './message.ts';
import { type SessionKey, sessionKey } from './session.ts';
import type { TurnId } from './turn.ts';

export type MemoryId = string;
export const memoryScopes = ['user', 'conversation', 'workspace'] as const;
export type MemoryScope = (typeof memoryScopes)[number];

export type Memory = {
  readonly id: MemoryId;
  /** Short and speaking, unique among the entries of its owner: `prefers-metric-units`. */
  readonly name: string;
  /** One line: what it is about. */
  readonly description: string;
  /** What kind of thing: `preference`, `fact`, `decision` … */
  readonly type: string;
  readonly body: string;
  readonly scope: MemoryScope;
  /** Of `user` a person's id, of `conversation` a conversation's key, of `workspace` its path. */
  readonly owner: string;
  /**
   * Of `user`: the shared conversation it was told in, where alone (beside private chats) it is recalled; null when
   * it was told in private, and then it never leaves private chats. Null for the other scopes.
   */
  readonly place: SessionKey | null;
  /** 0 to 1. */
  readonly importance: number;
  /** The event it was taken from; null when an operator wrote it. */
  readonly source: { readonly turnId: TurnId; readonly seq: number } | null;
  /** Who said it. */
  readonly author: UserId;
  readonly createdAt: number;
  readonly updatedAt: number;
};

/** Whose prompt, or whose list, something is for. */
export type Viewer = {
  readonly user: UserId;
  /** Key of the conversation, its threads included. */
  readonly conversation: SessionKey;
  readonly workspace: string;
  /** Nobody else reads along. */
  readonly direct: boolean;
};

/** One owner's entries, as far as they may be seen together. `place` absent: wherever they were told. */
export type Partition = {
  readonly scope: MemoryScope;
  readonly owner: string;
  readonly place?: SessionKey;
};

/** A conversation and its threads are one place to remember in, as the same people read them, but for closed threads. */
export function conversationKey({
  where,
  closedThread,
}: Pick<InboundMessage, 'where' | 'closedThread'>): SessionKey {
  const { thread: _, ...conversation } = where;
  return sessionKey(closedThread === true ? where : conversation);
}

/** All that a viewer may see: what a person said in private is recalled in private only. */
export function partitionsFor(viewer: Viewer): Partition[] {
  const shared: Partition = { scope: 'workspace', owner: viewer.workspace };
  const own: Partition = { scope: 'user', owner: viewer.user };
  if (viewer.direct) return [own, shared];
  return [
    { ...own, place: viewer.conversation },
    { scope: 'conversation', owner: viewer.conversation },
    shared,
  ];
}

/** The partitions an entry belongs to: the inverse of `partitionsFor`. */
export function partitionsOf({
  scope,
  owner,
  place,
}: Pick<Memory, 'scope' | 'owner' | 'place'>): Partition[] {
  return place === null
    ? [{ scope, owner }]
    : [
        { scope, owner },
        { scope, owner, place },
      ];
}

export const isVisible = (memory: Pick<Memory, 'scope' | 'owner' | 'place'>, viewer: Viewer): boolean =>
  partitionsFor(viewer).some(
    (one) =>
      one.scope === memory.scope &&
      one.owner === memory.owner &&
      (one.place === undefined || one.place === memory.place),
  );

/** Where something said to the viewer's face may be kept. In private chats there is nobody to share it with. */
export function homeFor(viewer: Viewer, wanted: MemoryScope): Pick<Memory, 'scope' | 'owner' | 'place'> {
  if (viewer.direct) return { scope: 'user', owner: viewer.user, place: null };
  switch (wanted) {
    case 'user':
      return { scope: 'user', owner: viewer.user, place: viewer.conversation };
    case 'conversation':
      return { scope: 'conversation', owner: viewer.conversation, place: null };
    case 'workspace':
      return { scope: 'workspace', owner: viewer.workspace, place: null };
  }
}

const MAX_NAME_LENGTH = 60;

/** `Ana prefers metric units!` → `ana-prefers-metric-units`. Letters of every script are kept. */
export function toMemoryName(text: string): string {
  const words = text
    .normalize('NFKC')
    .toLowerCase()
    .match(/[\p{L}\p{M}\p{N}]+/gu);
  let name = '';
  for (const word of words ?? []) {
    const longer = name === '' ? word : `${name}-${word}`;
    if (longer.length > MAX_NAME_LENGTH) break;
    name = longer;
  }
  if (name !== '') return name;
  return [...(words?.[0] ?? 'note')].slice(0, MAX_NAME_LENGTH / 2).join('');
}

/** One word, whatever a model calls it. */
export const toMemoryType = (text: string | null | undefined): string =>
  /[\p{L}\p{N}_-]{1,40}/u.exec(text?.toLowerCase() ?? '')?.[0] ?? 'fact';
