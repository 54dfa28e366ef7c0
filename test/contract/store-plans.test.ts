/** A message costs the same after a million others: no statement on its path reads a whole table that grows. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { expect, test, vi } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import {
  accept,
  acceptedTurn,
  approvalOf,
  claimOne,
  compactionOf,
  delivery,
  editOf,
  finish,
  historyOf,
  keyOf,
  memoryOf,
  park,
  place,
  silent,
  skipped,
} from './store/support.ts';

test('every statement on the path of a message searches by an index', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-store-'));
  const path = join(folder, 'parley.db');
  const store = await openStore({ url: `sqlite:${path}`, log: silent });
  const prepared = vi.spyOn(BetterSqlite3.prototype, 'prepare');
  try {
    const lease = { worker: 'w', limit: 5, leaseMs: 10, now: 2_000 };
    const turn = await acceptedTurn(store, 'm1');
    await store.turns.edit(turn.id, 'new', 1);
    const claimed = await claimOne(store);
    await store.turns.renew({ worker: 'w1', turns: [claimed.turn], leaseMs: 10, now: 1 });
    await store.releaseAbandoned();
    await finish(store, await claimOne(store), {
      deliveries: [delivery('k1'), editOf('k2', 'k1')],
      jobs: [{ kind: 'k', key: 'j', payload: null, runAt: 0 }],
      outputs: [{ index: 1, start: 0, text: 'x' }],
      compaction: { keptFrom: 1, summary: 's', untrusted: false },
    });
    const approval = approvalOf(1);
    const parked = await park(store, [approval]);
    await store.approvals.decide({ id: approval.id, decision: 'always', by: 'web:b', byName: 'B', now: 1 });
    await store.approvals.findGrant('k', 'p', 'w', 1);
    await store.approvals.pending();
    await store.approvals.overdue(1, 1);
    await store.approvals.nextDeadline();
    await store.approvals.forgotten(1, 1);
    await store.approvals.remind(approval.id, 1, () => []);
    await store.approvals.ofBatch('b');
    await store.approvals.decidedBatches(1);
    await store.approvals.closeBatch('b', 1, []);
    await store.approvals.askedSince(keyOf(), 1);
    await store.turns.cancel({ id: parked.turn.id, by: null, byName: null, now: 1 });
    await store.turns.byMessage(place('c'), 'm1');
    await store.turns.list({ status: 'waiting', limit: 5 });
    await store.outputs.read(turn.id, 1, { start: 0, length: 1 });
    await store.events.list(turn.id);
    await store.sessions.get(keyOf());
    await store.sessions.active(keyOf());
    await store.sessions.pending(keyOf());
    await historyOf(store, keyOf(), { limit: 5, upTo: 100 });
    await historyOf(store, keyOf(), { limit: 5, from: 1, upTo: 100 });
    await store.sessions.search(keyOf(), { text: 'hello', limit: 5 });
    await store.sessions.readOutside(keyOf(), 5);
    await compactionOf(store, keyOf());
    await compactionOf(store, keyOf(), 1);
    await store.sessions.reset(keyOf(), 1);
    await accept(store, 'm2');
    await store.outbox.claim(lease);
    await store.outbox.progress('k1', []);
    await store.outbox.failed('k1', 'x', 1, 1);
    await store.outbox.sent('k1', [], 1);
    await store.outbox.claim(lease);
    await store.outbox.refs('k1');
    await store.outbox.moved('k1', []);
    await store.outbox.nextDue();
    const [job] = await store.jobs.claim({ ...lease, kinds: ['k'] });
    if (job === undefined) throw new Error('the job is due');
    await store.jobs.renew({ worker: 'w', jobs: [job], leaseMs: 10, now: 2_000 });
    await store.jobs.retry(job, { worker: 'w', error: 'x', retryAt: 5 });
    const [again] = await store.jobs.claim({ ...lease, kinds: ['k'] });
    if (again === undefined) throw new Error('the job is due again');
    const entry = memoryOf('m1', { scope: 'user', owner: 'web:ana', place: 'c' });
    await store.jobs.settle({
      job: again,
      worker: 'w',
      now: 1,
      note: { turnId: turn.id, events: [skipped(1)] },
      memories: [{ op: 'put', memory: entry }],
    });
    for (const direct of [true, false]) {
      const viewer = { user: 'web:ana', conversation: 'c', workspace: '/work', direct };
      expect(await store.memories.search({ viewer, text: 'entry', limit: 8 })).toHaveLength(1);
      await store.memories.prominent({ viewer, limit: 8 });
      await store.memories.visible(viewer, ['m1']);
      await store.memories.alike({ viewer, model: 'e', vector: new Float32Array(2), limit: 8 });
    }
    await store.memories.setVector({ id: 'm1', updatedAt: 1, model: 'e', vector: new Float32Array(2) });
    await store.memories.get('m1');
    await store.memories.ofOwner('user', 'web:ana', 8);
    await store.memories.forget('m1');
    await store.memories.forgetSnapshots('web:ana', 'm1');
    await store.memories.erase(['web:ana'], 1);
    await store.usage.total('2026-01-01');
    await store.feed.add({
      id: 'p1',
      conversation: 'c',
      thread: null,
      author: 'a',
      authorName: 'A',
      createdAt: 1,
      body: {},
    });
    await store.feed.update('p1', { deleted: true });
    await store.feed.since('c', 0, 5);
    await store.feed.changes(0, 5);
    await store.feed.latest('c', { limit: 5 });
    await store.feed.latest('c', { thread: null, before: 'p1', limit: 5 });
    await store.state('n').get('k');
    await store.state('n').setOnce('k', 'v');
    await store.state('n').deleteBetween('k', 'l');

    const statements = [...new Set(prepared.mock.calls.map(([sql]) => sql))].filter((sql) =>
      /^(select|insert|update|delete|with)/.test(sql),
    );
    expect(statements.length).toBeGreaterThan(50);
    prepared.mockRestore();
    const shell = new BetterSqlite3(path);
    const planOf = (sql: string) =>
      shell
        .prepare<unknown[], { detail: string }>(`explain query plan ${sql}`)
        .all(...Array.from(sql.matchAll(/\?/g), () => null));
    const scans = statements.flatMap((sql) => {
      // What was found first, by an index and up to a limit, may be looked through, and so may a list that was given.
      // A scan of an index of few rows (what is open, due or pending) is what those indexes are for.
      const small =
        /USING (COVERING )?INDEX (turns_claimable|outbox_claimable|jobs_claimable|approvals_pending|turns_open)|VIRTUAL TABLE INDEX \d+:(M1|=)/;
      return planOf(sql)
        .filter(
          ({ detail }) =>
            /^SCAN (?!CONSTANT ROW|\d+-ROW VALUES|few$|json_each |\(subquery-\d+\)$)/.test(detail) &&
            !small.test(detail),
        )
        .map(({ detail }) => `${detail}: ${sql}`);
    });
    // What asks for the open turns of a session reads those alone, however long the conversation is.
    const ofOpen = statements.filter((sql) => /"session" = \+\? and "ended_at" is null/.test(sql));
    expect(ofOpen.length).toBeGreaterThanOrEqual(3);
    const openOnly = expect.stringContaining('COVERING INDEX turns_open');
    for (const sql of ofOpen) expect(planOf(sql).map(({ detail }) => detail)).toContainEqual(openOnly);
    // Values that stand alone would have SQLite compile the statement again for every run.
    expect(statements.filter((sql) => /(?<!\+)\?/.test(sql))).toEqual([]);
    shell.close();
    expect(scans).toEqual([]);
  } finally {
    prepared.mockRestore();
    await store.close();
    await rm(folder, { recursive: true });
  }
});

test('what was claimed is written without being read again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-store-'));
  const store = await openStore({ url: `sqlite:${join(folder, 'parley.db')}`, log: silent });
  await accept(store, 'm1');
  const claimed = await claimOne(store);
  const prepared = vi.spyOn(BetterSqlite3.prototype, 'prepare');
  try {
    await finish(store, claimed);
    const statements = prepared.mock.calls.map(([sql]) => sql);
    expect(statements).toContainEqual(expect.stringMatching(/^update "turns" .*"head_hash" = \+\?/));
    expect(statements.filter((sql) => /^select .* from "turns" where "id"/.test(sql))).toEqual([]);
  } finally {
    prepared.mockRestore();
    await store.close();
    await rm(folder, { recursive: true });
  }
});
