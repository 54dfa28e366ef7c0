/** Unpacks the packaged Chromium once, before any test file: two that did it at the same time would trip each other. */
import packaged from '@sparticuz/chromium';

export async function setup(): Promise<void> {
  // Where the package does not run, the browser tests look for a system browser, and say so.
  await packaged.executablePath().catch(() => {});
}
