/** The contract of approvals: decided once, by whoever was first, and the turn goes on from there. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Decision } from '../../../src/domain/approval.ts';
import type { Store } from '../../../src/store/store.ts';
import {
  accept,
  approvalOf,
  type Backend,
  claim,
  claimOne,
  delivery,
  finish,
  keyOf,
  type OpenBackend,
  park,
  skipped,
  typesOf,
  writeOf,
} from './support.ts';

export function describeApprovals(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  const decide = (id: string, decision: Decision, by = 'web:ben', now = 5_000, on = store) =>
    on.approvals.decide({ id, decision, by, byName: by, now });

  test('E27, F6: a parked turn holds no lease, blocks its session, and its approval can be found', async () => {
    const approval = approvalOf(1);
    const { turn } = await park(store, [approval]);
    await accept(store, 'next');
    expect(await claim(store, { now: 1_000_000 })).toEqual([]);
    expect((await store.turns.get(turn.id))?.status).toBe('waiting');
    const { remindAt: _, ...asked } = approval;
    const stored = {
      ...asked,
      votes: [],
      turnId: turn.id,
      session: keyOf(),
      requestedBy: 'web:ana',
      createdAt: 3_000,
      status: 'pending',
      decision: null,
      decidedBy: null,
      decidedByName: null,
      decidedAt: null,
    };
    expect(await store.approvals.get(approval.id)).toEqual(stored);
    expect(await store.approvals.pending()).toEqual([stored]);
    expect(await store.approvals.pending({ session: keyOf() })).toEqual([stored]);
    expect(await store.approvals.pending({ session: keyOf('elsewhere') })).toEqual([]);
    expect(await store.approvals.pending({ turnId: turn.id })).toEqual([stored]);
    expect(await store.approvals.pending({ turnId: 'another' })).toEqual([]);
    expect(await store.approvals.ofTurn(turn.id)).toEqual([stored]);
  });

  test('E30, F7: a decision is in the log and on the row, and the turn is ready, in one go', async () => {
    const approval = approvalOf(1);
    const parked = await park(store, [approval]);
    const result = await store.approvals.decide({
      id: approval.id,
      decision: 'once',
      by: 'web:ben',
      byName: 'Ben \u0000',
      now: 5_000,
      deliveries: () => [delivery('card-edit')],
    });
    expect(result).toMatchObject({
      outcome: 'decided',
      approval: { status: 'approved', decision: 'once', decidedBy: 'web:ben', decidedByName: 'Ben \u0000' },
    });
    expect(await store.approvals.get(approval.id)).toEqual('approval' in result ? result.approval : null);
    expect((await store.turns.get(parked.turn.id))?.status).toBe('running');
    expect(await store.outbox.nextDue()).toBe(0);
    const resumed = await claimOne(store, 5_001);
    expect(resumed.turn.id).toBe(parked.turn.id);
    expect(resumed.events.at(-1)).toMatchObject({
      type: 'approval.resolved',
      approvalId: approval.id,
      decision: 'once',
      by: 'web:ben',
    });
    expect(resumed.turn.seq).toBe(resumed.events.length);
    await expect(finish(store, parked)).rejects.toMatchObject({ code: 'store.stale_write' });
    await finish(store, resumed);
  });

  test('E37, E38, F36: of many who press at once exactly one wins, and the others learn who', async () => {
    const other = await backend.replica();
    const approval = approvalOf(1);
    const { turn } = await park(store, [approval]);
    const presses = Array.from({ length: 8 }, (_, index) =>
      decide(
        approval.id,
        index % 2 === 0 ? 'once' : 'deny',
        `web:p${index}`,
        5_000,
        index < 4 ? store : other,
      ),
    );
    const results = await Promise.all(presses);
    const won = results.filter((result) => result.outcome === 'decided');
    expect(won).toHaveLength(1);
    const [winner] = won;
    for (const result of results) {
      if (result === winner) continue;
      expect(result).toEqual({ ...winner, outcome: 'already-decided' });
    }
    const events = await store.events.list(turn.id);
    expect(events.filter((event) => event.type === 'approval.resolved')).toHaveLength(1);
  });

  test('E40: an unknown id changes nothing', async () => {
    expect(await decide('nothing', 'once')).toEqual({ outcome: 'unknown' });
  });

  test('E29: the turn goes on when its first open action is decided, not when a later one is', async () => {
    const [first, second] = [approvalOf(1), approvalOf(2)];
    const { turn } = await park(store, [first, second]);
    await decide(second.id, 'deny');
    expect((await store.turns.get(turn.id))?.status).toBe('waiting');
    expect(await claim(store, { now: 6_000 })).toEqual([]);
    await decide(first.id, 'once');
    const resumed = await claimOne(store, 6_000);
    expect(resumed.events.filter((event) => event.type === 'approval.resolved')).toHaveLength(2);
  });

  test('E29: a decision on a later action while the turn works makes the worker look again', async () => {
    const [first, second] = [approvalOf(1), approvalOf(2)];
    await park(store, [first, second]);
    await decide(first.id, 'once');
    const resumed = await claimOne(store, 6_000);
    await decide(second.id, 'once');
    await expect(store.turns.append(writeOf(resumed, { events: [skipped(1)] }))).rejects.toMatchObject({
      code: 'store.stale_write',
      details: { reason: 'sequence' },
    });
    const seen = await store.events.list(resumed.turn.id, resumed.turn.seq);
    expect(typesOf(seen)).toEqual(['approval.resolved']);
    await finish(store, resumed, { expectedSeq: resumed.turn.seq + 1 });
  });

  test('E29, E35: parked again over what is still open, it waits for that one', async () => {
    const [first, second] = [approvalOf(1), approvalOf(2)];
    await park(store, [first, second]);
    await decide(first.id, 'once');
    const resumed = await claimOne(store, 6_000);
    await store.turns.append(
      writeOf(resumed, { events: [{ type: 'turn.waiting', approvalIds: [second.id] }], status: 'waiting' }),
    );
    expect(await claim(store, { now: 9_000 })).toEqual([]);
    await decide(second.id, 'deny', 'web:ben', 9_000);
    expect((await claimOne(store, 9_001)).turn.id).toBe(resumed.turn.id);
  });

  test('E46, F37: past its deadline a press finds it expired; time decides', async () => {
    const approval = approvalOf(1, { expiresAt: 10_000 });
    const later = approvalOf(1, { expiresAt: 20_000 });
    await park(store, [approval]);
    await park(store, [later], 'other');
    expect(await store.approvals.nextDeadline()).toBe(10_000);
    expect(await store.approvals.overdue(9_999, 10)).toEqual([]);
    expect((await store.approvals.overdue(10_000, 10)).map((each) => each.id)).toEqual([approval.id]);
    expect(await decide(approval.id, 'once', 'web:ben', 10_000)).toMatchObject({
      outcome: 'expired',
      approval: { status: 'pending' },
    });
    const expired = await store.approvals.decide({
      id: approval.id,
      decision: 'expired',
      by: null,
      byName: null,
      now: 10_000,
    });
    expect(expired).toMatchObject({ outcome: 'decided', approval: { status: 'expired', decidedBy: null } });
    expect(await store.approvals.nextDeadline()).toBe(20_000);
    await decide(later.id, 'deny');
    expect(await store.approvals.nextDeadline()).toBeUndefined();
    expect((await claimOne(store, 10_001)).events.at(-1)).toMatchObject({ decision: 'expired' });
  });

  test('E42, E43: always is for that exact action, profile and workspace, until it is revoked or ends', async () => {
    const long = `shell ${'x'.repeat(10_000)}`;
    const approval = approvalOf(1, { alwaysKey: long });
    await park(store, [approval]);
    await store.approvals.decide({
      id: approval.id,
      decision: 'always',
      by: 'web:ben',
      byName: 'Ben',
      now: 5_000,
      grantExpiresAt: 50_000,
    });
    const [grant] = await store.approvals.grants(0);
    const { args } = approval.action;
    expect(grant).toMatchObject({ key: long, tool: 'shell', args, grantedBy: 'web:ben', expiresAt: 50_000 });
    expect(await store.approvals.findGrant(long, 'default', '/work', 6_000)).toEqual(grant);
    expect(await store.approvals.findGrant(`${long} y`, 'default', '/work', 6_000)).toBeUndefined();
    expect(await store.approvals.findGrant(long, 'ops', '/work', 6_000)).toBeUndefined();
    expect(await store.approvals.findGrant(long, 'default', '/other', 6_000)).toBeUndefined();
    expect(await store.approvals.findGrant(long, 'default', '/work', 50_000)).toBeUndefined();

    const again = approvalOf(1, { alwaysKey: long });
    await park(store, [again], 'other');
    await decide(again.id, 'always', 'web:cy', 6_000);
    const grants = await store.approvals.grants(0);
    expect(grants.map((each) => [each.id, each.grantedBy, each.expiresAt])).toEqual([
      [grant?.id, 'web:cy', null],
    ]);

    expect(await store.approvals.revoke(grant?.id ?? '', 7_000)).toBe(true);
    expect(await store.approvals.revoke(grant?.id ?? '', 7_000)).toBe(false);
    expect(await store.approvals.findGrant(long, 'default', '/work', 7_000)).toBeUndefined();
    expect(await store.approvals.grants(0)).toEqual([]);
  });

  test('A12: what can never be always allowed is not granted, and stays open', async () => {
    const approval = approvalOf(1, { alwaysKey: null });
    await park(store, [approval]);
    expect(await decide(approval.id, 'always')).toMatchObject({ outcome: 'not-grantable' });
    expect((await store.approvals.get(approval.id))?.status).toBe('pending');
    expect(await store.approvals.grants(0)).toEqual([]);
  });

  test('E74: stopping a waiting turn calls its approvals off, with the log telling so, and the next turn goes', async () => {
    const [first, second] = [approvalOf(1), approvalOf(2)];
    const { turn } = await park(store, [first, second]);
    await accept(store, 'next');
    expect(await store.turns.cancel({ id: turn.id, by: 'web:ana', byName: 'Ana', now: 6_000 })).toBe(
      'cancelled',
    );
    expect(await store.turns.get(turn.id)).toMatchObject({ status: 'cancelled', endedAt: 6_000 });
    const approvals = await store.approvals.ofTurn(turn.id);
    const calledOff = { decision: 'cancelled', decidedBy: 'web:ana', decidedByName: 'Ana', decidedAt: 6_000 };
    expect(approvals).toMatchObject([first, second].map(() => ({ ...calledOff, status: 'cancelled' })));
    expect((await store.events.list(turn.id)).slice(-3)).toMatchObject([
      ...[first, second].map(({ id, index }) => ({
        ...{ type: 'approval.resolved', approvalId: id, index },
        ...{ decision: 'cancelled', by: 'web:ana', byName: 'Ana' },
      })),
      { type: 'turn.finished' },
    ]);
    expect(await decide(first.id, 'once')).toMatchObject({ outcome: 'already-decided' });
    expect((await claimOne(store, 7_000)).turn.input.id).toBe('next');
  });

  test('a turn that ends with actions undecided leaves nothing to decide', async () => {
    const [first, second] = [approvalOf(1), approvalOf(2)];
    await park(store, [first, second]);
    await decide(first.id, 'deny');
    const resumed = await claimOne(store, 6_000);
    await finish(store, resumed);
    expect((await store.approvals.get(second.id))?.status).toBe('cancelled');
    expect(typesOf((await store.events.list(resumed.turn.id)).slice(-2))).toEqual([
      'approval.resolved',
      'turn.finished',
    ]);
  });

  test('F36, E74: a click and a stop at once: one of them has it, and log and tables agree', async () => {
    const other = await backend.replica();
    for (let round = 0; round < 5; round++) {
      const approval = approvalOf(1);
      const { turn } = await park(store, [approval], `r${round}`);
      const [pressed, stopped] = await Promise.all([
        decide(approval.id, 'once', 'web:ben', 5_000, other),
        store.turns.cancel({ id: turn.id, by: null, byName: null, now: 5_000 }),
      ]);
      const resolved = (await store.events.list(turn.id)).filter(
        (event) => event.type === 'approval.resolved',
      );
      expect(resolved).toHaveLength(1);
      const expected = pressed.outcome === 'decided' ? ['once', 'requested'] : ['cancelled', 'cancelled'];
      expect([resolved[0]?.decision, stopped]).toEqual(expected);
      // The turn that goes on must not be what the next round claims.
      for (const left of await claim(store, { now: 6_000 })) await finish(store, left);
    }
  });
}
