/** The contract of handing over: what is written for a taker is theirs at once, and like anything claimed if they die. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { NewTurn, Store } from '../../../src/store/store.ts';
import {
  accept,
  type Backend,
  claim,
  claimOne,
  delivery,
  editOf,
  finish,
  finished,
  keyOf,
  message,
  type OpenBackend,
  typesOf,
  writeOf,
} from './support.ts';

const taker = { worker: 'w1', leaseMs: 1_000 };
const claimDue = (store: Store, now: number) =>
  store.outbox.claim({ worker: 'w2', limit: 10, leaseMs: 1_000, now });

export function describeTaker(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  const newTurn = (id: string): NewTurn => ({
    message: message(id),
    session: keyOf(),
    profile: 'default',
    workspace: '/work',
    debug: false,
    queueLimit: 10,
    now: 1_000,
    taker,
  });

  test('a turn with nothing before it starts with its taker, and no claim finds it', async () => {
    const accepted = await store.turns.accept(newTurn('m1'));
    if (accepted.outcome !== 'accepted' || accepted.claimed === undefined) throw new Error('not started');
    const { turn, session, events } = accepted.claimed;
    expect(turn).toEqual(await store.turns.get(turn.id));
    expect(turn).toMatchObject({ status: 'running', fence: 1, startedAt: 1_000 });
    expect(session).toEqual(await store.sessions.get(keyOf()));
    expect(events).toEqual(await store.events.list(turn.id));
    expect(await claim(store, { worker: 'w2', now: 1_500 })).toEqual([]);
    await store.turns.append(
      writeOf(accepted.claimed, { events: [finished()], status: 'done', answer: 'a' }),
    );
    expect((await store.turns.get(turn.id))?.status).toBe('done');
  });

  test('F41: a taker that is gone loses the turn to whoever claims it, and its writes are refused', async () => {
    const accepted = await store.turns.accept(newTurn('m1'));
    if (accepted.outcome !== 'accepted' || accepted.claimed === undefined) throw new Error('not started');
    const again = await claimOne(store, 2_001);
    expect(again.turn).toMatchObject({ id: accepted.turn.id, fence: 2 });
    expect(typesOf(again.events)).toEqual(['turn.started']);
    await expect(finish(store, accepted.claimed)).rejects.toMatchObject({ code: 'store.stale_write' });
  });

  test('E17, E18: behind another turn it waits as ever, and a repeated message starts nothing', async () => {
    await accept(store, 'm1');
    expect(await store.turns.accept(newTurn('m2'))).toMatchObject({
      outcome: 'accepted',
      ahead: 1,
      claimed: undefined,
      turn: { status: 'queued', fence: 0 },
    });
    expect(await store.turns.accept(newTurn('m2'))).toMatchObject({ outcome: 'duplicate' });
    expect((await claim(store)).map(({ turn }) => turn.input.id)).toEqual(['m1']);
  });

  test('what is first in its lane goes to the taker, and once sent the next one is on offer', async () => {
    await accept(store, 'm1');
    const claimed = await claimOne(store);
    const deliveries = [delivery('k1'), delivery('k2'), editOf('k3', 'k1', 'other')];
    const { due } = await finish(store, claimed, { deliveries, taker });
    expect(due).toMatchObject([{ key: 'k1', attempts: 0, refs: [] }]);
    expect(await claimDue(store, 3_500)).toEqual([]);
    await store.outbox.sent('k1', [], 3_600);
    expect((await claimDue(store, 3_700)).map((one) => one.key)).toEqual(['k2', 'k3']);
  });

  test('F8: what its taker never sent is offered again once the lease is over, as a second try', async () => {
    await accept(store, 'm1');
    const claimed = await claimOne(store);
    await finish(store, claimed, { deliveries: [delivery('k1')], taker });
    expect(await claimDue(store, 3_999)).toEqual([]);
    expect(await claimDue(store, 4_001)).toMatchObject([{ key: 'k1', attempts: 1 }]);
  });

  test('a lane that is busy gives nothing away', async () => {
    await store.outbox.enqueue([delivery('k0')], 1_000);
    await accept(store, 'm1');
    const { due } = await finish(store, await claimOne(store), { deliveries: [delivery('k1')], taker });
    expect(due).toEqual([]);
    expect((await claimDue(store, 3_500)).map((one) => one.key)).toEqual(['k0']);
  });
}
