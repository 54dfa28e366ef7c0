/** The unit tests of the rules that decide what may run: quick enough to be run once for each broken twin. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'test/unit/agent/{policy,taint}.test.ts',
      'test/unit/domain/{action-digest,approval}.test.ts',
      'test/unit/gateway/rules.test.ts',
      'test/unit/runtime/redact.test.ts',
    ],
  },
});
