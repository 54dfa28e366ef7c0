/** Starts a real Chromium: the packaged one, or the system's where that does not run. */
import { existsSync } from 'node:fs';
import packaged from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

const system = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
];
/** Nothing but the page under test may use the network. */
const args = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
];

/** Undefined, with the reason printed, when no Chromium runs here. */
export async function launchBrowser(): Promise<Browser | undefined> {
  const reasons: string[] = [];
  for (const find of [
    () => packaged.executablePath(),
    ...system.filter(existsSync).map((path) => async () => path),
  ]) {
    try {
      return await chromium.launch({ executablePath: await find(), args, headless: true });
    } catch (error) {
      reasons.push(error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error));
    }
  }
  process.stderr.write(`Browser tests are skipped: no Chromium runs here (${reasons.join('; ')}).\n`);
  return undefined;
}
