/** The web channel on a real server: what people send, and how it is handed on. */
import { afterEach, describe, expect, it } from 'vitest';
import type { OutboundMessage } from '../../../../src/domain/message.ts';
import { signIn, withCookie } from '../../../fakes/web-client.ts';
import {
  anaToken,
  createRecordingSink,
  openWebGateway,
  ownerToken,
  type WebGateway,
} from '../../../fakes/web-gateway.ts';

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

describe('messages in', () => {
  it('stores a post, hands it on, then acknowledges; a retry changes nothing (E18)', async () => {
    const { owner, feed, sink } = await two();
    const message = { ...shared, text: 'hello', clientId: 'client-0001' };
    const first = await owner.post('/api/messages', message);
    expect(first.status).toBe(201);
    const { id } = (await first.json()) as { id: string };
    const again = await owner.post('/api/messages', message);
    expect(await again.json()).toEqual({ id });
    expect(await feed.latest('general', { limit: 10 })).toHaveLength(1);
    expect(new Set(sink.messages.map((one) => one.id))).toEqual(new Set([id]));
    expect(sink.messages[0]).toMatchObject({
      where: general,
      author: { id: 'web:owner', kind: 'person' },
      text: 'hello',
      direct: false,
      mentionsBot: false,
    });
  });

  it('F1, F2: does not acknowledge what the gateway could not store, and takes the retry', async () => {
    let isDown = true;
    const sink = createRecordingSink({
      message: async () => {
        if (isDown) throw new Error('disk');
      },
    });
    const { owner } = await two({ sink });
    const message = { ...shared, text: 'hello', clientId: 'client-0001' };
    const refused = await owner.post('/api/messages', message);
    expect(refused.status).toBe(503);
    expect(await refused.text()).not.toContain('disk');
    isDown = false;
    expect((await owner.post('/api/messages', message)).status).toBe(201);
  });

  it('opens a thread with a session of its own under any post', async () => {
    const { owner, sink } = await two();
    const root = (await (
      await owner.post('/api/messages', { ...shared, text: 'root', clientId: 'client-0001' })
    ).json()) as { id: string };
    const reply = { conversation: 'general', thread: root.id, text: 'reply', clientId: 'client-0002' };
    expect((await owner.post('/api/messages', reply)).status).toBe(201);
    expect(sink.messages[1]?.where).toEqual({ ...general, thread: root.id });
    const bad = await owner.post('/api/messages', { ...reply, thread: 'nothing', clientId: 'client-0003' });
    expect(bad.status).toBe(404);
  });

  it('answers in threads where the config says so', async () => {
    const { owner, sink } = await two({ config: { reply_in_thread: true } });
    await owner.post('/api/messages', { ...shared, text: 'root', clientId: 'client-0001' });
    expect(sink.messages[0]?.where.thread).toBe(sink.messages[0]?.id);
  });

  it('F45: refuses more than 256 KiB of text, also when it is hidden in escapes', async () => {
    const { owner, sink } = await two();
    for (const text of ['x'.repeat(256 * 1024 + 1), 'é'.repeat(200 * 1024), 'x'.repeat(10 * 1024 * 1024)]) {
      const refused = await owner.post('/api/messages', { ...shared, text, clientId: 'client-0001' });
      expect(refused.status).toBe(413);
      expect(await refused.json()).toMatchObject({ error: { code: 'message.too_large' } });
    }
    expect(sink.messages).toEqual([]);
  });

  it('edits and deletes own messages only (E75)', async () => {
    const { owner, ana, sink, feed } = await two();
    const { id } = (await (
      await owner.post('/api/messages', { ...shared, text: 'old', clientId: 'client-0001' })
    ).json()) as { id: string };
    expect((await ana.post(`/api/messages/${id}/edit`, { text: 'forged' })).status).toBe(404);
    expect((await ana.post(`/api/messages/${id}/delete`, {})).status).toBe(404);
    expect((await owner.post(`/api/messages/${id}/edit`, { text: 'new' })).status).toBe(200);
    expect(sink.edits).toMatchObject([{ id, where: general, text: 'new' }]);
    expect(await feed.post(id)).toMatchObject({ edited: true, body: { text: 'new' } });
    expect((await owner.post(`/api/messages/${id}/delete`, {})).status).toBe(200);
    expect(sink.deletions).toMatchObject([{ id }]);
    const listed = await (await owner.get('/api/conversations/general/posts')).text();
    expect(listed).not.toContain('new');
  });

  it('A35: a private conversation does not exist for anyone else', async () => {
    const { owner, ana, web, sink, feed } = await two();
    const mine = await web.directRef('web:owner');
    await owner.post('/api/messages', {
      conversation: mine.conversation,
      text: 'secret',
      clientId: 'client-0001',
    });
    expect(sink.messages[0]?.direct).toBe(true);
    const calls = await Promise.all([
      ana.get(`/api/conversations/${mine.conversation}/posts`),
      ana.post('/api/messages', { conversation: mine.conversation, text: 'hi', clientId: 'client-0002' }),
      ana.post(`/api/conversations/${mine.conversation}/rename`, { title: 'mine' }),
      ana.post('/api/stop', { conversation: mine.conversation }),
      ana.post(`/api/messages/${sink.messages[0]?.id}/edit`, { text: 'x' }),
    ]);
    expect(calls.map((one) => one.status)).toEqual([404, 404, 404, 404, 404]);
    const events = await ana.events(0);
    await web.send(general, answer('for everyone'), 'key-1');
    await events.until((tap) => tap.raw().includes('for everyone'));
    expect(events.raw()).not.toContain('secret');
    expect((await feed.conversation(mine.conversation))?.title).not.toBe('mine');
  });

  it.each([
    ['unknown fields', { ...shared, text: 'x', clientId: 'client-0001', admin: true }],
    ['no text', { ...shared, text: '  ', clientId: 'client-0001' }],
    ['a bad client id', { ...shared, text: 'x', clientId: '../x' }],
    ['a list', []],
  ])('refuses %s', async (_what, value) => {
    const { owner, sink } = await two();
    expect((await owner.post('/api/messages', value)).status).toBe(400);
    expect(sink.messages).toEqual([]);
  });

  it('A46: needs a session, JSON, and an origin of its own', async () => {
    const { url, owner, sink } = await two();
    expect((await withCookie(url, '').post('/api/messages', {})).status).toBe(401);
    const body = JSON.stringify({ ...shared, text: 'x', clientId: 'client-0001' });
    const send = (headers: Record<string, string>) =>
      fetch(`${url}/api/messages`, { method: 'POST', headers: { cookie: owner.cookie, ...headers }, body });
    expect((await send({ 'content-type': 'text/plain' })).status).toBe(415);
    expect((await send({ 'content-type': 'application/json', origin: 'https://evil.example' })).status).toBe(
      403,
    );
    const stream = await fetch(`${url}/api/events`, {
      headers: { cookie: owner.cookie, 'sec-fetch-site': 'cross-site' },
    });
    expect(stream.status).toBe(403);
    expect(sink.messages).toEqual([]);
  });
});

describe('commands', () => {
  it('are never seen by others, whole with their line breaks, and echoed to the asker (E49, P8)', async () => {
    const { owner, ana, sink, feed } = await two();
    const mine = await owner.events();
    const theirs = await ana.events();
    await owner.post('/api/messages', {
      ...shared,
      text: '/btw what is\n\nCANARY here?',
      clientId: 'client-0001',
    });
    expect(sink.messages).toMatchObject([
      { command: { name: 'btw', argument: 'what is\n\nCANARY here?' }, where: general },
    ]);
    expect(await feed.latest('general', { limit: 10 })).toEqual([]);
    await mine.until((tap) => tap.raw().includes('CANARY'));
    await owner.post('/api/messages', { ...shared, text: 'visible', clientId: 'client-0002' });
    await theirs.until((tap) => tap.raw().includes('visible'));
    expect(theirs.raw()).not.toContain('CANARY');
  });

  it('run once however often the page retries', async () => {
    const { owner, sink } = await two();
    const command = { ...shared, text: '/new', clientId: 'client-0001' };
    await Promise.all([owner.post('/api/messages', command), owner.post('/api/messages', command)]);
    await owner.post('/api/messages', command);
    expect(sink.messages).toHaveLength(1);
  });

  it('leave paths alone', async () => {
    const { owner, sink } = await two();
    await owner.post('/api/messages', { ...shared, text: '/etc/hosts is wrong', clientId: 'client-0001' });
    expect(sink.messages[0]?.command).toBeUndefined();
  });
});
