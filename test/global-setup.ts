/**
 * Once, before any test file: packs the program where its sources have changed, since the tests start what a user
 * starts, and unpacks the packaged Chromium, since two files that did it at the same time would trip each other.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import packaged from '@sparticuz/chromium';

export async function setup(): Promise<void> {
  execFileSync(process.execPath, [join(import.meta.dirname, '../bin/pack.js'), '--if-stale']);
  // Where the package does not run, the browser tests look for a system browser, and say so.
  await packaged.executablePath().catch(() => {});
}
