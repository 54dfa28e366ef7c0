/** Requests that several have to approve, are asked together or reminded of, and who hears: the same on both stores. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { statusOf } from '../../../src/agent/state.ts';
import type { Decision } from '../../../src/domain/approval.ts';
import type { Store } from '../../../src/store/store.ts';
import {
  accept,
  approvalOf,
  type Backend,
  claimOne,
  delivery,
  finish,
  keyOf,
  type OpenBackend,
  park,
  typesOf,
} from './support.ts';

export function describeApprovalTerms(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;

  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  const terms = { approvers: null, required: 2, secondPerson: false } as const;
  const decide = (id: string, decision: Decision, by: string, more: object = {}, on = store) =>
    on.approvals.decide({ id, decision, by, byName: by, now: 5_000, ...more });

  test('A5: where two have to approve, one leaves it open, and the second one decides for both', async () => {
    const approval = approvalOf(1, { terms, alwaysKey: null });
    const { turn } = await park(store, [approval]);
    expect(await decide(approval.id, 'once', 'web:a')).toMatchObject({
      outcome: 'voted',
      approval: { status: 'pending', votes: [{ by: 'web:a' }] },
    });
    expect((await store.turns.get(turn.id))?.status).toBe('waiting');
    expect((await decide(approval.id, 'once', 'web:a')).outcome).toBe('already-voted');
    expect(await decide(approval.id, 'once', 'web:b')).toMatchObject({
      outcome: 'decided',
      approval: { status: 'approved', decidedByName: 'web:a and web:b' },
    });
    const events = await store.events.list(turn.id);
    expect(typesOf(events.slice(-2))).toEqual(['approval.voted', 'approval.resolved']);
    expect(statusOf(events)).toBe('running');
  });

  test('A5: one person on two platforms is one person', async () => {
    const approval = approvalOf(1, { terms, alwaysKey: null });
    await park(store, [approval]);
    await decide(approval.id, 'once', 'slack:U1', { person: 'person:ana' });
    expect((await decide(approval.id, 'once', 'web:ana', { person: 'person:ana' })).outcome).toBe(
      'already-voted',
    );
  });

  test('one who denies is enough, also after approving', async () => {
    const approval = approvalOf(1, { terms, alwaysKey: null });
    const { turn } = await park(store, [approval]);
    await decide(approval.id, 'once', 'web:a');
    expect(await decide(approval.id, 'deny', 'web:a', { reason: 'not on a Friday' })).toMatchObject({
      outcome: 'decided',
      approval: { status: 'denied', decidedByName: 'web:a' },
    });
    expect((await store.events.list(turn.id)).at(-1)).toMatchObject({ reason: 'not on a Friday' });
  });

  test('F35: rules that became stricter hold for what was asked before', async () => {
    const approval = approvalOf(1);
    await park(store, [approval]);
    expect((await decide(approval.id, 'once', 'web:a', { required: 2 })).outcome).toBe('voted');
    // Looser again: what it was asked under still holds, and no vote is lost.
    expect((await decide(approval.id, 'once', 'web:b', { required: 1 })).outcome).toBe('decided');
  });

  test('F36: two who press at once both count, and only one of them decides', async () => {
    const approval = approvalOf(1, { terms, alwaysKey: null });
    await park(store, [approval]);
    const other = await backend.replica();
    const results = await Promise.all([
      decide(approval.id, 'once', 'web:a'),
      decide(approval.id, 'once', 'web:b', {}, other),
    ]);
    expect(results.map((result) => result.outcome).sort()).toEqual(['decided', 'voted']);
    expect((await store.approvals.get(approval.id))?.votes).toHaveLength(2);
  });

  test('requests asked together are found by their batch, which is closed once nothing of it is open', async () => {
    const [first, second] = [approvalOf(1, { batch: 'b' }), approvalOf(2, { batch: 'b' })];
    const { turn } = await park(store, [first, second]);
    expect((await store.approvals.ofBatch('b')).map((one) => one.id)).toEqual([first.id, second.id]);
    expect(await store.approvals.askedSince(keyOf(), 0)).toBe(1);
    expect(await store.approvals.askedSince(keyOf(), 3_001)).toBe(0);
    await decide(first.id, 'once', 'web:a');
    expect(await store.approvals.decidedBatches(10)).toEqual([]);
    await decide(second.id, 'deny', 'web:a');
    expect(await store.approvals.decidedBatches(10)).toEqual([{ batch: 'b', turnId: turn.id }]);
    await store.approvals.closeBatch('b', 6_000, [delivery('batch-edit')]);
    expect(await store.approvals.decidedBatches(10)).toEqual([]);
    expect(await store.outbox.nextDue()).toBe(0);
  });

  test('a request is reminded of once, while it is open, and its reminder counts as a deadline', async () => {
    const approval = approvalOf(1, { remindAt: 4_000 });
    const { turn } = await park(store, [approval]);
    expect(await store.approvals.nextDeadline()).toBe(4_000);
    expect(await store.approvals.forgotten(3_999, 10)).toEqual([]);
    expect((await store.approvals.forgotten(4_000, 10)).map((one) => one.id)).toEqual([approval.id]);
    const other = await backend.replica();
    const reminded = await Promise.all([
      store.approvals.remind(approval.id, 4_000, () => [delivery('reminder')]),
      other.approvals.remind(approval.id, 4_000, () => [delivery('reminder')]),
    ]);
    expect(reminded.sort()).toEqual([false, true]);
    expect(await store.approvals.nextDeadline()).toBe(100_000);
    const events = await store.events.list(turn.id);
    expect(events.filter((event) => event.type === 'approval.reminded')).toHaveLength(1);
    expect(statusOf(events)).toBe('waiting');
  });

  test('what was decided is not reminded of', async () => {
    const approval = approvalOf(1, { remindAt: 4_000 });
    await park(store, [approval]);
    await decide(approval.id, 'once', 'web:a');
    expect(await store.approvals.forgotten(9_000, 10)).toEqual([]);
    expect(await store.approvals.remind(approval.id, 9_000, () => [])).toBe(false);
  });

  test('A5: each vote is in the log: whose, how many there are, and how many it takes by the stricter rules', async () => {
    const three = { ...terms, required: 3 };
    const [asked, now] = [approvalOf(1, { terms: three, alwaysKey: null }), approvalOf(1)];
    const voted = async (approval: typeof asked, more: object) => {
      const { turn } = await park(store, [approval], approval.id);
      await decide(approval.id, 'once', 'web:a', { byName: 'A', ...more });
      return (await store.events.list(turn.id)).at(-1);
    };
    const vote = { type: 'approval.voted', index: 1, by: 'web:a', byName: 'A', votes: 1 };
    expect(await voted(asked, {})).toMatchObject({ ...vote, approvalId: asked.id, required: 3 });
    expect(await voted(now, { required: 2 })).toMatchObject({ ...vote, approvalId: now.id, required: 2 });
  });

  test('A5: who denies is named alone, whoever has approved before', async () => {
    const approval = approvalOf(1, { terms: { ...terms, required: 3 }, alwaysKey: null });
    await park(store, [approval]);
    await decide(approval.id, 'once', 'web:a');
    await decide(approval.id, 'once', 'web:b');
    expect(await decide(approval.id, 'deny', 'web:c')).toMatchObject({
      approval: { decidedByName: 'web:c' },
    });
    const votes = (await store.approvals.get(approval.id))?.votes;
    expect(votes?.map((vote) => vote.by)).toEqual(['web:a', 'web:b']);
  });

  test('E42, A12: only "always" grants, and only once as many as it takes have said so', async () => {
    const [once, denied, agreed] = [approvalOf(1), approvalOf(2), approvalOf(3, { terms })];
    await park(store, [once, denied, agreed]);
    await decide(once.id, 'once', 'web:a');
    await decide(denied.id, 'deny', 'web:a');
    expect((await decide(agreed.id, 'always', 'web:a')).outcome).toBe('voted');
    expect(await store.approvals.grants(0)).toEqual([]);
    expect((await decide(agreed.id, 'always', 'web:b')).outcome).toBe('decided');
    expect(await store.approvals.grants(0)).toMatchObject([{ key: 'shell rm 3', grantedBy: 'web:b' }]);
    expect((await store.approvals.get(agreed.id))?.votes).toHaveLength(2);
  });

  test('A12: nobody approves nothing: it is no vote and no grant', async () => {
    const approval = approvalOf(1);
    await park(store, [approval]);
    const nobody = { by: null, byName: null, now: 5_000 };
    await store.approvals.decide({ id: approval.id, decision: 'always', ...nobody });
    expect((await store.approvals.get(approval.id))?.votes).toEqual([]);
    expect(await store.approvals.grants(0)).toEqual([]);
  });

  test('E29, E43, F6: those who wait for approvals or for turns hear of what they wait for, and of nothing else', async () => {
    const heard: string[] = [];
    for (const topic of ['approvals', 'turns'] as const) store.onChange(topic, () => heard.push(topic));
    const hears = async (work: Promise<unknown>) => {
      heard.length = 0;
      await work;
      return [...new Set(heard)].sort();
    };
    const [first, second] = [approvalOf(1), approvalOf(2)];
    expect(await hears(park(store, [first, second]))).toContain('approvals');
    expect(await hears(decide(second.id, 'deny', 'web:a'))).toEqual(['approvals']);
    expect(await hears(decide(first.id, 'always', 'web:a'))).toEqual(['approvals', 'turns']);
    expect(await hears(decide(first.id, 'once', 'web:a'))).toEqual([]);
    const [grant] = await store.approvals.grants(0);
    expect(await hears(store.approvals.revoke(grant?.id ?? '', 6_000))).toEqual(['approvals']);
    expect(await hears(store.approvals.revoke(grant?.id ?? '', 6_000))).toEqual([]);
    const third = approvalOf(1);
    const { turn } = await park(store, [third], 'other');
    const stop = { id: turn.id, by: null, byName: null, now: 6_000 };
    expect(await hears(store.turns.cancel(stop))).toContain('approvals');
  });

  test('a turn that ends with nothing asked says nothing of approvals, to its log or to anybody', async () => {
    await accept(store, 'm1');
    const claimed = await claimOne(store);
    const heard: string[] = [];
    store.onChange('approvals', () => heard.push('approvals'));
    await finish(store, claimed);
    expect(typesOf(await store.events.list(claimed.turn.id))).toEqual(['turn.started', 'turn.finished']);
    expect(heard).toEqual([]);
  });

  test('F32: what is left open of a turn that has ended is not refused nor reminded of: a log stays as it ended', async () => {
    const approval = approvalOf(1, { remindAt: 4_000 });
    const { turn } = await park(store, [approval]);
    const refusal = { id: approval.id, decision: 'once', by: 'web:b', byName: 'B', now: 5_000 } as const;
    const before = await store.events.list(turn.id);
    await backend.raw(`update turns set ended_at = 4000 where id = '${turn.id}'`);
    await store.approvals.recordRefusal(refusal);
    expect(await store.approvals.remind(approval.id, 5_000, () => [])).toBe(false);
    expect(await store.events.list(turn.id)).toEqual(before);
  });
}
