/** F3: a model call leaves before its record is durable, and leaves no trace when that fails. */
import { setTimeout } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { whileRecording } from '../../../src/agent/recording.ts';

function scene() {
  const shown: string[] = [];
  const live = {
    delta: (text: string) => void shown.push(text),
    reset: () => void shown.push('reset'),
    status: (text: string | null) => void shown.push(`status ${text}`),
    step: () => void shown.push('step'),
    hold: () => undefined,
  };
  const stop = new AbortController();
  const recorded = Promise.withResolvers<void>();
  const record = vi.fn(() => recorded.promise);
  return { shown, stop, run: { signal: stop.signal, live }, record, recorded };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
/** Longer than an answer that shares a commit with the record of its call may take. */
const LATER_MS = 30;

test('F3: an answer that comes at once is recorded together with its call, by whoever writes it', async () => {
  const { shown, run, record } = scene();
  const answered = whileRecording(record, run, async ({ live }) => {
    live.delta('one');
    // Sooner than any timer, however busy the machine is.
    await Promise.resolve();
    return 'all';
  });
  expect(await answered).toEqual({ reply: 'all', isRecorded: false });
  await setTimeout(LATER_MS);
  expect([shown, record.mock.calls.length]).toEqual([[], 0]);
});

test('F3: what has to be recorded before the answer is there is, once', async () => {
  const { run, record, recorded } = scene();
  recorded.resolve();
  const answered = whileRecording(record, run, async (watch) => {
    await watch.record();
    await setTimeout(LATER_MS);
    await watch.record();
    return 'all';
  });
  expect(await answered).toEqual({ reply: 'all', isRecorded: true });
  expect(record).toHaveBeenCalledOnce();
});

test('F3: what comes before the record is durable is shown after it, in order', async () => {
  const { shown, run, record, recorded } = scene();
  const reply = whileRecording(record, run, async ({ live }) => {
    live.delta('one');
    live.reset();
    await setTimeout(LATER_MS);
    live.delta('two');
    live.status('busy');
    return 'all';
  });
  let isOver = false;
  void reply.then(() => {
    isOver = true;
  });
  await setTimeout(2 * LATER_MS);
  expect([shown, isOver]).toEqual([[], false]);
  recorded.resolve();
  expect(await reply).toEqual({ reply: 'all', isRecorded: true });
  expect(shown).toEqual(['one', 'reset', 'two', 'status busy']);
});

test('F3: a call whose record cannot be written is aborted, and nothing of it is shown', async () => {
  const { shown, run } = scene();
  let isAborted = false;
  const refuse = () => Promise.reject(new Error('stale'));
  const reply = whileRecording(refuse, run, async ({ live, signal }) => {
    live.delta('one');
    await new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        isAborted = true;
        reject(new Error('aborted'));
      }),
    );
  });
  await expect(reply).rejects.toThrow('stale');
  await settle();
  expect([shown, isAborted]).toEqual([[], true]);
});

test('F20: a call that fails at once is told of once its record is there', async () => {
  const { run, record, recorded } = scene();
  const reply = whileRecording(record, run, () => Promise.reject(new Error('refused')));
  let isOver = false;
  reply.catch(() => {
    isOver = true;
  });
  await settle();
  expect(isOver).toBe(false);
  recorded.resolve();
  await expect(reply).rejects.toThrow('refused');
});

test('E32: a stop reaches the call, also one that came before it', async () => {
  for (const isBefore of [true, false]) {
    const { stop, run, record, recorded } = scene();
    recorded.resolve();
    if (isBefore) stop.abort('stop');
    const answered = whileRecording(record, run, async ({ signal }) => {
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return signal.reason as unknown;
    });
    await settle();
    stop.abort('stop');
    expect((await answered).reply).toBe('stop');
  }
});
