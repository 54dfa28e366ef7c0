/** Room for a turn that is about to be accepted: never more than there is, and never past turns that wait. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Engine } from '../../../src/agent/engine.ts';
import { type Logger, systemClock } from '../../../src/domain/runtime.ts';
import { createWorker } from '../../../src/gateway/worker.ts';
import type { ClaimedTurn, Store, Topic } from '../../../src/store/store.ts';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const claimed = (id: string) => ({ turn: { id, fence: 1, cancelRequested: false } }) as ClaimedTurn;

function open(concurrency: number) {
  const ready: ClaimedTurn[] = [];
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  const listeners = new Map<Topic, () => void>();
  const toStop: string[] = [];
  const signals = new Map<string, AbortSignal>();
  const store = {
    releaseAbandoned: async () => {},
    onChange(topic: Topic, listener: () => void) {
      listeners.set(topic, listener);
      return () => listeners.delete(topic);
    },
    turns: {
      claim: async ({ limit }: { limit: number }) => ready.splice(0, limit),
      release: async () => 0,
      renew: async () => ({ lost: [], cancelled: toStop }),
    },
  } as unknown as Pick<Store, 'turns' | 'onChange' | 'releaseAbandoned'>;
  const engine = {
    runTurn: ({ turn }: ClaimedTurn, signal: AbortSignal) => {
      running.push(turn.id);
      signals.set(turn.id, signal);
      return new Promise((resolve) => ends.set(turn.id, () => resolve('ended')));
    },
  } as unknown as Engine;
  const worker = createWorker({
    store,
    engine,
    live: { open: vi.fn(), take: () => undefined, end: () => {}, discard: async () => {} },
    worker: 'w',
    concurrency: () => concurrency,
    clock: systemClock,
    log,
    metrics: { count() {}, gauge() {}, observe() {} },
  });
  return {
    worker,
    ready,
    running,
    signals,
    /** Another replica wrote down that it is to end, and the news of it arrives. */
    stopElsewhere(id: string) {
      toStop.push(id);
      listeners.get('stops')?.();
    },
    end: (id: string) => ends.get(id)?.(),
  };
}

describe('a worker that takes turns as they are accepted', () => {
  let drain: () => Promise<void> = async () => {};
  afterEach(() => drain());

  async function started(concurrency: number) {
    const opened = open(concurrency);
    await opened.worker.start();
    drain = async () => {
      for (const id of opened.running) opened.end(id);
      await opened.worker.drain(1_000);
    };
    await vi.waitFor(() => expect(opened.worker.reserve()?.giveBack()).toBeUndefined());
    return opened;
  }

  it('reserves nothing before it runs', () => {
    expect(open(1).worker.reserve()).toBeUndefined();
  });

  it('reserves as much as there is room, and again once a place was given back', async () => {
    const { worker, running } = await started(2);
    const first = worker.reserve();
    const second = worker.reserve();
    expect(first?.taker.worker).toBe('w');
    expect(worker.reserve()).toBeUndefined();
    first?.take(claimed('a'));
    expect(running).toEqual(['a']);
    expect(worker.reserve()).toBeUndefined();
    second?.giveBack();
    await vi.waitFor(() => {
      const room = worker.reserve();
      expect(room).toBeDefined();
      room?.giveBack();
    });
  });

  it('E74: stopped at another replica, a turn ends with the news of it, not with the next renewal', async () => {
    const { worker, signals, stopElsewhere } = await started(2);
    worker.reserve()?.take(claimed('a'));
    worker.reserve()?.take(claimed('b'));
    vi.useFakeTimers();
    try {
      stopElsewhere('a');
      await vi.advanceTimersByTimeAsync(0);
      expect(signals.get('a')).toMatchObject({ aborted: true, reason: 'stop' });
      expect(signals.get('b')?.aborted).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it('lets no new turn past those that wait for room', async () => {
    const { worker, ready, running, end } = await started(1);
    worker.reserve()?.take(claimed('a'));
    // This one finds no room, and so waits in the store.
    expect(worker.reserve()).toBeUndefined();
    ready.push(claimed('b'));
    end('a');
    await vi.waitFor(() => expect(running).toEqual(['a', 'b']));
    expect(worker.reserve()).toBeUndefined();
  });
});
