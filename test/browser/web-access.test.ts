/** Every view of the web chat, in both colour schemes and at desktop and phone width, against axe. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anaToken, openWebGateway, ownerToken, type WebGateway } from '../fakes/web-gateway.ts';
import { playScene } from '../fakes/web-scene.ts';
import { launchBrowser } from './browser.ts';

const browser: Browser | undefined = await launchBrowser();
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

type Results = { violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] };

async function violations(page: Page): Promise<string[]> {
  // Past the page's own policy, which rightly refuses scripts from elsewhere.
  await page.evaluate(axe);
  const found = await page.evaluate<Results>('axe.run()');
  return found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.failureSummary ?? node.html).join(' | ')}`,
  );
}

const views = [
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 390 },
  { colorScheme: 'dark', width: 390 },
] as const;

describe.skipIf(browser === undefined)('axe finds nothing', () => {
  let gateway: WebGateway;
  let conversation: string;

  beforeAll(async () => {
    gateway = await openWebGateway();
    conversation = (await playScene(gateway)).conversation;
  });
  afterAll(async () => {
    await gateway.close();
    await browser?.close();
  });

  it.each(views)('$colorScheme, $width pixels', async ({ colorScheme, width }) => {
    if (browser === undefined) throw new Error('no browser');
    const context = await browser.newContext({
      colorScheme,
      viewport: { width, height: 844 },
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();

    await page.goto(`${gateway.url}/`);
    expect(await violations(page), 'sign-in').toEqual([]);
    await page.fill('#token', 'wrong');
    await page.press('#token', 'Enter');
    await page.waitForSelector('[role=alert]');
    expect(await violations(page), 'sign-in with an error').toEqual([]);

    await page.goto(`${gateway.url}/?token=${anaToken}`);
    await page.waitForSelector('.empty');
    expect(await violations(page), 'empty').toEqual([]);
    await page.fill('#composer', '/');
    await page.waitForSelector('[role=listbox]');
    expect(await violations(page), 'commands').toEqual([]);

    await context.clearCookies();
    await page.goto(`${gateway.url}/?token=${ownerToken}`);
    await page.waitForSelector('.approval');
    const reply = gateway.web.openReply({ channel: 'web', account: 'web', conversation });
    reply.status('Running `npm test`');
    reply.append('Half an **ans');
    await page.waitForSelector('.draft .block');
    expect(await violations(page), 'conversation').toEqual([]);
    // Nothing may be wider than the screen.
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    await reply.discard();

    await page.goto(`${gateway.url}/#/${conversation}/m-first`);
    await page.waitForSelector('.thread .empty');
    expect(await violations(page), 'thread').toEqual([]);
    await page.click('text=Close thread');
    if (width < 720) await page.click('.menu');
    await page.click('button:has-text("New")');
    await page.waitForSelector('#new-title');
    expect(await violations(page), 'new conversation').toEqual([]);
    await context.close();
  });
});
