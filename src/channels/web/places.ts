/** Conversations as people see them: who owns which, which ones exist from the start, who may look. */
import { createHash } from 'node:crypto';
import type { Conversation, Feed } from '../../domain/feed.ts';
import type { ConversationRef, UserId } from '../../domain/message.ts';
import type { Clock } from '../../domain/runtime.ts';

/** A conversation, or one thread in it. */
export type Place = { readonly conversation: string; readonly thread: string | null };

export type Places = {
  /** Undefined when it does not exist. */
  get(id: string): Promise<Pick<Conversation, 'id' | 'owner'> | undefined>;
  /** The same for one person: what they may not see does not exist. */
  visible(id: string, user: UserId): Promise<Pick<Conversation, 'id' | 'owner'> | undefined>;
  /** Everyone's conversation. Idempotent. */
  openShared(): Promise<void>;
  /** The private conversation with a person. Idempotent. */
  openDirect(user: UserId): Promise<string>;
};

const SHARED_ID = 'general';
/** Owners never change, so they are remembered; the bound only keeps a long life from growing. */
const MAX_REMEMBERED = 10_000;

export const refOf = ({ conversation, thread }: Place): ConversationRef => ({
  channel: 'web',
  account: 'web',
  conversation,
  ...(thread === null ? {} : { thread }),
});

export const placeOf = (ref: ConversationRef): Place => ({
  conversation: ref.conversation,
  thread: ref.thread ?? null,
});

const directId = (user: UserId): string =>
  `me-${createHash('sha256').update(user).digest('base64url').slice(0, 16)}`;

export function createPlaces({ feed, clock }: { feed: Feed; clock: Clock }): Places {
  const owners = new Map<string, UserId | null>();

  async function get(id: string): Promise<Pick<Conversation, 'id' | 'owner'> | undefined> {
    const known = owners.get(id);
    if (known !== undefined) return { id, owner: known };
    const found = await feed.conversation(id);
    if (found === undefined) return undefined;
    if (owners.size >= MAX_REMEMBERED) owners.clear();
    owners.set(id, found.owner);
    return found;
  }

  async function open(id: string, title: string, owner: UserId | null): Promise<void> {
    if ((await get(id)) === undefined)
      await feed.createConversation({ id, title, owner, createdAt: clock.now() });
  }

  return {
    get,
    async visible(id, user) {
      const found = await get(id);
      return found !== undefined && (found.owner === null || found.owner === user) ? found : undefined;
    },
    openShared: () => open(SHARED_ID, 'General', null),
    async openDirect(user) {
      await open(directId(user), 'Chat with Parley', user);
      return directId(user);
    },
  };
}
