/** Shows a turn while it runs: typing, what it is doing, text as it arrives. The outbox then finishes the draft. */
import type { Live } from '../agent/run.ts';
import type { ChannelAdapter, ReplyStream } from '../channels/adapter.ts';
import type { StepLine } from '../domain/message.ts';
import type { Clock } from '../domain/runtime.ts';
import type { Turn, TurnId } from '../domain/turn.ts';
import { seconds } from './words.ts';

export type LiveReplies = {
  open(turn: Turn): Live;
  /** The draft of a turn whose answer is to be delivered now; the caller finishes or discards it. */
  take(turnId: TurnId): ReplyStream | undefined;
  /** It has ended: what was not taken yet may be delivered by another process, and this one must not write over it. */
  end(turnId: TurnId): void;
  /** Nothing will be answered now (it waits, was stopped, or the process ends). */
  discard(turnId: TurnId): Promise<void>;
};

/** An answer that is there sooner needs no sign that it is coming, and after a restart many come back at once. */
const TYPING_AFTER_MS = 800;
/** Platforms let a typing indicator lapse after 5 to 10 s. */
const TYPING_EVERY_MS = 4_000;
/** An answer that has to wait longer finds the draft by its turn, as after a crash. */
const TAKEN_WITHIN_MS = 60_000;
/** After this long people want to know what is taking the time. */
const EXPLAIN_AFTER_MS = 10_000;

type Open = { readonly stream: ReplyStream; readonly stopTimers: () => void };

export function createLiveReplies(deps: {
  adapter: (channel: string) => ChannelAdapter | undefined;
  streaming: (channel: string) => boolean;
  clock: Clock;
}): LiveReplies {
  const open = new Map<TurnId, Open>();

  const close = (turnId: TurnId): ReplyStream | undefined => {
    const found = open.get(turnId);
    open.delete(turnId);
    found?.stopTimers();
    return found?.stream;
  };

  return {
    open(turn) {
      const adapter = deps.adapter(turn.input.where.channel);
      if (adapter === undefined) return silent;
      // Lost to another worker, and back again.
      void close(turn.id)?.hold();
      const stream = adapter.openReply(turn.input.where, turn.input, turn.id, turn.fence === 1);
      const stage = createStage(stream, deps.clock);
      const tick = (): void => {
        timer = setTimeout(tick, TYPING_EVERY_MS);
        void adapter.typing(turn.input.where);
        stage.tick();
      };
      let timer = setTimeout(tick, TYPING_AFTER_MS);
      open.set(turn.id, { stream, stopTimers: () => clearTimeout(timer) });
      return deps.streaming(turn.input.where.channel) ? stage.live : { ...stage.live, delta: () => {} };
    },
    take: close,
    end(turnId) {
      const found = open.get(turnId);
      if (found === undefined) return;
      found.stopTimers();
      void found.stream.hold();
      setTimeout(() => open.delete(turnId), TAKEN_WITHIN_MS).unref();
    },
    async discard(turnId) {
      await close(turnId)?.discard();
    },
  };
}

const silent: Live = {
  delta: () => {},
  reset: () => {},
  status: () => {},
  step: () => {},
  hold: () => undefined,
};

function createStage(stream: ReplyStream, clock: Clock): { live: Live; tick: () => void } {
  let doing: { text: string; since: number } | null = null;
  return {
    live: {
      delta: (text) => stream.append(text),
      reset: () => stream.reset(),
      step: (step: StepLine) => stream.step(step),
      hold: () => stream.hold(),
      status(text) {
        doing = text === null ? null : { text, since: clock.monotonic() };
        stream.status(text);
      },
    },
    tick() {
      if (doing === null) return;
      const elapsed = clock.monotonic() - doing.since;
      if (elapsed >= EXPLAIN_AFTER_MS)
        stream.status(`${doing.text} — ${seconds(Math.floor(elapsed / 1000) * 1000)}`);
    },
  };
}
