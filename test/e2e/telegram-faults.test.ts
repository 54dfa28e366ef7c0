/** Telegram's connection: F1, F2, F12, F16 to F19, webhook mode (A3), drafts, a late start. */
import { afterEach, describe, expect, it } from 'vitest';
import { until } from './support/gateway.ts';
import { gate, OWNER_TOKEN } from './support/scenario.ts';
import { startTelegram, type TelegramScenario } from './support/telegram.ts';
import { signIn } from './support/web-client.ts';

const SECRET = 'webhook-secret-for-tests';

describe('the connection to Telegram', () => {
  let s: TelegramScenario;
  afterEach(() => s.close());

  const health = async () => {
    const response = await fetch(`${s.gateway.url}/readyz`);
    const body = (await response.json()) as { channels: Record<string, { state: string; detail?: string }> };
    return body.channels.telegram;
  };
  const answered = async (text: string) => {
    const home = s.telegram.direct(s.ana);
    s.telegram.say({ chat: home, from: s.ana, text });
    await s.answer(home, 'ok');
  };

  it('F1, F2: an update is confirmed only once it is stored; after kill -9 it is asked for again and answered once', async () => {
    s = await startTelegram();
    const home = s.telegram.direct(s.ana);
    const door = gate();
    s.model.script(() => ({ text: 'ok', hold: door.wait }));
    const id = s.telegram.say({ chat: home, from: s.ana, text: 'keep me' });
    await until('the call', () => s.model.calls.length > 0);
    await s.gateway.kill();
    const update = s.telegram.state.nextUpdate - 1;
    // As if the process had died before it told Telegram.
    s.telegram.repeat(update);
    s.telegram.say({ chat: home, from: s.ana, text: 'said while it was down' });
    door.open();
    s.gateway = await s.folder.start();
    await until('both answers', async () => {
      const turns = await s.turns();
      return turns.length === 2 && turns.every((turn) => turn.status === 'done');
    });
    expect((await s.turns()).filter((turn) => turn.messageId === String(id))).toHaveLength(1);
    await until('the offset to move on', () => s.telegram.state.updates.length === 0);
  });

  it('F16: a revoked token takes the channel down with the remedy, and leaves the others up', async () => {
    s = await startTelegram({ web: true });
    await answered('first');
    s.telegram.state.token = 'another';
    s.telegram.push({});
    const state = await until('the channel to be down', async () => {
      const now = await health();
      return now?.state === 'down' ? now : undefined;
    });
    expect(state.detail).toContain('@BotFather');
    const owner = await signIn(s.gateway.url, OWNER_TOKEN);
    await owner.answerTo(await owner.createConversation('Still here', false), 'hello');
    owner.close();
    expect(s.gateway.output()).not.toContain(s.telegram.token.slice(5));
  });

  it('F19: a second poller is named, and when it is gone the channel comes back', async () => {
    s = await startTelegram();
    await answered('first');
    await s.gateway.kill();
    await until('its poll to end', () => s.telegram.state.pollers === 0);
    const other = new AbortController();
    const poll = fetch(`${s.telegram.url}/bot${s.telegram.token}/getUpdates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ timeout: 50 }),
      signal: other.signal,
    }).catch(() => undefined);
    await until('the other one to poll', () => s.telegram.state.pollers === 1);
    s.gateway = await s.folder.start();
    await until('the conflict to be named', async () =>
      (await health())?.detail?.includes('Another program'),
    );
    other.abort();
    await poll;
    await until('it to be up again', async () => (await health())?.state === 'up');
    s.model.script((call) => ({ text: `re ${call.question}` }));
    const home = s.telegram.direct(s.ana);
    s.telegram.say({ chat: home, from: s.ana, text: 'still there?' });
    await s.answer(home, 're still there?');
  });

  it.each([
    ['cut before Telegram heard of it', { drop: 'before' }],
    ['cut on its way back', { drop: 'after' }],
    ['answered with 502', { status: 502 }],
    ['answered with 500', { status: 500 }],
  ] as const)('F17, F18: a poll that is %s loses nothing and brings nothing twice', async (_how, fault) => {
    s = await startTelegram();
    await answered('first');
    const home = s.telegram.direct(s.ana);
    s.telegram.fail({ method: 'getUpdates', times: 2, ...fault });
    const ids = ['one', 'two', 'three'].map((text) => s.telegram.say({ chat: home, from: s.ana, text }));
    await until('all answers', async () => {
      const turns = await s.turns();
      return turns.length === 4 && turns.every((turn) => turn.status === 'done');
    });
    const taken = (await s.turns()).map((turn) => Number(turn.messageId)).filter((id) => ids.includes(id));
    expect(taken.toSorted((a, b) => a - b)).toEqual(ids);
    await until('it to be up', async () => (await health())?.state === 'up');
  });

  it('F14: getUpdates waits as long as it is told', async () => {
    s = await startTelegram();
    s.telegram.fail({ method: 'getUpdates', status: 429, retryAfter: 1 });
    s.telegram.push({});
    await answered('after the wait');
  });

  it('F15: Telegram out of reach at the start does not keep the program from starting', async () => {
    s = await startTelegram();
    await s.gateway.kill();
    s.telegram.fail({ method: 'getMe', status: 502, times: 1 });
    s.gateway = await s.folder.start();
    await until('it to be up', async () => (await health())?.state === 'up');
    await answered('hello');
  });

  it('A3, A4, F12: by webhook only calls with the secret count, each once', async () => {
    s = await startTelegram({ section: `    mode: webhook\n    webhook_secret: ${SECRET}` });
    const home = s.telegram.direct(s.ana);
    const call = (secret: string | undefined, body: string) =>
      fetch(`${s.gateway.url}/channels/telegram/webhook`, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          ...(secret === undefined ? {} : { 'x-telegram-bot-api-secret-token': secret }),
        },
      });
    s.telegram.say({ chat: home, from: s.ana, text: 'by webhook' });
    const [update] = s.telegram.state.updates;
    const body = JSON.stringify(update);
    const wrong = [
      undefined,
      '',
      `${SECRET}x`,
      SECRET.slice(0, -1),
      SECRET.toUpperCase(),
      `${SECRET}, ${SECRET}`,
    ];
    for (const secret of [...wrong, 'x'.repeat(5_000), '%', s.telegram.token])
      expect({ secret, status: (await call(secret, body)).status }).toEqual({ secret, status: 401 });
    expect((await s.turns()).length).toBe(0);
    for (let time = 0; time < 4; time++) expect((await call(SECRET, body)).status).toBe(200);
    await s.answer(home, 'ok');
    expect((await s.turns()).length).toBe(1);
    expect((await call(SECRET, 'not json')).status).toBe(200);
    // A4: too much is too much, with the secret or without.
    for (const secret of [SECRET, undefined])
      expect((await call(secret, 'x'.repeat(2_000_000))).status).toBe(413);
    expect(s.telegram.calls('getUpdates')).toHaveLength(0);
  });

  it("drafts: as an option, the private chat shows Telegram's own draft, and its Stop stops the work", async () => {
    s = await startTelegram({ section: '    drafts: true' });
    const home = s.telegram.direct(s.ana);
    const door = gate();
    s.model.script(() => ({ text: 'some words and more', holdAfterFirst: door.wait }));
    s.telegram.say({ chat: home, from: s.ana, text: 'go' });
    await until('a draft', () =>
      s.telegram.calls('sendMessageDraft').some((call) => String(call.text).includes('some')),
    );
    const call = await until('the call', () => s.model.calls[0]);
    s.telegram.stopDraft(home);
    await call.aborted;
    door.open();
    s.model.script(() => ({ text: 'ok' }));
    await answered('again');
  });
});
