/** The web's live reply: a draft that every tab of the audience sees grow, then the post that takes its place. */
import type { DeliveryKey, MessageRef, OutboundMessage } from '../../domain/message.ts';
import type { TurnId } from '../../domain/turn.ts';
import type { ReplyStream } from '../adapter.ts';
import type { Audience, Draft, Live } from './live.ts';
import type { Place } from './places.ts';

export type ReplyStreamDeps = {
  readonly live: Live;
  readonly place: Place;
  /** Who sees the place; unknown for a moment when it was not read before. */
  readonly audience: Promise<Audience | undefined>;
  readonly replyTo: string | null;
  readonly turnId: TurnId | undefined;
  /** Stores the final post in place of the draft and returns once it is on its way. */
  readonly post: (
    message: OutboundMessage,
    key: DeliveryKey,
    draft: Draft | undefined,
  ) => Promise<MessageRef[]>;
};

export function createReplyStream(deps: ReplyStreamDeps): ReplyStream {
  const { live, place, replyTo } = deps;
  let draft: Draft | undefined;
  let isOver = false;
  /** Calls made before the audience is known. */
  let waiting: ((open: Draft) => void)[] = [];

  const opened = deps.audience.then((audience) => {
    if (audience === undefined) isOver = true;
    if (audience === undefined || isOver) return;
    draft = live.openDraft(place, audience, { replyTo, turnId: deps.turnId });
    for (const apply of waiting) apply(draft);
    waiting = [];
  });

  function change(apply: (open: Draft) => void): void {
    if (isOver) return;
    if (draft === undefined) {
      waiting.push(apply);
      return;
    }
    apply(draft);
    live.touch();
  }

  return {
    append(delta) {
      change((open) => open.text.append(delta));
    },
    status(text) {
      change((open) => {
        open.status = text;
      });
    },
    step(step) {
      change((open) => {
        open.steps = [...open.steps, step];
      });
    },
    reset() {
      change((open) => open.text.reset());
    },
    // What another process posts ends the draft.
    hold: () => undefined,
    async finish(message, key) {
      await opened;
      isOver = true;
      try {
        return await deps.post(message, key, draft);
      } finally {
        // A no-op unless the post did not take its place (an earlier attempt had stored it, or it failed).
        if (draft !== undefined) live.closeDraft(draft.id, 'discarded');
      }
    },
    async discard() {
      isOver = true;
      if (draft !== undefined) live.closeDraft(draft.id, 'discarded');
    },
  };
}
