/** Faults of Discord and of its connection, through the real program: F8, F9, F12, F14 to F19, E16 over restarts. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type DiscordOptions, type DiscordScenario, startDiscord } from './support/discord.ts';
import { until } from './support/gateway.ts';
import { gate } from './support/scenario.ts';

let s: DiscordScenario;
let home: string;

async function start(options: DiscordOptions = {}): Promise<string> {
  s = await startDiscord(options);
  s.model.script((call) => ({ text: `written answer to ${call.question.trim()}` }));
  home = s.discord.direct(s.ana);
  return home;
}
const health = async (): Promise<{ state: string; detail?: string }> => {
  const body = (await (await fetch(`${s.gateway.url}/readyz`)).json()) as {
    channels: { discord: { state: string; detail?: string } };
  };
  return body.channels.discord;
};
const answersIn = (place: string, text: string) =>
  s.discord.posts(place).filter((one) => one.content.includes(text));

describe('faults on Discord that a connection survives', () => {
  beforeAll(() => start());
  afterAll(() => s.close());

  it('F17: a dropped line is resumed, and what was said meanwhile is answered once', async () => {
    s.discord.gateway.drop();
    s.discord.say(home, s.ana, 'while away');
    await s.answer(home, 'while away');
    expect(s.discord.gateway.resumes).toEqual([expect.objectContaining({ accepted: true })]);
    expect(s.discord.gateway.identifies).toHaveLength(1);
    expect(await health()).toEqual({ state: 'up' });
  });

  it('bad input: frames of any shape are dropped and counted; the process stays up, and the session too', async () => {
    const frames = [
      'no json',
      '[]',
      '7',
      '{"op":9}',
      '{"op":10}',
      '{"op":0,"t":"READY","s":2}',
      '{"op":0,"t":"READY","s":2,"d":null}',
      '{"op":0,"t":null,"s":null,"d":7}',
      '{"op":0,"t":"MESSAGE_CREATE","d":{"id":"x"}}',
      '{"op":99,"d":{}}',
    ];
    for (const frame of frames) s.discord.gateway.raw(frame);
    s.discord.say(home, s.ana, 'still there?');
    await s.answer(home, 'still there?');
    const metrics = await (await fetch(`${s.gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/parley_inbound_dropped_total\{channel="discord",reason="frame"\} [1-9]/);
  });

  it('F16: no access to one channel is told, and the others go on', async () => {
    const secret = s.discord.channel('secret');
    s.discord.world.forbidden.add(secret);
    s.discord.say(secret, s.bo, s.at('in there'));
    await until('the refusal to show', async () => (await health()).state === 'degraded');
    expect((await health()).detail).toContain('parley invite discord');
    s.discord.say(home, s.ana, 'and here?');
    await s.answer(home, 'and here?');
  });

  it('F14: 429 is obeyed and nothing is dropped, also when the wait is long', async () => {
    const rule = {
      method: 'POST',
      path: /\/messages$/,
      status: 429,
      body: { message: 'slow down', retry_after: 0.3, global: false },
    };
    s.discord.fail({ ...rule, retryAfter: 0.3 });
    s.discord.say(home, s.ana, 'short wait');
    await s.answer(home, 'short wait');
    expect(answersIn(home, 'short wait')).toHaveLength(1);
    s.discord.limit(/\/channels\/\d+\/messages(\/\d+)?$/, 2, 1_000);
    for (let n = 0; n < 5; n++) s.discord.say(home, s.ana, `number ${n}`);
    for (let n = 0; n < 5; n++) await s.answer(home, `number ${n}`);
    for (let n = 0; n < 5; n++) expect(answersIn(home, `number ${n}`)).toHaveLength(1);
  });
});

/** Whole answers, so that each try is one of the answer itself. */
describe('sending to Discord', () => {
  beforeAll(() => start({ section: '    stream: false' }));
  afterAll(() => s.close());

  it('F8, F15: an answer that Discord took but never confirmed is not posted twice; 5xx is tried again', async () => {
    s.discord.fail({ method: 'POST', path: /\/messages$/, drop: 'after' });
    s.discord.say(home, s.ana, 'ambiguous');
    await s.answer(home, 'ambiguous');
    s.discord.fail({ method: 'POST', path: /\/messages$/, status: 502, body: 'bad gateway', times: 2 });
    s.discord.say(home, s.ana, 'server error');
    await s.answer(home, 'server error');
    await until('both to be recorded', async () => (await s.turns()).every((turn) => turn.status === 'done'));
    expect(answersIn(home, 'ambiguous')).toHaveLength(1);
    expect(answersIn(home, 'server error')).toHaveLength(1);
  });

  it('F9: half of a split answer goes on where it stopped', async () => {
    const text = Array.from({ length: 90 }, (_, n) => `point ${n} of a long answer to be split`).join('\n\n');
    s.model.script(() => ({ text }));
    const seen = () => s.discord.posts(home);
    s.discord.say(home, s.ana, 'long');
    await until('the first part', () => {
      if (seen().length === 0) return false;
      s.discord.fail({ method: 'POST', path: /\/messages$/, drop: 'before', times: 1 });
      return true;
    });
    await s.answer(home, 'point 89');
    const all = seen().map((one) => one.content);
    for (let n = 0; n < 90; n++)
      expect(all.filter((one) => new RegExp(`point ${n} of`).test(one))).toHaveLength(1);
  });
});

describe('faults on Discord', () => {
  afterEach(() => s.close());

  it('F1, F17: the session is resumed after kill -9; an event that was not stored is sent again', async () => {
    const home = await start();
    s.discord.say(home, s.ana, 'before');
    await s.answer(home, 'before');
    await s.gateway.kill();
    s.discord.say(home, s.ana, 'while dead');
    s.gateway = await s.folder.start();
    await s.answer(home, 'while dead');
    s.discord.say(home, s.ana, 'after');
    await s.answer(home, 'after');
    expect(answersIn(home, 'before')).toHaveLength(1);
    expect(answersIn(home, 'while dead')).toHaveLength(1);
  });

  it('P12: a graceful stop leaves a session that the next start resumes, with the words in between', async () => {
    const home = await start();
    s.discord.say(home, s.ana, 'before');
    await s.answer(home, 'before');
    expect(await s.gateway.stop()).toBe(0);
    s.discord.say(home, s.ana, 'in between');
    s.gateway = await s.folder.start();
    await s.answer(home, 'in between');
    expect(s.discord.gateway.identifies).toHaveLength(1);
    expect(s.discord.gateway.resumes).toEqual([expect.objectContaining({ accepted: true })]);
    expect(s.model.calls.at(-1)?.text).toContain('before');
  });

  it('F18: when resuming is refused it identifies anew and reads back what was missed', async () => {
    const home = await start();
    s.discord.say(home, s.ana, 'before');
    await s.answer(home, 'before');
    const asked = s.discord.say(s.general, s.ana, s.at('a thread'));
    await s.answer(asked, 'a thread');
    s.discord.gateway.refuseResume();
    s.discord.gateway.hold(true);
    s.discord.say(home, s.ana, 'missed in private');
    s.discord.say(asked, s.bo, 'missed in the thread');
    const quiet = s.discord.channel('quiet');
    const elsewhere = s.discord.say(quiet, s.bo, s.at('missed in a new channel'));
    s.discord.gateway.drop();
    s.discord.gateway.hold(false);
    await s.answer(home, 'missed in private');
    await s.answer(asked, 'missed in the thread');
    await s.answer(elsewhere, 'missed in a new channel');
    expect(s.discord.gateway.identifies).toHaveLength(2);
    expect(s.gateway.output()).toContain('the Discord session was lost');
    for (const text of ['before', 'missed in private']) expect(answersIn(home, text)).toHaveLength(1);
  });

  it.each([
    [4004, 'Reset Token'],
    [4014, 'Message Content Intent'],
    [4013, 'Update Parley'],
  ])('F16: close code %i takes the channel down with its remedy, the others stay', async (code, remedy) => {
    await start({ web: true });
    s.discord.gateway.closeOnIdentify(code);
    s.discord.gateway.refuseResume();
    // The first identifying of a process is free; a dropped line would wait 5 s for it.
    await s.restart();
    await until('the channel to be down', async () => (await health()).state === 'down');
    expect((await health()).detail).toContain(remedy);
    const { channels } = (await (await fetch(`${s.gateway.url}/readyz`)).json()) as {
      channels: { web: { state: string } };
    };
    expect(channels.web.state).toBe('up');
    expect(s.gateway.output()).toContain(remedy);
  });

  it('F16: a revoked token (401) takes it down; nothing is tried again', async () => {
    const home = await start({ web: true });
    s.discord.fail({
      method: 'POST',
      path: /./,
      status: 401,
      body: { message: '401: Unauthorized', code: 0 },
      times: 1_000,
    });
    s.discord.fail({
      method: 'PATCH',
      path: /./,
      status: 401,
      body: { message: '401: Unauthorized', code: 0 },
      times: 1_000,
    });
    s.discord.say(home, s.ana, 'hello?');
    await until('the channel to be down', async () => (await health()).state === 'down');
    expect((await health()).detail).toContain('Reset Token');
    await until('the line to be closed', () => !s.discord.gateway.connected());
  });

  it('F3, F8: the draft that a killed process left becomes the answer', async () => {
    const home = await start();
    const door = gate();
    s.model.script(() => ({ text: 'growing and grown', holdAfterFirst: door.wait }));
    s.discord.say(home, s.ana, 'grow');
    const draft = await s.shown(home, 'the draft', (one) => one.content === 'growing');
    await s.gateway.kill();
    door.open();
    s.gateway = await s.folder.start();
    await until('the answer in its place', () => draft.content === 'growing and grown');
    expect(s.discord.posts(home)).toEqual([draft]);
  });

  it('starts without Discord, says so, and connects when it is back', async () => {
    const home = await start({ web: true });
    await s.gateway.kill();
    s.discord.fail({ method: 'GET', path: /^\/gateway\/bot$/, status: 503, body: 'down', times: 2 });
    s.gateway = await s.folder.start();
    expect((await health()).state).toBe('degraded');
    await until('the channel to be up', async () => (await health()).state === 'up');
    s.discord.say(home, s.ana, 'back again');
    await s.answer(home, 'back again');
  });
});
