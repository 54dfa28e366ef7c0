/** The web chat in a real browser, over a real server, with a gateway that does what each test says. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { OutboundMessage } from '../../src/domain/message.ts';
import { createMemoryFeed, createMemoryKeyValue } from '../fakes/memory-feed.ts';
import {
  anaToken,
  createRecordingSink,
  openWebGateway,
  ownerToken,
  type WebGateway,
} from '../fakes/web-gateway.ts';
import { approvalCard, nextOnCard, settledCard } from '../fakes/web-scene.ts';
import { launchBrowser } from './browser.ts';

const browser: Browser | undefined = await launchBrowser();
const general = { channel: 'web', account: 'web', conversation: 'general' };
const answer = (text: string): OutboundMessage => ({ kind: 'answer', text });

describe.skipIf(browser === undefined)('web page', () => {
  let gateway: WebGateway;
  const contexts: BrowserContext[] = [];
  const problems: string[] = [];

  beforeAll(async () => {
    gateway = await openWebGateway();
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    expect(problems.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await gateway.close();
    await browser?.close();
  });

  async function tab(token = ownerToken, at: { url: string } = gateway): Promise<Page> {
    if (browser === undefined) throw new Error('no browser');
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    contexts.push(context);
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && /Content Security Policy/.test(message.text()))
        problems.push(message.text());
    });
    await page.goto(`${at.url}/?token=${token}`);
    await page.waitForSelector('.composer');
    return page;
  }

  async function shared(token = ownerToken, at: { url: string } = gateway): Promise<Page> {
    const page = await tab(token, at);
    await page.click('.sidebar a:has-text("General")');
    await page.waitForSelector('h2:has-text("General")');
    return page;
  }

  it('signs in by the printed address, and the token is gone from it', async () => {
    const page = await tab();
    expect(new URL(page.url()).search).toBe('');
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.click('text=Sign out');
    await page.fill('#token', 'not the right token');
    await page.click('button:has-text("Sign in")');
    expect(await page.textContent('[role=alert]')).toContain('not valid');
    await page.fill('#token', anaToken);
    await page.click('button:has-text("Sign in")');
    await page.waitForSelector('text=Signed in as ana');
  });

  it('opens by a link on another site without asking to sign in again', async () => {
    const page = await tab();
    // Another port is another origin, another host another site.
    const other = await openWebGateway();
    await page.goto(`${other.url.replace('127.0.0.1', 'localhost')}/healthz`);
    const href = JSON.stringify(`${gateway.url}/`);
    await page.evaluate(`document.body.innerHTML = '<a>go</a>'; document.querySelector('a').href = ${href}`);
    await page.click('a');
    await page.waitForSelector('.composer');
    await other.close();
  });

  it('posts, streams and ends with the answer once (E1)', async () => {
    const page = await shared();
    await page.fill('#composer', 'two\nlines');
    await page.press('#composer', 'Enter');
    await page.waitForSelector('.post.kind-message:has-text("two")');
    expect(await page.inputValue('#composer')).toBe('');
    const reply = gateway.web.openReply(general, gateway.sink.messages.at(-1));
    reply.status('Reading `a.txt`');
    await page.waitForSelector('.draft .working-line:has-text("Reading")');
    await page.waitForSelector('button.stop');
    reply.append('It says **hel');
    await page.waitForSelector('.draft:has-text("hel")');
    reply.append('lo**.');
    await page.waitForSelector('.draft strong:has-text("hello")');
    await reply.finish(answer('It says **hello**.'), 'browser:1');
    await page.waitForSelector('.post.kind-answer:not(.draft) strong:has-text("hello")');
    expect(await page.locator('.post >> text=It says').count()).toBe(1);
    await page.waitForSelector('button.stop', { state: 'detached' });
    await page.reload();
    await page.waitForSelector('.post.kind-answer strong:has-text("hello")');
    expect(await page.locator('.post.kind-message:has-text("two")').count()).toBe(1);
  });

  it('stops the work in hand (E74)', async () => {
    const page = await shared();
    const reply = gateway.web.openReply(general);
    await page.click('button.stop');
    await expect.poll(() => gateway.sink.stops.at(-1)?.[0]).toEqual(general);
    await reply.discard();
    await page.waitForSelector('button.stop', { state: 'detached' });
  });

  it('lists commands for a slash, and the keyboard picks one', async () => {
    const page = await shared();
    await page.focus('#composer');
    await page.keyboard.type('/');
    await page.waitForSelector('[role=listbox]');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    expect(await page.inputValue('#composer')).toBe('/help ');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.aside:has-text("/help")');
    expect(gateway.sink.messages.at(-1)?.command).toEqual({ name: 'help', argument: '' });
  });

  it('shows an aside to the asker on every tab and to nobody else (P8)', async () => {
    const [page, second, other] = [await shared(), await shared(), await shared(anaToken)];
    await page.fill('#composer', '/btw is it safe?');
    await page.press('#composer', 'Enter');
    await page.waitForSelector('.aside:has-text("is it safe?")');
    const token = gateway.sink.messages.at(-1)?.replyToken;
    const aside: OutboundMessage = {
      kind: 'aside',
      text: 'Quite PRIVATE.',
      aside: { question: 'is it safe?', done: true },
    };
    await gateway.web.sendEphemeral(general, 'web:owner', aside, token);
    for (const one of [page, second]) {
      await one.waitForSelector(
        '.aside:has-text("Aside, only you see this"):has-text("is it safe?"):has-text("PRIVATE")',
      );
    }
    expect(await page.locator('.aside:has-text("is it safe?")').count()).toBe(1);
    await gateway.web.send(general, answer('For all.'), 'browser:all');
    await other.waitForSelector('text=For all.');
    expect(await other.content()).not.toContain('PRIVATE');
  });

  it('decides a card by button, on every open tab (E27, E37)', async () => {
    const [page, other] = [await shared(), await shared(anaToken)];
    const [ref] = await gateway.web.send(general, approvalCard, 'browser:card');
    await other.waitForSelector('.approval button:has-text("Deny")');
    // A11: what the model says stands below what our code wrote, and is called its words.
    const words = (await page.textContent('.approval')) ?? '';
    const parts = ['Run this command?', 'asked by', 'Why it asks:', "The model's reason:", 'Approve once'];
    expect(parts.map((part) => words.indexOf(part))).toEqual(
      parts.map((part) => words.indexOf(part)).toSorted((a, b) => a - b),
    );
    expect(words).toContain("The model's reason:");
    await page.click('.approval button:has-text("Approve once")');
    await expect.poll(() => gateway.sink.clicks.length).toBe(1);
    if (ref !== undefined) await gateway.web.edit(ref, settledCard);
    for (const one of [page, other]) {
      await one.waitForSelector('.approval.settled:has-text("Approved once by Owner")');
      expect(await one.locator('.approval button').count()).toBe(0);
    }
  });

  it('A49: a card that was edited to the next request is pressed anew, and not by the end of a double click', async () => {
    const page = await shared();
    const [ref] = await gateway.web.send(general, approvalCard, 'browser:shared');
    const button = page.locator('.approval:not(.settled) button:has-text("Approve once")').last();
    await button.waitFor();
    const before = gateway.sink.clicks.length;
    await button.click();
    await expect.poll(() => gateway.sink.clicks.length).toBe(before + 1);
    if (ref !== undefined) await gateway.web.edit(ref, nextOnCard);
    await page.waitForSelector('.approval-notes li:has-text("Approved once by Ana")');
    const next = page.locator('.approval:has(.approval-notes) button:has-text("Deny")');
    const box = (await next.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down({ clickCount: 2 });
    await page.mouse.up({ clickCount: 2 });
    await next.click();
    await expect.poll(() => gateway.sink.clicks.length).toBe(before + 2);
    expect(gateway.sink.clicks.at(-1)?.token).toContain('BbCdEf');
    if (ref !== undefined) await gateway.web.edit(ref, settledCard);
  });

  it('edits and deletes a message that waits (E75)', async () => {
    const page = await shared();
    await gateway.web.send(general, { ...approvalCard, turnId: 'waits' }, 'browser:wait');
    await page.waitForSelector('.approval button');
    await page.fill('#composer', 'frist');
    await page.press('#composer', 'Enter');
    const post = page.locator('.post:has-text("frist")');
    await post.locator('button:has-text("Edit")').click();
    await page.fill('.editor textarea', 'first');
    await page.click('.editor button:has-text("Save")');
    await page.waitForSelector('.post:has-text("waiting") >> text=first');
    expect(gateway.sink.edits.at(-1)?.text).toBe('first');
    await page.click('.post:has-text("first") button:has-text("Delete")');
    await page.waitForSelector('text=This message was deleted.');
    expect(gateway.sink.deletions).toHaveLength(1);
  });

  it('keeps a thread apart from its conversation', async () => {
    const page = await shared();
    await gateway.web.send(general, answer('A root to reply to.'), 'browser:root');
    await page.hover('.post:has-text("A root to reply to.")');
    await page.click('.post:has-text("A root to reply to.") >> text=Reply in thread');
    await page.waitForSelector('#thread-composer:focus');
    await page.keyboard.type('inside');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.thread .post:has-text("inside")');
    expect(await page.locator('.main .post:has-text("inside")').count()).toBe(0);
    await page.waitForSelector('.main .post:has-text("A root to reply to.") >> text=1 reply');
    expect(gateway.sink.messages.at(-1)?.where.thread).toBeDefined();
    await page.keyboard.press('Escape');
    await page.waitForSelector('.thread', { state: 'detached' });
  });

  it('opens a private conversation, renames it, and says what is new elsewhere', async () => {
    const page = await tab();
    await page.click('button:has-text("New")');
    await page.waitForSelector('#new-title:focus');
    await page.keyboard.type('Plans');
    await page.keyboard.press('Enter');
    await page.waitForSelector('h2:has-text("Plans")');
    await page.click('button:has-text("Rename")');
    await page.fill('.rename input', 'Big plans');
    await page.keyboard.press('Enter');
    await page.waitForSelector('h2:has-text("Big plans")');
    await gateway.web.send(general, answer('news'), 'browser:news');
    await page.waitForSelector('.sidebar a:has-text("General") .badge');
    const other = await tab(anaToken);
    expect(await other.locator('text=Big plans').count()).toBe(0);
  });

  it('copies code', async () => {
    const page = await shared();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await gateway.web.send(general, answer('```sh\necho "<hi>"\n```'), 'browser:code');
    await page.click('.code:has-text("<hi>") [data-copy]');
    await page.waitForSelector('text=Copied');
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe('echo "<hi>"');
  });

  it('P1: keeps what was written while the server was away, and sends it once', async () => {
    const [feed, state, sink] = [createMemoryFeed(), createMemoryKeyValue(), createRecordingSink()];
    const before = await openWebGateway({ feed, state, sink });
    const page = await shared(ownerToken, before);
    await before.close();
    await page.waitForSelector('text=Connection lost');
    await page.fill('#composer', 'do not lose me');
    await page.press('#composer', 'Enter');
    await page.waitForSelector('.unsent:has-text("do not lose me"):has-text("Not sent yet")');
    const after = await openWebGateway({ feed, state, sink, port: Number(new URL(before.url).port) });
    await page.waitForSelector('.post:not(.unsent):has-text("do not lose me")');
    await page.waitForSelector('text=Connection lost', { state: 'detached' });
    expect(await page.locator('.post:has-text("do not lose me")').count()).toBe(1);
    expect(await feed.latest('general', { limit: 10 })).toHaveLength(1);
    expect(await page.evaluate('Object.keys(localStorage)')).toEqual([]);
    await after.close();
  });
});
