/** Side questions on Discord through the real program: E49 to E56, A36, P8. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ModelCall, ScriptedReply } from '../fakes/model-server.ts';
import { type DiscordScenario, isAside, startDiscord } from './support/discord.ts';
import { until } from './support/gateway.ts';
import { gate, idle } from './support/scenario.ts';

describe('/btw on Discord', () => {
  let s: DiscordScenario;
  let main: (call: ModelCall) => ScriptedReply;
  let aside: (call: ModelCall) => ScriptedReply;

  beforeAll(async () => {
    s = await startDiscord();
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
    s.discord.world.ephemerals.length = 0;
    main = (call) => ({ text: `written answer to ${call.question.trim()}` });
    aside = () => ({ text: 'side answer' });
    s.model.script((call) => (isAside(call) ? aside(call) : main(call)));
  });

  const shownTo = (person: typeof s.ana, text: string) =>
    until(`${person.global_name} to see "${text}"`, () =>
      s.discord.ephemeralsOf(person).find((one) => one.content.includes(text)),
    );
  async function thread(text = 'we ship on Friday'): Promise<string> {
    const asked = s.discord.say(s.general, s.ana, s.at(text));
    await s.answer(asked, text);
    return asked;
  }

  it('E49, E55, P8: in a thread, the asker alone sees the whole answer, labelled, with the question', async () => {
    const place = await thread();
    const events = await s.eventsOf(place);
    aside = () => ({ text: 'CANARY-ANSWER line one\n\nline two' });
    const asked = s.discord.slash(place, s.bo, 'btw', 'CANARY-QUESTION when?\nsecond line');
    const shown = await shownTo(s.bo, 'line two');
    expect(asked.response).toEqual({ type: 5, data: { flags: 64 } });
    expect(shown).toMatchObject({ id: '@original', channel_id: place });
    expect(shown.content).toMatch(/^-# Aside, only you see this\n-# CANARY-QUESTION when\? second line\n/);
    const call = s.model.calls.find(isAside);
    expect(call?.body).not.toHaveProperty('tools');
    expect(call?.text).toMatch(/we ship on Friday[\s\S]*CANARY-QUESTION when\?\nsecond line/);
    s.discord.say(place, s.ana, 'flush');
    await s.answer(place, 'flush');
    expect(s.discord.seenBy(s.ana)).not.toContain('CANARY');
    expect(s.discord.seenBy(s.cy)).not.toContain('CANARY');
    expect((await s.eventsOf(place)).length).toBe(events.length);
    // E56: no trace of it in the next turn.
    expect(JSON.stringify(s.model.calls.at(-1)?.body)).not.toContain('CANARY');
  });

  it('E50: while a turn runs it is answered before that ends, streamed by edits', async () => {
    const door = gate();
    const half = gate();
    main = () => ({ text: 'slow words here', holdAfterFirst: door.wait });
    aside = () => ({ text: 'side answer grows', holdAfterFirst: half.wait });
    const place = s.discord.say(s.general, s.ana, s.at('write the long report'));
    await s.shown(place, 'the draft', (one) => one.content.includes('slow'));
    s.discord.slash(place, s.cy, 'btw', 'what are you doing?');
    const growing = await shownTo(s.cy, 'what are you doing?');
    await until('its first word', () => growing.content.endsWith('\nside'));
    half.open();
    await until('the whole side answer', () => growing.content.endsWith('side answer grows'));
    expect(growing.versions.length).toBeGreaterThan(2);
    expect(s.model.calls.find(isAside)?.text).toContain('write the long report');
    door.open();
    await s.answer(place, 'slow words here');
  });

  it('A36: "Ask aside" on a message opens a form; its lines reach the model; the thread of the message is meant', async () => {
    const place = await thread('the roof is green');
    const question = s.discord.world.messages.get(place);
    if (question === undefined) throw new Error('no question');
    const asked = s.discord.askAside(s.general, s.bo, question);
    const form = await until('the form', () => asked.response ?? undefined);
    expect(form).toMatchObject({ type: 9, data: { title: 'Ask aside' } });
    const id = String(form.data?.custom_id);
    const submitted = s.discord.submit(s.general, s.bo, id, 'first line\nsecond line');
    await shownTo(s.bo, 'side answer');
    expect(submitted.response).toEqual({ type: 5, data: { flags: 64 } });
    const call = s.model.calls.find(isAside);
    expect(call?.text).toContain('the roof is green');
    expect(call?.text).toContain('first line\nsecond line');
    // A form that names a place the asker cannot see tells nothing of it.
    const closed = s.discord.channel('closed', 12, s.general);
    s.discord.say(closed, s.ana, s.at('CANARY of the closed thread'));
    await s.answer(closed, 'CANARY');
    s.discord.world.ephemerals.length = 0;
    s.discord.submit(s.general, s.cy, `aside:${closed}`, 'what do they say?');
    await shownTo(s.cy, 'nothing to ask about yet');
  });

  it('E53: no question gives the usage, an unknown place an error; the model is not called', async () => {
    const empty = s.discord.channel('empty');
    s.discord.slash(empty, s.bo, 'btw');
    await shownTo(s.bo, 'Usage: /btw QUESTION');
    s.discord.slash(empty, s.bo, 'btw', 'anything?');
    await shownTo(s.bo, 'nothing to ask about yet');
    expect(s.model.calls).toHaveLength(0);
  });

  it('E54: half a stream is one error line', async () => {
    const place = await thread('context');
    aside = () => ({ text: 'half an answer', unfinished: true });
    s.discord.slash(place, s.bo, 'btw', 'well?');
    const shown = await until('the error', () =>
      s.discord.ephemeralsOf(s.bo).find((one) => /\(ref \w{8}\)$/.test(one.content)),
    );
    expect(shown.content).not.toContain('half');
  });

  it('a long side answer comes whole, in private follow-ups', async () => {
    const place = await thread('long');
    const text = Array.from({ length: 120 }, (_, n) => `point ${n} of the side answer`).join('\n\n');
    aside = () => ({ text });
    s.discord.slash(place, s.bo, 'btw', 'tell me everything');
    await shownTo(s.bo, 'point 119');
    const all = s.discord
      .ephemeralsOf(s.bo)
      .map((one) => one.content)
      .join('\n');
    for (let n = 0; n < 120; n++) expect(all).toContain(`point ${n} of`);
  });

  it('A36: typed in a thread the question is public, the answer comes in private, over several lines', async () => {
    const place = await thread('typed');
    aside = () => ({ text: 'PRIVATE-ANSWER' });
    s.discord.say(place, s.bo, s.at('btw one\ntwo'));
    const direct = await until('a private chat', () =>
      [...s.discord.world.channels.values()].find((one) => one.type === 1 && one.members.includes(s.bo.id)),
    );
    const shown = await s.shown(direct.id, 'the answer', (one) => one.content.includes('PRIVATE-ANSWER'));
    expect(shown.content).toContain('Aside, only you see this');
    expect(s.model.calls.find(isAside)?.text).toContain('one\ntwo');
    expect(s.discord.seenBy(s.cy)).not.toContain('PRIVATE-ANSWER');
  });

  it('a command whose token had died before we could answer is answered in private or not at all', async () => {
    const place = await thread('late');
    aside = () => ({ text: 'LATE-ANSWER' });
    s.discord.slash(place, s.bo, 'btw', 'too late?').expired = true;
    await until('the answer', () => s.discord.seenBy(s.bo).includes('LATE-ANSWER'));
    expect(s.discord.seenBy(s.cy)).not.toContain('LATE-ANSWER');
  });
});
