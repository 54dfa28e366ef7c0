/** The session over restarts: nothing is confirmed before it is durable (F1, F18, P1). */
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createSessionKeeper, isLater } from '../../../../src/channels/discord/session.ts';
import type { Logger } from '../../../../src/domain/runtime.ts';
import { createMemoryKeyValue } from '../../../fakes/memory-feed.ts';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const identity = { user: '500000000000000001', application: '500000000000000002' };
const session = (sequence: number) => ({
  sessionId: 's',
  resumeURL: 'wss://gateway.example',
  sequence,
  shardId: 0,
  shardCount: 1,
});

async function reopened(state: ReturnType<typeof createMemoryKeyValue>, token = 'token') {
  const keeper = createSessionKeeper({ token, state, log });
  await keeper.open();
  return keeper;
}

describe('the session keeper', () => {
  it('P1: resumes from before the first event that was not stored, whatever came and went since', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), async (stored) => {
        const state = createMemoryKeyValue();
        const keeper = createSessionKeeper({ token: 'token', state, log });
        keeper.setIdentity(identity);
        for (const [index, isStored] of stored.entries()) {
          keeper.set(0, session(index + 1));
          const done = keeper.begin(0, index + 1);
          if (isStored) done();
        }
        await keeper.flush();
        const firstOpen = stored.indexOf(false);
        const expected = firstOpen === -1 ? stored.length : firstOpen;
        expect((await reopened(state)).get(0)?.sequence).toBe(expected);
      }),
      { numRuns: 30 },
    );
  });

  it('P1, F1: a new session has begun once it can be resumed by another process, in whatever order it is told', async () => {
    for (const order of ['identity first', 'session first']) {
      const state = createMemoryKeyValue();
      const set: typeof state.set = (key, value) =>
        new Promise((resolve) => setImmediate(() => resolve(state.set(key, value))));
      const keeper = createSessionKeeper({ token: 'token', state: { ...state, set }, log });
      if (order === 'identity first') keeper.setIdentity(identity);
      keeper.set(0, session(1));
      if (order === 'session first') keeper.setIdentity(identity);
      await keeper.begun();
      expect((await reopened(state)).get(0)?.sequence, order).toBe(1);
    }
  });

  it('lets what it stores once a second wait for company, and nothing else', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const state = createMemoryKeyValue();
    const patient: unknown[] = [];
    const set: typeof state.set = (key, value, isPatient) => {
      patient.push(isPatient);
      return state.set(key, value);
    };
    const keeper = createSessionKeeper({ token: 'token', state: { ...state, set }, log });
    keeper.setIdentity(identity);
    await keeper.begun();
    keeper.saw('1', '10');
    vi.advanceTimersByTime(1_000);
    await keeper.flush();
    expect(patient).toEqual([false, false, true, true, false, false]);
  });

  it('forgets everything for another token, and a session that Discord ended', async () => {
    const state = createMemoryKeyValue();
    const keeper = createSessionKeeper({ token: 'token', state, log });
    keeper.setIdentity(identity);
    keeper.set(0, session(7));
    keeper.saw('1', '10');
    await keeper.flush();
    expect((await reopened(state, 'other')).get(0)).toBeNull();
    expect((await reopened(state, 'other')).watermark()).toBeUndefined();
    keeper.set(0, null);
    await keeper.flush();
    const again = await reopened(state);
    expect(again.get(0)).toBeNull();
    expect(again.identity()).toEqual(identity);
    expect(again.seen()).toEqual([['1', '10']]);
  });

  it('keeps the latest message of each channel, and survives damage of what is stored', async () => {
    const state = createMemoryKeyValue();
    const keeper = createSessionKeeper({ token: 'token', state, log });
    keeper.setIdentity(identity);
    keeper.saw('a', '99');
    keeper.saw('b', '100');
    keeper.saw('a', '98');
    await keeper.flush();
    expect((await reopened(state)).seen()).toEqual([
      ['a', '99'],
      ['b', '100'],
    ]);
    expect(keeper.watermark()).toBe('100');
    await state.set('session', '{"token":');
    expect((await reopened(state)).get(0)).toBeNull();
  });

  it('compares ids as numbers, not as text', () => {
    expect(isLater('1000', '999')).toBe(true);
    expect(isLater('998', '999')).toBe(false);
    expect(isLater('999', '999')).toBe(false);
  });
});
