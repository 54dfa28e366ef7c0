/** The web channel on a real server: what the gateway sends, and who gets to see it. */
import { afterEach, describe, expect, it } from 'vitest';
import { encodeButton } from '../../../../src/channels/button-token.ts';
import type { OutboundMessage } from '../../../../src/domain/message.ts';
import { createMemoryFeed, createMemoryKeyValue } from '../../../fakes/memory-feed.ts';
import { signIn, withCookie } from '../../../fakes/web-client.ts';
import { anaToken, openWebGateway, ownerToken, type WebGateway } from '../../../fakes/web-gateway.ts';
import { approvalCard, approvalId, settledCard } from '../../../fakes/web-scene.ts';

const open: WebGateway[] = [];
async function gateway(options: Parameters<typeof openWebGateway>[0] = {}): Promise<WebGateway> {
  const opened = await openWebGateway(options);
  open.push(opened);
  return opened;
}
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const shared = { conversation: 'general', thread: null };
const general = { channel: 'web', account: 'web', conversation: 'general' };
const answer = (text: string): OutboundMessage => ({ kind: 'answer', text });

async function two(options: Parameters<typeof openWebGateway>[0] = {}) {
  const opened = await gateway(options);
  return { ...opened, owner: await signIn(opened.url, ownerToken), ana: await signIn(opened.url, anaToken) };
}

describe('asides', () => {
  it('reach every tab of the asker, also after a reload, and nobody else on the wire (E55, P8)', async () => {
    const { owner, ana, web, sink, feed } = await two();
    const [mine, theirs] = [await owner.events(), await ana.events()];
    await owner.post('/api/messages', { ...shared, text: '/btw why?', clientId: 'client-0001' });
    const token = sink.messages[0]?.replyToken;
    const half: OutboundMessage = {
      kind: 'aside',
      text: 'half CANARY',
      aside: { question: 'why?', done: false },
    };
    const ref = await web.sendEphemeral(general, 'web:owner', half, token);
    expect(ref.delivered).toBe(true);
    await web.editEphemeral(general, 'web:owner', ref, {
      kind: 'aside',
      text: 'whole CANARY',
      aside: { question: 'why?', done: true },
    });
    await mine.until((tap) => tap.raw().includes('whole CANARY'));
    const ids = new Set(mine.of('aside').map(({ id }) => id));
    expect(ids.size).toBe(1);

    const reloaded = await owner.events();
    expect(reloaded.of('hello')[0]).toMatchObject({
      asides: [{ question: 'why?', done: true, html: ['<p>whole CANARY</p>'] }],
    });

    await web.send(general, answer('public'), 'key-1');
    await theirs.until((tap) => tap.raw().includes('public'));
    const late = await ana.events(0);
    await late.until((tap) => tap.raw().includes('public'));
    for (const tap of [theirs, late]) expect(tap.raw()).not.toContain('CANARY');
    expect(await (await ana.get('/api/conversations/general/posts')).text()).not.toContain('CANARY');
    expect(JSON.stringify(await feed.changes(0, 100))).not.toContain('CANARY');
  });

  it('A36: are not delivered where the person may not look', async () => {
    const { web } = await two();
    const mine = await web.directRef('web:owner');
    const message: OutboundMessage = { kind: 'aside', text: 'x' };
    expect(await web.sendEphemeral(mine, 'web:ana', message)).toEqual({ delivered: false });
    expect(await web.sendEphemeral(general, 'web:nobody', message)).toEqual({ delivered: false });
  });

  it('are kept for the last fifty and for half an hour', async () => {
    let now = Date.now();
    const { owner, web } = await two({ clock: { now: () => now, monotonic: () => now } });
    const kept = async () => (await owner.events()).of('hello')[0]?.asides as unknown[];
    for (let i = 0; i < 60; i++)
      await web.sendEphemeral(general, 'web:owner', { kind: 'notice', text: `n${i}` });
    expect(await kept()).toHaveLength(50);
    now += 31 * 60 * 1000;
    expect(await kept()).toHaveLength(0);
  });
});

describe('answers out', () => {
  it('are posted once for one delivery key (P5)', async () => {
    const { web, feed } = await two();
    const first = await web.send(general, answer('one'), 'key-1');
    expect(await web.send(general, answer('one'), 'key-1')).toEqual(first);
    expect(await feed.latest('general', { limit: 10 })).toHaveLength(1);
  });

  it('replace their draft in one frame, and drafts are never stored', async () => {
    const { owner, web, feed } = await two();
    const events = await owner.events();
    const reply = web.openReply(general);
    reply.status('Thinking');
    reply.append('Hel');
    await events.until((tap) => tap.raw().includes('Hel'));
    expect(await feed.latest('general', { limit: 10 })).toEqual([]);
    reply.append('lo');
    reply.step({ title: 'Read a.txt', ok: true, durationMs: 5 });
    await reply.finish(answer('Hello there'), 'key-1');
    await events.until((tap) => tap.of('post').length > 0);
    const [post] = events.of('post');
    expect(post).toMatchObject({
      html: ['<p>Hello there</p>'],
      draft: events.of('draft')[0]?.id,
      steps: [{ title: 'Read a.txt' }],
    });
    expect(events.of('draft-end')).toEqual([]);
  });

  it('send only the blocks that changed, and a new tab gets the draft whole', async () => {
    const { owner, web } = await two();
    const events = await owner.events();
    const reply = web.openReply(general);
    reply.append('one\n\ntwo');
    await events.until((tap) => tap.raw().includes('two'));
    reply.append(' and more\n\nthree');
    await events.until((tap) => tap.raw().includes('three'));
    expect(events.of('draft').at(-1)).toMatchObject({
      from: 1,
      blocks: ['<p>two and more</p>', '<p>three</p>'],
    });
    const late = await owner.events();
    await late.until((tap) => tap.of('draft').length > 0);
    expect(late.of('draft')[0]).toMatchObject({
      from: 0,
      blocks: ['<p>one</p>', '<p>two and more</p>', '<p>three</p>'],
    });
    await reply.discard();
    await events.until((tap) => tap.of('draft-end').length === 1);
  });

  it('P5: take the place of the draft also where another process posts them', async () => {
    const { owner, web } = await two();
    const events = await owner.events();
    const reply = web.openReply(general, undefined, 'turn-1');
    reply.append('half of');
    await events.until((tap) => tap.raw().includes('half of'));
    await reply.hold();
    const turnId = 'turn-1';
    await web.send(general, { kind: 'card', text: 'May I?', turnId }, 'key-0');
    await web.send(general, { ...answer('the whole'), turnId }, 'key-1');
    await events.until((tap) => tap.of('post').length === 2);
    expect(events.of('post')).toMatchObject([{ draft: null }, { draft: events.of('draft')[0]?.id }]);
  });

  it('drop a draft whose answer an earlier try had stored', async () => {
    const { owner, web } = await two();
    await web.send(general, answer('stored'), 'key-1');
    const events = await owner.events();
    const reply = web.openReply(general);
    reply.append('again');
    await events.until((tap) => tap.raw().includes('again'));
    await reply.finish(answer('stored'), 'key-1');
    await events.until((tap) => tap.of('draft-end').length === 1);
    expect(events.of('post')).toEqual([]);
  });

  it('settle a card on every tab (E37, F38)', async () => {
    const { owner, ana, web, sink } = await two();
    const tabs = [await owner.events(), await owner.events(), await ana.events()];
    const [ref] = await web.send(general, approvalCard, 'card-1');
    const token = encodeButton({ kind: 'approval', id: approvalId, decision: 'once' });
    for (const tab of tabs) await tab.until((tap) => tap.raw().includes(token));
    expect((await ana.post('/api/click', { ...shared, token, clientId: 'client-0001' })).status).toBe(200);
    expect(sink.clicks).toMatchObject([{ token, where: general, author: { id: 'web:ana' } }]);
    if (ref !== undefined) await web.edit(ref, settledCard);
    for (const tab of tabs) {
      await tab.until((tap) => tap.of('post').length === 2);
      expect(tab.of('post')[1]).toMatchObject({
        buttons: [],
        card: { outcome: expect.stringContaining('Approved once') },
      });
    }
    expect(
      (await ana.post('/api/click', { ...shared, token: 'forged', clientId: 'client-0002' })).status,
    ).toBe(400);
    expect(sink.clicks).toHaveLength(1);
  });

  it('fail for places and people that do not exist', async () => {
    const { web } = await two();
    const nowhere = { ...general, conversation: 'nowhere' };
    await expect(web.send(nowhere, answer('x'), 'k')).rejects.toMatchObject({ code: 'channel.rejected' });
    await expect(web.edit({ where: general, id: 'none' }, answer('x'))).rejects.toMatchObject({
      code: 'channel.rejected',
    });
    await expect(web.directRef('web:nobody')).rejects.toMatchObject({ code: 'channel.rejected' });
    const reply = web.openReply(nowhere);
    reply.append('x');
    await reply.discard();
  });

  it('P12: a restart loses nothing, repeats nothing, and keeps people signed in', async () => {
    const [feed, state] = [createMemoryFeed(), createMemoryKeyValue()];
    const before = await gateway({ feed, state });
    const owner = await signIn(before.url, ownerToken);
    const events = await owner.events();
    await before.web.send(general, answer('one'), 'key-1');
    await events.until((tap) => tap.of('post').length === 1);
    const seen = Number(events.of('post')[0]?.revision);
    await before.close();
    await events.until((tap) => tap.isOver());
    const after = await gateway({ feed, state });
    await after.web.send(general, answer('two'), 'key-2');
    const again = await withCookie(after.url, owner.cookie).events(seen);
    await again.until((tap) => tap.raw().includes('two'));
    expect(again.of('post').map(({ html }) => html)).toEqual([['<p>two</p>']]);
  });
});
