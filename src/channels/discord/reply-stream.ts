/**
 * Discord's live reply: one message, edited at a legal rate while the answer grows, with a button that stops the work.
 * The final text takes its place.
 */
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { DeliveryKey, InboundMessage, MessageRef, OutboundMessage } from '../../domain/message.ts';
import { type Logger, newSecret } from '../../domain/runtime.ts';
import type { ReplyStream } from '../adapter.ts';
import { encodeButton } from '../button-token.ts';
import { askedWait } from '../patience.ts';
import type { DiscordApi } from './api.ts';
import type { Draft, Drafts, PostedDraft } from './drafts.ts';
import { type Part, small, toBody, toDraft, toEdit } from './outbound.ts';

export type ReplyStreamDeps = {
  readonly api: DiscordApi;
  readonly drafts: Drafts;
  readonly crowd: Crowd;
  readonly log: Logger;
  /** The channel to write in; begins the thread if it has to. */
  readonly target: () => Promise<string>;
  readonly replyTo: InboundMessage | undefined;
  readonly turn: string | undefined;
  /** No process had the turn in hand before, so none has left a draft of it. */
  readonly isFirst: boolean;
  /** Makes sure that a draft from before is there. */
  readonly posted: (draft: Draft) => Promise<PostedDraft>;
  /** Delivers the final message, in place of the draft where there is one. */
  readonly deliver: (
    message: OutboundMessage,
    key: DeliveryKey,
    draft: Draft | undefined,
  ) => Promise<MessageRef[]>;
};

/** Discord lets a bot edit about five times in five seconds in one channel, and sends go there too. */
export const EDIT_EVERY_MS = 1_200;
/** The first words gather for this long, so that a short answer is one message and no edit. */
export const FIRST_AFTER_MS = 400;
/** People look for a sign of work, and for a way to stop it, before the first word has come: within two seconds. */
const SHOW_AFTER_MS = 1_500;

/** Of the 50 calls a second that a bot may make, for all that is shown of answers that grow. */
const DRAFTS_PER_SECOND = 25;

/** The replies that are being written here: the more there are, the less often each of them is shown. */
export type Crowd = {
  /** One has begun. Call the function when it is over. */
  enter(): () => void;
  /** From the beginning of a reply, or since it was shown last, to when it may be shown. */
  waitMs(): number;
};

export function createCrowd(): Crowd {
  let size = 0;
  return {
    enter() {
      size += 1;
      let isIn = true;
      return () => {
        if (isIn) size -= 1;
        isIn = false;
      };
    },
    waitMs: () => (size * 1_000) / DRAFTS_PER_SECOND,
  };
}

export function createReplyStream(deps: ReplyStreamDeps): ReplyStream {
  const { api, drafts, log, turn } = deps;
  const leave = deps.crowd.enter();
  const startedAt = performance.now();
  let shownAt = startedAt;
  let text = '';
  let status: string | null = null;
  let draft: PostedDraft | undefined;
  let shown = '';
  let isOver = false;
  /** Until more comes. */
  let isHeld = false;
  let isFinal = false;
  let isLookedUp = deps.isFirst;
  let hasFailed = false;
  let timer: NodeJS.Timeout | undefined = setTimeout(tick, SHOW_AFTER_MS);
  let showing: Promise<void> | undefined;
  /** The timer is for words, and not only for the sign of work. */
  let isDue = false;

  function tick(): void {
    timer = undefined;
    isDue = false;
    if (isOver || showing !== undefined) return;
    // A draft must not take the place of somebody's answer.
    const early = api.isCrowded() ? EDIT_EVERY_MS : shownAt + deps.crowd.waitMs() - performance.now();
    if (early > 0) {
      isDue = true;
      // The others may have ended by then.
      schedule(Math.min(early, EDIT_EVERY_MS));
      return;
    }
    showing = show()
      .then(
        (waitMs) => schedule(waitMs),
        (error: unknown) => {
          // Gone or forbidden: the answer is sent anew at its end.
          if (error instanceof AppError && !error.retryable) isOver = true;
          log.debug({ detail: errorMessage(error) }, 'cannot show an answer while it is written');
          hasFailed = true;
          shownAt = performance.now();
          schedule(askedWait(error) ?? EDIT_EVERY_MS);
        },
      )
      .finally(() => {
        showing = undefined;
      });
  }

  function schedule(waitMs: number | null): void {
    if (isOver || isHeld || waitMs === null) return;
    clearTimeout(timer);
    timer = setTimeout(tick, waitMs);
  }

  function changed(): void {
    isHeld = false;
    // The first words soon, the next ones at the pace that is allowed.
    const isPaced = timer !== undefined && (shown !== '' || hasFailed || isDue);
    if (isOver || showing !== undefined || isPaced) return;
    isDue = true;
    schedule(Math.max(0, startedAt + FIRST_AFTER_MS - performance.now()));
  }

  /** Resolves to the pause before the next time, or null when nothing is left to show. */
  async function show(): Promise<number | null> {
    const content = toDraft(text, '', status === null ? '' : small(`${status}…`));
    if (content === shown) return null;
    const part: Part = { content, files: [], buttons: stopButton(turn) };
    const found = await takeOver();
    const isFresh = found === undefined;
    draft = found ?? (await open(part));
    // What a killed process left says something else.
    if (!isFresh) await api.editMessage(draft.channel, draft.message, toEdit(part));
    shown = content;
    shownAt = performance.now();
    return EDIT_EVERY_MS;
  }

  /** The draft at hand, or the one that a killed process left. */
  async function takeOver(): Promise<PostedDraft | undefined> {
    if (draft !== undefined || isLookedUp || turn === undefined) return draft;
    const left = await drafts.get(turn);
    const taken = left === undefined ? undefined : await deps.posted(left);
    isLookedUp = true;
    return taken;
  }

  async function open(part: Part): Promise<PostedDraft> {
    const channel = await deps.target();
    const nonce = newSecret();
    if (turn !== undefined) await drafts.put(turn, { channel, nonce, message: null });
    const body = { ...toBody(part, nonce), ...referenceTo(deps.replyTo, channel) };
    const opened = { channel, nonce, message: await api.createMessage(channel, body) };
    if (turn !== undefined) await drafts.put(turn, opened);
    return opened;
  }

  function hold(): Promise<void> | undefined {
    leave();
    isHeld = true;
    clearTimeout(timer);
    timer = undefined;
    return showing;
  }

  async function settle(): Promise<void> {
    isOver = true;
    await hold();
  }

  return {
    append(delta) {
      text += delta;
      changed();
    },
    status(now) {
      status = now;
      if (now !== null) changed();
    },
    // A step that has ended was the status before; the answer stands for it.
    step() {},
    reset() {
      text = '';
      changed();
    },
    hold,
    async finish(message, key) {
      await settle();
      isFinal = true;
      // Short answers come before anything was shown: what a killed process left may stand there still.
      return deps.deliver(message, key, await takeOver());
    },
    async discard() {
      await settle();
      // Once the answer has begun to take its place it is no draft any more.
      if (isFinal || draft === undefined) return;
      try {
        await api.deleteMessage(draft.channel, draft.message);
        if (turn !== undefined) await drafts.delete(turn);
      } catch (error) {
        log.debug({ detail: errorMessage(error) }, 'cannot remove a draft');
      }
    },
  };
}

const stopButton = (turn: string | undefined): Part['buttons'] =>
  turn === undefined ? [] : [{ label: 'Stop', token: encodeButton({ kind: 'stop', turn }), style: 'plain' }];

/** Where the answer stands among other messages it shows what it answers. */
function referenceTo(message: InboundMessage | undefined, channel: string) {
  if (message === undefined || message.direct || message.command !== undefined) return {};
  // In a thread, and above all in one begun on the question, that is plain to see.
  if (channel !== message.where.conversation) return {};
  return { message_reference: { message_id: message.id, fail_if_not_exists: false } };
}
