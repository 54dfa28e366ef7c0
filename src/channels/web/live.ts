/**
 * What is true only now and stored nowhere: which tabs are open, answers being written, signs of life. Each tab is a
 * `Subscriber` with a bounded queue; drafts are compared with what that tab has, so a slow one skips to the newest.
 */
import type { StepLine, UserId } from '../../domain/message.ts';
import { type Clock, newId } from '../../domain/runtime.ts';
import { createDraftText, type DraftText } from './draft-text.ts';
import type { Place } from './places.ts';

export type Draft = Place & {
  readonly id: string;
  readonly text: DraftText;
  readonly replyTo: string | null;
  readonly turnId: string | undefined;
  readonly startedAt: number;
  status: string | null;
  steps: readonly StepLine[];
};

export type Frame = { readonly event: string; readonly data: unknown; readonly id?: number };

export type Subscriber = {
  readonly user: UserId;
  /** Everything to say since the last call. */
  take(): Frame[];
  /** Resolves when there is something to take or it is closed; `timeout` when nothing came for `ms`. */
  wait(ms: number): Promise<'ready' | 'timeout'>;
  close(): void;
  isClosed(): boolean;
};

/** Null: everyone who is signed in. */
export type Audience = UserId | null;

export type Live = {
  subscribe(user: UserId): Subscriber;
  send(audience: Audience, frame: Frame): void;
  openDraft(place: Place, audience: Audience, of: Pick<Draft, 'replyTo' | 'turnId'>): Draft;
  /** The id of the one in which a turn is being answered. */
  draftOf(turnId: string | undefined): string | null;
  /** Says that a draft changed; tabs hear of it at most every `DRAFT_EVERY_MS`. */
  touch(): void;
  /** `replaced`: the post that just went out stands in its place, no tab needs to be told. */
  closeDraft(id: string, how: 'replaced' | 'discarded'): void;
  typing(place: Place, audience: Audience): void;
  closeAll(): void;
};

/** As often as the eye follows. */
const DRAFT_EVERY_MS = 40;
/** A tab this far behind is cut off; it comes back and reads the feed from where it was. */
const MAX_QUEUED = 1_000;
const TYPING_MS = 6_000;

type Seen = { blocks: readonly string[]; state: string };

export function createLive({ clock }: { clock: Clock }): Live {
  const subscribers = new Map<
    Subscriber,
    { push(frame: Frame): void; wake(): void; forget(draft: string): void }
  >();
  const drafts = new Map<string, { draft: Draft; audience: Audience }>();
  let timer: NodeJS.Timeout | undefined;

  const hears = (user: UserId, audience: Audience): boolean => audience === null || audience === user;

  function subscribe(user: UserId): Subscriber {
    let queue: Frame[] = [];
    const seen = new Map<string, Seen>();
    let closed = false;
    let resume: () => void = () => undefined;
    // Something may happen while the last frames are still on their way out, when nobody waits.
    let pending = true;
    const wake = () => {
      pending = true;
      resume();
    };

    const subscriber: Subscriber = {
      user,
      take() {
        const frames = queue;
        queue = [];
        pending = false;
        for (const { draft, audience } of drafts.values()) {
          if (!hears(user, audience)) continue;
          const frame = difference(draft, seen);
          if (frame !== undefined) frames.push(frame);
        }
        return frames;
      },
      wait: (ms) =>
        new Promise((resolve) => {
          if (closed || pending) return resolve('ready');
          const done = setTimeout(() => resolve('timeout'), ms);
          resume = () => {
            clearTimeout(done);
            resolve('ready');
          };
        }),
      close() {
        closed = true;
        subscribers.delete(subscriber);
        wake();
      },
      isClosed: () => closed,
    };
    subscribers.set(subscriber, {
      push(frame) {
        if (queue.length >= MAX_QUEUED) return subscriber.close();
        queue.push(frame);
        wake();
      },
      wake,
      forget: (draft) => seen.delete(draft),
    });
    return subscriber;
  }

  function send(audience: Audience, frame: Frame): void {
    for (const [subscriber, { push }] of subscribers) if (hears(subscriber.user, audience)) push(frame);
  }

  return {
    subscribe,
    send,
    openDraft(place, audience, { replyTo, turnId }) {
      const now = clock.now();
      const draft: Draft = {
        ...place,
        id: newId(now),
        text: createDraftText(),
        replyTo,
        turnId,
        startedAt: now,
        status: null,
        steps: [],
      };
      drafts.set(draft.id, { draft, audience });
      for (const { wake } of subscribers.values()) wake();
      return draft;
    },
    draftOf(turnId) {
      if (turnId === undefined) return null;
      for (const { draft } of drafts.values()) if (draft.turnId === turnId) return draft.id;
      return null;
    },
    touch() {
      timer ??= setTimeout(() => {
        timer = undefined;
        for (const { wake } of subscribers.values()) wake();
      }, DRAFT_EVERY_MS);
    },
    closeDraft(id, how) {
      const open = drafts.get(id);
      if (open === undefined) return;
      drafts.delete(id);
      for (const { forget } of subscribers.values()) forget(id);
      if (how === 'discarded') send(open.audience, { event: 'draft-end', data: { id } });
    },
    typing(place, audience) {
      send(audience, { event: 'typing', data: { ...place, forMs: TYPING_MS } });
    },
    closeAll() {
      clearTimeout(timer);
      for (const subscriber of [...subscribers.keys()]) subscriber.close();
    },
  };
}

/** What changed of a draft since this tab last heard of it; blocks before `from` are as they were. */
function difference(draft: Draft, seen: Map<string, Seen>): Frame | undefined {
  const blocks = draft.text.blocks();
  const before = seen.get(draft.id);
  const state = JSON.stringify([draft.status, draft.steps]);
  if (before?.blocks === blocks && before.state === state) return undefined;
  let from = 0;
  while (from < blocks.length && before?.blocks[from] === blocks[from]) from++;
  seen.set(draft.id, { blocks, state });
  return {
    event: 'draft',
    data: {
      id: draft.id,
      conversation: draft.conversation,
      thread: draft.thread,
      at: draft.startedAt,
      replyTo: draft.replyTo,
      from,
      blocks: blocks.slice(from),
      steps: draft.steps,
      status: draft.status,
    },
  };
}
