/** Conversations on Discord through the real program: E2, E16 to E18, E75, F12, F13, F45, F47, A33, A37. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type DiscordScenario, startDiscord } from './support/discord.ts';
import { until } from './support/gateway.ts';
import { asked, gate, idle } from './support/scenario.ts';

describe('Discord', () => {
  let s: DiscordScenario;
  let home: string;

  beforeAll(async () => {
    s = await startDiscord();
    home = s.discord.direct(s.ana);
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
    s.model.script((call) => ({ text: `written answer to ${call.question.trim().split('\n')[0]}` }));
  });

  it('E2: a private message is answered, and its turn names author, place and text', async () => {
    const id = s.discord.say(home, s.ana, 'hello there');
    const answer = await s.answer(home, 'hello there');
    expect(answer.content).toBe('written answer to hello there');
    const [started] = await s.eventsOf(id);
    expect(started).toMatchObject({
      type: 'turn.started',
      author: `discord:${s.ana.id}`,
      channel: 'discord',
      message: {
        text: 'hello there',
        direct: true,
        where: { account: s.discord.world.bot.id, conversation: home },
      },
    });
  });

  it('E16: the next message knows the one before', async () => {
    s.discord.say(home, s.ana, 'second question');
    await s.answer(home, 'second question');
    expect(s.model.calls.at(-1)?.text).toContain('hello there');
  });

  it('on servers a mention is answered in a thread on it, which is then followed without mentions', async () => {
    s.discord.say(s.general, s.bo, 'just chatting');
    const asked = s.discord.say(s.general, s.bo, s.at('what is new?'));
    const first = await s.answer(asked, 'what is new?');
    expect(s.discord.world.channels.get(asked)).toMatchObject({ parent_id: s.general, name: 'what is new?' });
    expect(s.model.calls).toHaveLength(1);
    expect(s.model.calls[0]?.question).not.toContain(s.discord.world.bot.id);
    s.discord.say(asked, s.cy, 'and then?');
    await s.answer(asked, 'and then?');
    expect(s.model.calls.at(-1)?.text).toContain(first.content);
    expect(s.discord.posts(s.general)).toEqual([]);
  });

  it('E17: two messages of one place run one after the other, other places beside them', async () => {
    const other = s.discord.direct(s.bo);
    const door = gate();
    s.model.script((call) =>
      call.question.includes('slow one')
        ? { text: 'slow answer', hold: door.wait }
        : { text: `quick ${call.question}` },
    );
    s.discord.say(home, s.ana, 'slow one');
    s.discord.say(home, s.ana, 'after it');
    s.discord.say(other, s.bo, 'elsewhere');
    await s.answer(other, 'elsewhere');
    expect(s.model.calls.some((call) => call.question.includes('after it'))).toBe(false);
    door.open();
    await s.answer(home, 'slow answer');
    await s.answer(home, 'after it');
  });

  it('E18, F12: a message that Discord brings four times makes one turn', async () => {
    const id = s.discord.say(home, s.ana, 'only once');
    s.discord.gateway.repeat('MESSAGE_CREATE', 3);
    await s.answer(home, 'only once');
    s.discord.say(home, s.ana, 'flush');
    await s.answer(home, 'flush');
    expect((await s.turns()).filter((turn) => turn.messageId === id)).toHaveLength(1);
    expect(s.model.calls.filter((call) => call.question.includes('only once'))).toHaveLength(1);
  });

  it('E75, F13: an edit before the start counts, a deletion before the start cancels', async () => {
    const door = gate();
    s.model.script((call) =>
      call.question.includes('hold on')
        ? { text: 'held', hold: door.wait }
        : { text: `got ${call.question}` },
    );
    s.discord.say(home, s.ana, 'hold on');
    await asked(s, 'hold on');
    const edited = s.discord.say(home, s.ana, 'old words');
    const deleted = s.discord.say(home, s.ana, 'never mind');
    await until('them to be queued', async () =>
      (await s.turns()).some((turn) => turn.messageId === deleted),
    );
    s.discord.edit(edited, 'new words');
    s.discord.remove(deleted);
    await until('the edit to be stored', async () =>
      (await s.eventsOf(edited)).some((event) => event.type === 'message.edited'),
    );
    await until('the deletion to be stored', async () =>
      (await s.turns()).some((turn) => turn.messageId === deleted && turn.status === 'cancelled'),
    );
    door.open();
    await s.answer(home, 'new words');
    expect(s.model.calls.some((call) => /old words|never mind/.test(call.question))).toBe(false);
  });

  it('A33: other bots and webhooks are no persons and get no answer', async () => {
    const robot = s.discord.world.addPerson('Robot', true);
    s.discord.say(s.general, robot, s.at('hi'));
    s.discord.say(s.general, s.ana, s.at('hi'), { raw: { webhook_id: s.discord.world.newId() } });
    const asked = s.discord.say(s.general, s.ana, s.at('real'));
    await s.answer(asked, 'real');
    expect(s.model.calls).toHaveLength(1);
  });

  it('forum posts and threads of others are sessions of their own; the allow-list names the forum', async () => {
    const forum = s.discord.channel('ideas', 15);
    const post = s.discord.channel('An idea', 11, forum);
    s.discord.say(post, s.cy, s.at('what of this idea?'));
    await s.answer(post, 'what of this idea?');
    s.discord.say(post, s.cy, 'and now without a mention');
    await s.answer(post, 'and now without a mention');
    const [turn] = await s.turns();
    expect(turn).toMatchObject({ conversation: forum, thread: post });
  });

  it('where no thread can be begun it answers in the channel, as a reply', async () => {
    s.discord.fail({
      method: 'POST',
      path: /\/threads$/,
      status: 403,
      body: { message: 'Missing Permissions', code: 50_013 },
    });
    s.discord.say(s.general, s.ana, s.at('no thread here'));
    const answer = await s.answer(s.general, 'no thread here');
    expect(answer.components).toEqual([]);
  });

  it("A29, A51, F46, F47: quotes and forwards are not the author's words; files as text, images as data, the rest named", async () => {
    const url = s.discord.file('notes.txt', 'the notes say BLUE');
    const png = Buffer.from('89504e470d0a1a0a0000000d494844520000000100000001', 'hex');
    const image = s.discord.file('pixel.png', png);
    const trap = s.discord.file('trap.png', '<svg onload=alert(1)>');
    const bomb = s.discord.file(
      'bomb.png',
      Buffer.from('89504e470d0a1a0a0000000d494844520000ffff0000ffff', 'hex'),
    );
    const quoted = s.discord.posts(home).at(-1);
    const attachments = [
      { filename: 'notes.txt', url, size: 18, content_type: 'text/plain' },
      { filename: 'pixel.png', url: image, size: png.length, content_type: 'image/png' },
      { filename: 'trap.png', url: trap, size: 21, content_type: 'image/png' },
      { filename: 'bomb.png', url: bomb, size: 24, content_type: 'image/png' },
      { filename: 'gone.txt', url: url.replace('notes', 'missing'), size: 10, content_type: 'text/plain' },
      { filename: 'evil.txt', url: 'http://169.254.169.254/latest', size: 10, content_type: 'text/plain' },
    ];
    s.discord.say(home, s.ana, 'with files', {
      forward: 'forwarded words',
      attachments,
      ...(quoted === undefined ? {} : { replyTo: quoted }),
    });
    await s.answer(home, 'with files');
    const call = s.model.calls.at(-1);
    expect(call?.text).toContain('the notes say BLUE');
    expect(call?.text).toMatch(
      /<untrusted source="quoted from a forwarded message">\nforwarded words\n<\/untrusted>/,
    );
    expect(JSON.stringify(call?.body)).toContain(`data:image/png;base64,${png.toString('base64')}`);
    expect(call?.text).toMatch(
      /trap\.png[\s\S]*not an image I know[\s\S]*bomb\.png[\s\S]*pixels are too many/,
    );
    expect(call?.text).not.toContain('onload');
    // F47: the turn goes on and says what is missing.
    expect(call?.text).toContain('its address has expired');
    expect(call?.text).toContain('its address is not one of Discord');
  });

  it('what people share with each other is not fetched', async () => {
    const url = s.discord.file('between-us.txt', 'between us');
    const attachments = [{ filename: 'between-us.txt', url, size: 10, content_type: 'text/plain' }];
    s.discord.say(s.general, s.bo, 'for Cy', { attachments });
    await s.answer(s.discord.say(s.general, s.ana, s.at('hello')), 'hello');
    expect(s.discord.calls('GET', /between-us/)).toHaveLength(0);
  });

  it('A37, A28: an answer rings nobody, hides nothing and shows no previews', async () => {
    s.model.script(() => ({
      text: 'ring @everyone and <@123456789012345678>, see [your bank](https://evil.example/x) ||hidden||',
    }));
    s.discord.say(home, s.ana, 'show me');
    const answer = await s.answer(home, 'evil.example');
    expect(answer.content).not.toMatch(/@everyone|(?<!\\)<@|(?<!\\)\|\|/);
    expect(answer.content).toContain('your bank (<https://evil.example/x>)');
    expect(answer.flags & 4).toBe(4);
  });

  it('a long answer comes whole in several legal messages, a very long one also as a file', async () => {
    const line = (n: number) => `line ${n} of a rather long answer that goes on and on`;
    const text = (lines: number) => Array.from({ length: lines }, (_, n) => line(n)).join('\n\n');
    s.model.script((call) => ({ text: text(call.question.includes('very') ? 500 : 100) }));
    s.discord.say(home, s.ana, 'a long one');
    await s.answer(home, line(99));
    const all = s.discord
      .posts(home)
      .map((one) => one.content)
      .join('\n');
    for (let n = 0; n < 100; n++) expect(all).toContain(line(n));
    s.discord.say(home, s.ana, 'a very long one');
    const short = await s.answer(home, 'answer.md');
    expect(short.attachments[0]?.text).toBe(text(500));
  });

  it('streams by edits, with a button that stops the work (E74)', async () => {
    const door = gate();
    s.model.script(() => ({ text: 'growing words of an answer', holdAfterFirst: door.wait }));
    const asked = s.discord.say(s.general, s.cy, s.at('stop me'));
    const draft = await s.shown(asked, 'the draft', (one) => one.content.includes('growing'));
    const call = s.model.calls.at(-1);
    s.discord.press(draft, s.cy, 'Stop');
    await call?.aborted;
    await until('the turn to end', async () =>
      (await s.turns()).some((turn) => turn.messageId === asked && turn.status === 'cancelled'),
    );
    door.open();
    await until('the draft to be settled', () => draft.deleted || draft.components.length === 0);
  });

  it('the draft becomes the answer; nothing is posted twice', async () => {
    const door = gate();
    s.model.script(() => ({ text: 'first and the rest of it', holdAfterFirst: door.wait }));
    s.discord.say(home, s.ana, 'grow');
    const draft = await s.shown(home, 'the draft', (one) => one.content === 'first');
    door.open();
    await until('the whole answer', () => draft.content === 'first and the rest of it');
    await until('the button to go', () => draft.components.length === 0);
    expect(s.discord.posts(home).filter((one) => one.content.startsWith('first'))).toEqual([draft]);
  });

  it('F45, A3, A4: too large is refused with a notice, malformed is dropped and counted; there is no other way in', async () => {
    s.discord.say(home, s.ana, 'x'.repeat(10_000_000));
    await s.answer(home, 'too large');
    s.discord.gateway.dispatch('MESSAGE_CREATE', { id: 7, channel_id: null });
    s.discord.gateway.dispatch('MESSAGE_CREATE', null);
    s.discord.gateway.dispatch('INTERACTION_CREATE', { type: 99 });
    s.discord.gateway.dispatch('NEVER_HEARD_OF', { a: 1 });
    s.discord.say(home, s.ana, 'still there?');
    await s.answer(home, 'still there?');
    // Events come over the line that we open; nobody can post one.
    for (const way of ['interactions', 'events', 'webhook'])
      expect((await fetch(`${s.gateway.url}/channels/discord/${way}`, { method: 'POST' })).status).toBe(404);
    const metrics = await (await fetch(`${s.gateway.url}/metrics`)).text();
    const dropped = metrics.split('\n').filter((line) => line.startsWith('parley_inbound_dropped_total{'));
    expect(dropped.sort()).toEqual([
      'parley_inbound_dropped_total{channel="discord",reason="interaction"} 1',
      'parley_inbound_dropped_total{channel="discord",reason="message"} 2',
    ]);
  });

  it('commands are registered natively and answered in private', async () => {
    expect(s.discord.world.commands.map((command) => command.name)).toEqual(
      expect.arrayContaining(['btw', 'stop', 'status', 'approve', 'help', 'Ask aside']),
    );
    s.discord.slash(s.general, s.cy, 'help');
    const shown = await until('the help', () =>
      s.discord.ephemeralsOf(s.cy).find((one) => one.content.includes('/btw')),
    );
    expect(shown.id).toBe('@original');
    // Typed, it is understood as well.
    s.discord.say(home, s.ana, '!status');
    await s.answer(home, 'Nothing is running here');
  });
});
