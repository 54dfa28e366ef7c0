import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Crash proofs take longest and are the shortest files: started last, one of them would run on alone. */
class CrashesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isCrash = (file: TestSpecification): boolean => file.moduleId.includes('/test/crash/');
    const sorted = await super.sort(files);
    return [...sorted.filter(isCrash), ...sorted.filter((file) => !isCrash(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global-setup.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Forks: tests start servers, child processes and native modules; a crash must not take the others along.
    pool: 'forks',
    // One more than the cores that are asked for: most files wait for a gateway much of the time.
    maxWorkers: 3,
    // Loading the same modules anew for each file took a tenth of the whole run; no file may leave anything behind.
    isolate: false,
    sequence: { sequencer: CrashesFirst },
  },
});
