/** The tests of what decides what may run, and who says so: quick enough to be run once for each broken twin. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'test/mutation/store-approvals.ts',
      'test/unit/agent/{asking,last-look,policy,taint}.test.ts',
      'test/unit/domain/{action-digest,approval}.test.ts',
      'test/unit/gateway/{approvals,approvals-together,approval-clock,batch-card,cards,rules,settled-cards,summary-card}.test.ts',
      'test/unit/runtime/redact.test.ts',
    ],
  },
});
