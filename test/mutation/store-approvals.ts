/** The part of the store contract that is about approvals: what `npm run mutate` has to wait for, and no more. */
import { describe } from 'vitest';
import { describeApprovalTerms } from '../contract/store/approval-terms-suite.ts';
import { describeApprovals } from '../contract/store/approvals-suite.ts';
import { openSqlite } from '../contract/store/sqlite.ts';

describe('approvals', () => describeApprovals(openSqlite));
describe('terms of approval', () => describeApprovalTerms(openSqlite));
