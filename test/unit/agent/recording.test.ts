/** F3: a model call leaves while its record becomes durable, and leaves no trace when that fails. */
import { expect, test } from 'vitest';
import { whileRecording } from '../../../src/agent/recording.ts';

function scene() {
  const shown: string[] = [];
  const live = {
    delta: (text: string) => void shown.push(text),
    reset: () => void shown.push('reset'),
    status: (text: string | null) => void shown.push(`status ${text}`),
    step: () => void shown.push('step'),
  };
  const stop = new AbortController();
  return { shown, stop, run: { signal: stop.signal, live }, record: Promise.withResolvers<void>() };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('F3: what comes before the record is durable is shown after it, in order', async () => {
  const { shown, run, record } = scene();
  const reply = whileRecording(record.promise, run, async ({ live }) => {
    live.delta('one');
    live.reset();
    await settle();
    live.delta('two');
    live.status('busy');
    return 'all';
  });
  let isOver = false;
  void reply.then(() => {
    isOver = true;
  });
  await settle();
  await settle();
  expect([shown, isOver]).toEqual([[], false]);
  record.resolve();
  expect(await reply).toBe('all');
  expect(shown).toEqual(['one', 'reset', 'two', 'status busy']);
});

test('F3: a call whose record cannot be written is aborted, and nothing of it is shown', async () => {
  const { shown, run, record } = scene();
  let isAborted = false;
  const reply = whileRecording(record.promise, run, async ({ live, signal }) => {
    live.delta('one');
    await new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        isAborted = true;
        reject(new Error('aborted'));
      }),
    );
  });
  record.reject(new Error('stale'));
  await expect(reply).rejects.toThrow('stale');
  await settle();
  expect([shown, isAborted]).toEqual([[], true]);
});

test('F20: a call that fails at once is told of once its record is there', async () => {
  const { run, record } = scene();
  const reply = whileRecording(record.promise, run, () => Promise.reject(new Error('refused')));
  let isOver = false;
  reply.catch(() => {
    isOver = true;
  });
  await settle();
  expect(isOver).toBe(false);
  record.resolve();
  await expect(reply).rejects.toThrow('refused');
});

test('E32: a stop reaches the call, also one that came before it', async () => {
  for (const isBefore of [true, false]) {
    const { stop, run, record } = scene();
    record.resolve();
    if (isBefore) stop.abort('stop');
    const reason = whileRecording(record.promise, run, async ({ signal }) => {
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return signal.reason as unknown;
    });
    await settle();
    stop.abort('stop');
    expect(await reason).toBe('stop');
  }
});
