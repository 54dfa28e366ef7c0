/** The whole thing as a new user meets it: the real program with its demo model, in a real browser. */
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFolder, type GatewayFolder, type RunningGateway } from '../e2e/support/gateway.ts';
import { launchBrowser } from './browser.ts';

const browser: Browser | undefined = await launchBrowser();

/** A port that was free a moment ago: the page has to find the restarted program where it was. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

describe.skipIf(browser === undefined)('Parley from a fresh start', () => {
  let folder: GatewayFolder;
  let gateway: RunningGateway;
  let page: Page;

  beforeEach(async () => {
    folder = createFolder();
    folder.writeConfig(
      `server: { port: ${await freePort()} }\naccess: { approvers: ["web:owner"], admins: ["web:owner"] }\n`,
    );
    gateway = await folder.start();
    const context = await browser?.newContext();
    if (context === undefined) throw new Error('no browser');
    page = await context.newPage();
    await page.goto(`${gateway.url}/?token=${gateway.token}`);
  });
  afterEach(async () => {
    await page.context().close();
    await gateway.kill();
    folder.remove();
  });
  afterAll(async () => {
    await browser?.close();
  });

  async function say(text: string): Promise<void> {
    await page.getByRole('textbox', { name: /message/i }).fill(text);
    await page.keyboard.press('Enter');
  }
  const see = (text: string | RegExp) => page.getByText(text).first().waitFor({ timeout: 20_000 });

  it('answers, asks before it acts, does what was approved, and says so on the card', async () => {
    await say('hello');
    await see('offline, without a key');
    await say('run mkdir reports');
    await see('Run this command?');
    expect(existsSync(join(folder.path, 'data/workspace/reports'))).toBe(false);
    await page.getByRole('button', { name: 'Approve once' }).click();
    await see(/Approved once by Owner — exit 0/);
    expect(existsSync(join(folder.path, 'data/workspace/reports'))).toBe(true);
  });

  it('answers an aside while something waits, and keeps both over kill -9: the old button still works', async () => {
    await say('run mkdir later');
    await see('Run this command?');
    await say('/btw what are you doing?');
    await see('Aside, only you see this');
    await see('a real model would answer it here');
    await gateway.kill();
    await see(/connection/i);
    gateway = await folder.start();
    await page.getByText(/connection lost|reconnecting/i).waitFor({ state: 'hidden', timeout: 20_000 });
    await page.getByRole('button', { name: 'Approve once' }).click();
    await see(/Approved once by Owner — exit 0/);
    expect(existsSync(join(folder.path, 'data/workspace/later'))).toBe(true);
  });

  it('stops in the middle of an answer', async () => {
    await say('count to 2000');
    await see(/1 2 3 4 5/);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Send' }).waitFor({ timeout: 20_000 });
    expect(await page.getByText('1999 2000').count()).toBe(0);
  });
});
