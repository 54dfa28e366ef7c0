/** Crashes, bad models and bad surroundings: rows F1 to F7, F20 to F25, F31, F34, F43, F45, F49, E73, E75. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFolder, until } from './support/gateway.ts';
import { asked, configText, gate, idle, type Scenario, startScenario, types } from './support/scenario.ts';
import { type Place, textOf } from './support/web-client.ts';

const answersIn = (s: Scenario, place: Place) =>
  s.owner
    .posts()
    .filter(
      (post) => post.conversation === place.conversation && (post.kind === 'answer' || post.kind === 'error'),
    );

describe('kill -9', () => {
  let s: Scenario;
  beforeAll(async () => {
    s = await startScenario();
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
  });

  it('F2, F3, P1: killed during the model call, the turn is taken up at the start and asked again; half a text is never final', async () => {
    const door = gate();
    s.model.script((_call, index) =>
      index === 0 ? { text: 'partial words', holdAfterFirst: door.wait } : { text: 'complete answer' },
    );
    const place = await s.owner.createConversation('Crash', false);
    const { id } = await s.owner.post(place, 'survive this');
    await until('the draft', () => s.owner.raw().includes('partial'));
    await s.restart();
    await until('the answer', () => answersIn(s, place)[0]);
    door.open();
    expect(answersIn(s, place).map((post) => textOf(post.html))).toEqual(['complete answer']);
    const events = await s.eventsOf(id);
    expect(events.filter((event) => event.type === 'model.failed')).toMatchObject([{ errorCode: 'aborted' }]);
    expect(types(events).filter((type) => type === 'model.responded')).toHaveLength(1);
  });

  it('F1: a message that was not acknowledged is sent again by the page, and is one turn', async () => {
    s.model.script(() => ({ text: 'got it' }));
    const place = await s.owner.createConversation('Retry', false);
    const clientId = crypto.randomUUID();
    await s.gateway.kill();
    await expect(s.owner.post(place, 'are you there?', clientId)).rejects.toThrow();
    await s.restart();
    await s.owner.post(place, 'are you there?', clientId);
    await s.owner.post(place, 'are you there?', clientId);
    await until('the answer', () => answersIn(s, place)[0]);
    expect((await s.turns()).filter((turn) => turn.conversation === place.conversation)).toHaveLength(1);
  });

  it('F4, P4: killed between two tools, finished steps are not run again', async () => {
    const door = gate();
    s.model.script((_call, index) =>
      index === 0
        ? { toolCalls: [{ name: 'shell', args: { command: 'echo counted' } }] }
        : index === 1
          ? { text: 'x', hold: door.wait }
          : { text: 'finished' },
    );
    const place = await s.owner.createConversation('Steps', false);
    const { id } = await s.owner.post(place, 'one step');
    await until('the second call', () => s.model.calls[1]);
    await s.restart();
    await until('the answer', () => answersIn(s, place)[0]);
    door.open();
    expect(types(await s.eventsOf(id)).filter((type) => type === 'tool.finished')).toHaveLength(1);
  });

  it('E73, P9: the log is gapless, verifies, and refuses to be changed', async () => {
    expect((await s.folder.look('audit', 'verify')).stdout).toContain('intact');
    const database = new Database(join(s.folder.path, 'data/parley.db'));
    expect(() => database.prepare('DELETE FROM events').run()).toThrow();
    expect(() => database.prepare(`UPDATE events SET body = '{}'`).run()).toThrow();
    database.close();
    const exported = await s.folder.json<{ turnId: string; prevHash: string; hash: string }>(
      'audit',
      'export',
      '--jsonl',
    );
    expect(exported[0]).toMatchObject({
      turnId: expect.any(String),
      prevHash: expect.any(String),
      hash: expect.any(String),
    });
  });

  it('keeps people signed in, and everything where it was', async () => {
    const before = s.owner.posts().length;
    await s.restart();
    expect((await s.owner.fetch('/api/state')).status).toBe(200);
    expect(s.owner.posts().length).toBe(before);
  });

  it('E75, F13: an edited message runs with its new text, a deleted one not at all', async () => {
    const door = gate();
    s.model.script((call) =>
      call.question === 'first' ? { text: 'one', hold: door.wait } : { text: `re ${call.question}` },
    );
    const place = await s.owner.createConversation('Edit', false);
    await s.owner.post(place, 'first');
    const edited = await s.owner.post(place, 'old text');
    const deleted = await s.owner.post(place, 'delete me');
    await asked(s, 'first');
    expect(await s.owner.edit(edited.id, 'new text')).toBe(200);
    expect(await s.owner.remove(deleted.id)).toBe(200);
    door.open();
    await until('both answers', () => answersIn(s, place).length === 2);
    expect(s.model.calls.map((call) => call.question)).toEqual(['first', 'new text']);
    expect((await s.turns()).find((turn) => turn.messageId === deleted.id)?.status).toBe('cancelled');
  });

  it('F43, P12: SIGTERM in mid-turn finishes it, refuses new work, and ends with 0', async () => {
    const door = gate();
    s.model.script(() => ({ text: 'last words', holdAfterFirst: door.wait }));
    const place = await s.owner.createConversation('Term', false);
    await s.owner.post(place, 'finish this');
    await asked(s, 'finish this');
    s.gateway.signal('SIGTERM');
    await until('readiness to be taken back', async () => (await s.owner.fetch('/readyz')).status === 503);
    expect((await s.owner.post(place, 'too late')).status).toBe(503);
    door.open();
    expect(await s.gateway.exited).toBe(0);
    await s.restart();
    await until('the answer', () => answersIn(s, place)[0]);
    expect(textOf(answersIn(s, place)[0]?.html ?? [])).toBe('last words');
    expect(s.model.calls).toHaveLength(1);
  });
});

describe('models that misbehave', () => {
  let s: Scenario;
  beforeAll(async () => {
    s = await startScenario();
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
  });

  async function ask(text: string): Promise<string> {
    const place = await s.owner.createConversation('Model', false);
    return textOf((await s.owner.answerTo(place, text)).html);
  }

  it('F20: an overloaded model is asked again by one owner of retries, after what it asked for', async () => {
    s.model.script((_call, index) =>
      index === 0 ? { status: 429, headers: { 'retry-after': '0' } } : { text: 'at last' },
    );
    expect(await ask('busy?')).toBe('at last');
    expect(s.model.calls).toHaveLength(2);
  });

  it('F21: a reset in mid-stream starts the answer over; nothing of the first half stays', async () => {
    s.model.script((_call, index) =>
      index === 0 ? { text: 'broken half', reset: true } : { text: 'whole answer' },
    );
    expect(await ask('reset?')).toBe('whole answer');
  });

  it('F22: a stream without a finish reason is asked for once more, then it is an error', async () => {
    s.model.script(() => ({ text: 'seems complete', unfinished: true }));
    expect(await ask('cut?')).toContain('could not use');
    expect(s.model.calls).toHaveLength(2);
  });

  it.each([
    ['an empty answer', { text: '' }],
    ['empty choices', { text: 'x', emptyChoices: true }],
    ['a page of HTML', { html: '<html><body>Bad gateway</body></html>' }],
  ])('F25: %s is asked for once more, then it is an error', async (_what, reply) => {
    s.model.script(() => reply);
    expect(await ask('odd?')).toContain('could not use');
    expect(s.model.calls).toHaveLength(2);
  });

  it('F24: a prompt that does not fit is shortened once, without a summary where none is to be had', async () => {
    const place = await s.owner.createConversation('Long', false);
    s.model.script(() => ({ text: 'ok' }));
    for (let i = 0; i < 4; i++) await s.owner.answerTo(place, `filler ${i}`);
    s.model.reset();
    s.model.script((call) =>
      call.text.includes('filler 0')
        ? { status: 400, error: { message: 'too long', code: 'context_length_exceeded' } }
        : { text: 'fits now' },
    );
    expect(textOf((await s.owner.answerTo(place, 'and now?')).html)).toBe('fits now');
    // The prompt, the summary, the shorter prompt.
    expect(s.model.calls).toHaveLength(3);
  });

  it('falls back to the next model when the first gives up', async () => {
    const two = await startScenario({ model: '  fallbacks: [{ model: spare }]' });
    try {
      two.model.script((call) => (call.model === 'spare' ? { text: 'spare answer' } : { status: 500 }));
      const place = await two.owner.createConversation('Spare', false);
      expect(textOf((await two.owner.answerTo(place, 'hi')).html)).toBe('spare answer');
    } finally {
      await two.close();
    }
  });
});

describe('bad input and bad surroundings', () => {
  it('F45, A4: a message of 10 MB is refused with what to do instead, and the gateway stays up', async () => {
    const s = await startScenario();
    try {
      const place = await s.owner.createConversation('Big', false);
      const { status, body } = await s.owner.post(place, 'x'.repeat(10 * 1024 * 1024));
      expect(status).toBe(413);
      expect(body).toContain('256 KB');
      expect(textOf((await s.owner.answerTo(place, 'still there?')).html)).toBe('ok');
    } finally {
      await s.close();
    }
  });

  it('F34, P11: a broken file on reload leaves the old configuration in force and says where it is broken', async () => {
    const s = await startScenario();
    try {
      const good = configText(s.model.url, { yaml: 'agent: { instructions: "Version two." }' });
      s.folder.writeConfig(`${good}\nagnet: {}\n`);
      await until('the refusal', () =>
        /parley\.yaml:\d+:1: unknown key \\"agnet\\"; did you mean \\"agent\\"\?/.test(s.gateway.output()),
      );
      const place = await s.owner.createConversation('Reload', false);
      await s.owner.answerTo(place, 'one');
      expect(s.model.calls.at(-1)?.text).not.toContain('Version two.');
      expect(await (await s.owner.fetch('/metrics')).text()).toContain(
        'parley_config_reloads_total{outcome="refused"} 1',
      );
      s.folder.writeConfig(good);
      s.gateway.signal('SIGHUP');
      await until('the reload', () => s.gateway.output().includes('configuration reloaded'));
      await s.owner.answerTo(place, 'two');
      expect(s.model.calls.at(-1)?.text).toContain('Version two.');
    } finally {
      await s.close();
    }
  });

  it('a port that is taken is named, with the key to change', async () => {
    const folder = createFolder();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    folder.writeConfig(`server: { port: ${port} }`);
    const { code, stderr } = await folder.cli('start', '--config', 'parley.yaml');
    expect(code).toBe(1);
    expect(stderr).toContain(String(port));
    expect(stderr).toContain('server.port');
    other.close();
    folder.remove();
  });

  it('F49: a database of a newer Parley is refused and left as it is', async () => {
    const folder = createFolder();
    folder.writeConfig('server: { port: 0 }');
    const gateway = await folder.start();
    await gateway.stop();
    const file = join(folder.path, 'data/parley.db');
    const database = new Database(file);
    database
      .prepare(`INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-from-the-future', '2030-01-01')`)
      .run();
    database.close();
    const before = readFileSync(file);
    const { code, stderr } = await folder.cli('start', '--config', 'parley.yaml');
    expect(code).toBe(1);
    expect(stderr).toMatch(/newer/i);
    expect(readFileSync(file).equals(before)).toBe(true);
    folder.remove();
  });

  it('F32: a file that is no database is refused by name, and nothing is deleted', async () => {
    const folder = createFolder();
    folder.writeConfig('server: { port: 0 }');
    mkdirSync(join(folder.path, 'data'));
    writeFileSync(
      join(folder.path, 'data/parley.db'),
      'this is not a database, but it is precious '.repeat(100),
    );
    const { code, stderr } = await folder.cli('start', '--config', 'parley.yaml');
    expect(code).toBe(1);
    expect(stderr).toContain('parley.db');
    expect(existsSync(join(folder.path, 'data/parley.db'))).toBe(true);
    folder.remove();
  });

  it('F31: a second gateway on the same database is told so', async () => {
    const folder = createFolder();
    folder.writeConfig('server: { port: 0 }');
    const first = await folder.start();
    const { code, stderr } = await folder.cli('start', '--config', 'parley.yaml');
    expect(code).toBe(1);
    expect(stderr).toMatch(/another|already|in use/i);
    await first.stop();
    folder.remove();
  });

  it('all mistakes of a configuration are told at once, each with its place', async () => {
    const folder = createFolder();
    folder.writeConfig(
      'server: { port: no }\naccess: { users: [123456789012345678] }\nsessions: { while_busy: steer }\nmodels: { default: { api_key: ${NOT_SET_ANYWHERE} } }\n',
    );
    const { code, stderr } = await folder.cli('check', '--config', 'parley.yaml');
    expect(code).toBe(1);
    for (const part of [
      'parley.yaml:1:11',
      'parley.yaml:2:19',
      '"123456789012345678"',
      'parley.yaml:3:13',
      'not available yet',
      'parley.yaml:4:31',
      'NOT_SET_ANYWHERE',
    ]) {
      expect(stderr).toContain(part);
    }
    folder.remove();
  });

  it('an unknown command or option is a usage error', async () => {
    const folder = createFolder();
    expect((await folder.cli('fly')).code).toBe(2);
    expect((await folder.cli('start', '--warp')).code).toBe(2);
    expect((await folder.cli('--help')).code).toBe(0);
    folder.remove();
  });

  it('a database path that cannot be opened is named', async () => {
    const folder = createFolder();
    folder.writeConfig('server: { port: 0 }\nstore: { url: "sqlite:parley.yaml/parley.db" }');
    const { code, stderr } = await folder.cli('start', '--config', 'parley.yaml');
    expect(code).toBe(1);
    expect(stderr).toContain('parley.yaml/parley.db');
    folder.remove();
  });
});
