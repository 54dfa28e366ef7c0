import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global-setup.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Forks: tests start servers, child processes and native modules; a crash must not take the others along.
    pool: 'forks',
    maxWorkers: 2,
  },
});
