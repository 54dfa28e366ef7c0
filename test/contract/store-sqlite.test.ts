/** The store contract on SQLite files. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { describe } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { describeApprovalTerms } from './store/approval-terms-suite.ts';
import { describeApprovals } from './store/approvals-suite.ts';
import { describeHistory } from './store/history-suite.ts';
import { describeJobs } from './store/jobs-suite.ts';
import { describeLearning } from './store/learning-suite.ts';
import { describeLogs } from './store/logs-suite.ts';
import { describeMemories } from './store/memories-suite.ts';
import { describeOrder } from './store/order-suite.ts';
import { describeRest } from './store/rest-suite.ts';
import { describeRetention } from './store/retention-suite.ts';
import { describeState } from './store/state-suite.ts';
import { type Backend, silent } from './store/support.ts';
import { describeTaker } from './store/taker-suite.ts';
import { describeTurns } from './store/turns-suite.ts';

async function open(): Promise<Backend> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-store-'));
  const path = join(folder, 'parley.db');
  const store = await openStore({ url: `sqlite:${path}`, log: silent });
  return {
    store,
    replica: async () => store,
    async raw(sql) {
      const shell = new BetterSqlite3(path);
      try {
        return shell.prepare(sql).run();
      } finally {
        shell.close();
      }
    },
    async close() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

describe('store on SQLite', () => {
  describe('turns', () => describeTurns(open));
  describe('order', () => describeOrder(open));
  describe('logs', () => describeLogs(open));
  describe('approvals', () => describeApprovals(open));
  describe('history', () => describeHistory(open));
  describe('taker', () => describeTaker(open));
  describe('jobs', () => describeJobs(open));
  describe('memories', () => describeMemories(open));
  describe('terms of approval', () => describeApprovalTerms(open));
  describe('skills and reflections', () => describeLearning(open));
  describe('retention', () => describeRetention(open));
  describe('state', () => describeState(open));
  describe('the rest', () => describeRest(open));
});
