/**
 * What one person alone sees: their commands and the private answers. Kept in memory for a while, so that a reload
 * or a second tab of the same person shows it; never in the feed, never on another person's wire.
 */
import type { Button, Card, OutboundMessage, UserId } from '../../domain/message.ts';
import type { Clock } from '../../domain/runtime.ts';
import type { Place } from './places.ts';

export type Aside = Place & {
  readonly id: string;
  readonly at: number;
  readonly kind: OutboundMessage['kind'];
  /** The command it answers, if it answers one. */
  readonly command: { readonly name: string; readonly argument: string } | null;
  /** Of a side question: shown dimmed above the answer. */
  readonly question: string | null;
  /** False while the answer is still being written. */
  readonly done: boolean;
  /** Null until there is an answer. */
  readonly html: readonly string[] | null;
  readonly card: Card | null;
  readonly buttons: readonly Button[];
};

export type Asides = {
  get(user: UserId, id: string): Aside | undefined;
  put(user: UserId, aside: Aside): void;
  remove(user: UserId, id: string): void;
  /** Oldest first. */
  list(user: UserId): readonly Aside[];
};

const MAX_KEPT = 50;
const KEPT_MS = 30 * 60 * 1000;

export function createAsides({ clock }: { clock: Clock }): Asides {
  const byUser = new Map<UserId, Map<string, Aside>>();

  function of(user: UserId): Map<string, Aside> {
    const asides = byUser.get(user) ?? new Map<string, Aside>();
    byUser.set(user, asides);
    const surplus = asides.size - MAX_KEPT;
    [...asides.values()].forEach((aside, index) => {
      if (index < surplus || aside.at < clock.now() - KEPT_MS) asides.delete(aside.id);
    });
    return asides;
  }

  return {
    get: (user, id) => of(user).get(id),
    put(user, aside) {
      of(user).set(aside.id, aside);
    },
    remove(user, id) {
      of(user).delete(id);
    },
    list: (user) => [...of(user).values()],
  };
}

/** The answer to the command `asked`, or a private message of its own. */
export function toAside(
  message: OutboundMessage,
  html: readonly string[],
  base: Place & Pick<Aside, 'id' | 'at'>,
  asked: Aside | undefined,
): Aside {
  return {
    conversation: base.conversation,
    thread: base.thread,
    id: asked?.id ?? base.id,
    at: asked?.at ?? base.at,
    kind: message.kind,
    command: asked?.command ?? null,
    question: message.aside?.question ?? null,
    done: message.aside?.done ?? true,
    html,
    card: message.card ?? null,
    buttons: message.buttons ?? [],
  };
}
