/** The store contract on SQLite files. */
import { describe } from 'vitest';
import { describeApprovalTerms } from './store/approval-terms-suite.ts';
import { describeApprovals } from './store/approvals-suite.ts';
import { describeHeads } from './store/heads-suite.ts';
import { describeHistory } from './store/history-suite.ts';
import { describeJobs } from './store/jobs-suite.ts';
import { describeLearning } from './store/learning-suite.ts';
import { describeLogs } from './store/logs-suite.ts';
import { describeMemories } from './store/memories-suite.ts';
import { describeOrder } from './store/order-suite.ts';
import { describeOutputs } from './store/outputs-suite.ts';
import { describeRest } from './store/rest-suite.ts';
import { describeRetention } from './store/retention-suite.ts';
import { openSqlite } from './store/sqlite.ts';
import { describeState } from './store/state-suite.ts';
import { describeTaker } from './store/taker-suite.ts';
import { describeTurns } from './store/turns-suite.ts';

describe('store on SQLite', () => {
  describe('turns', () => describeTurns(openSqlite));
  describe('order', () => describeOrder(openSqlite));
  describe('outputs', () => describeOutputs(openSqlite));
  describe('logs', () => describeLogs(openSqlite));
  describe('approvals', () => describeApprovals(openSqlite));
  describe('history', () => describeHistory(openSqlite));
  describe('taker', () => describeTaker(openSqlite));
  describe('heads', () => describeHeads(openSqlite));
  describe('jobs', () => describeJobs(openSqlite));
  describe('memories', () => describeMemories(openSqlite));
  describe('terms of approval', () => describeApprovalTerms(openSqlite));
  describe('skills and reflections', () => describeLearning(openSqlite));
  describe('retention', () => describeRetention(openSqlite));
  describe('state', () => describeState(openSqlite));
  describe('the rest', () => describeRest(openSqlite));
});
