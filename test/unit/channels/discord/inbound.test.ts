/** What Discord sends, taken for what it is, and never an exception: A31 to A33, bad input. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEdit, parseDeletion, parseMessage, timeOf } from '../../../../src/channels/discord/inbound.ts';
import { parseInteraction } from '../../../../src/channels/discord/inbound-interaction.ts';

const BOT = '500000000000000001';
const ANA = { id: '500000000000000002', username: 'ana', global_name: 'Ana' };
const commands = new Set(['btw', 'approve', 'stop', 'status', 'new']);
const message = (fields: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: '1500000000000000000',
  channel_id: '400000000000000002',
  author: ANA,
  content: 'hello',
  type: 0,
  mentions: [],
  attachments: [],
  ...fields,
});
const parse = (fields: Record<string, unknown> = {}) => parseMessage(message(fields), BOT, commands);
const mentioned = (content: string) =>
  parse({ content: `<@${BOT}> ${content}`, mentions: [{ id: BOT, username: 'parley' }] });

describe('messages from Discord', () => {
  it('takes the mention of the bot out and names other people', () => {
    const parsed = parse({
      content: `<@!${BOT}> ask <@${ANA.id}> and <@500000000000000009>`,
      mentions: [{ id: BOT, username: 'parley' }, ANA],
    });
    expect(parsed).toMatchObject({ text: 'ask @Ana and <@500000000000000009>', mentionsBot: true });
  });

  it('a reply to the bot is a mention; what it replies to is quoted', () => {
    const parsed = parse({
      type: 19,
      mentions: [{ id: BOT, username: 'parley' }],
      referenced_message: { author: { id: BOT, username: 'parley' }, content: 'earlier words' },
    });
    expect(parsed).toMatchObject({ mentionsBot: true, quoted: [{ from: 'parley', text: 'earlier words' }] });
  });

  it.each([
    ['!stop', { name: 'stop', argument: '' }],
    ['/btw one\ntwo', { name: 'btw', argument: 'one\ntwo' }],
    ['/etc/hosts', undefined],
    ['btw no mention', undefined],
  ])('typed: %j', (content, command) => {
    expect(parse({ content })?.command).toEqual(command);
  });

  it.each([
    ['btw what?', { name: 'btw', argument: 'what?' }],
    ['approve abc once', { name: 'approve', argument: 'abc once' }],
    ['status', { name: 'status', argument: '' }],
    ['new plan for the week', undefined],
    ['stop eating', undefined],
  ])('after a mention: %j', (content, command) => {
    expect(mentioned(content)?.command).toEqual(command);
  });

  it('A33: bots, webhooks and the system are no persons; the bot itself is nobody', () => {
    expect(parse({ author: { ...ANA, bot: true } })?.author.kind).toBe('bot');
    expect(parse({ webhook_id: '400000000000000009' })?.author.kind).toBe('webhook');
    expect(parse({ author: { ...ANA, system: true } })?.author.kind).toBe('bot');
    expect(parse({ author: { ...ANA, id: BOT } })).toBeUndefined();
    expect(parse({ type: 7 })).toBeUndefined();
  });

  it('A32: the id is the number, whatever the name; a name is one line', () => {
    const parsed = parse({ author: { ...ANA, global_name: 'Bo\n\u202Eadmin' }, member: { nick: null } });
    expect(parsed?.author).toEqual({ id: `discord:${ANA.id}`, name: 'Boadmin', kind: 'person' });
  });

  it('F13: only an edit by a person is an edit', () => {
    expect(isEdit(message({ edited_timestamp: '2026-01-01T00:00:00Z' }))).toBe(true);
    expect(isEdit(message({ edited_timestamp: null }))).toBe(false);
    expect(isEdit(null)).toBe(false);
  });

  it('takes the time from the id', () => {
    expect(timeOf('175928847299117063')).toBe(Date.UTC(2016, 3, 30, 11, 18, 25, 796));
  });

  it('an attachment out of shape, or a name with control characters, harms nobody', () => {
    expect(parse({ attachments: [{ filename: 'a', size: -1, url: 'x' }] })).toBeUndefined();
    const [file] =
      parse({
        attachments: [{ filename: 'a\u0000b\u202E.txt', size: 3, url: 'https://cdn.discordapp.com/a' }],
      })?.files ?? [];
    expect(file).toMatchObject({ name: 'ab.txt', mimeType: 'application/octet-stream' });
  });

  it('is total: anything at all, and any field replaced by anything', () => {
    const anything = fc.anything({ withBigInt: true, withNullPrototype: true });
    const keys = fc.constantFrom(
      'id',
      'channel_id',
      'guild_id',
      'author',
      'member',
      'content',
      'type',
      'mentions',
      'attachments',
      'referenced_message',
      'message_snapshots',
      'webhook_id',
      'edited_timestamp',
      'data',
      'token',
      'channel',
      'user',
      'ids',
    );
    const base = { ...message(), token: 't', type: 3, data: { custom_id: 'x', component_type: 2 } };
    fc.assert(
      fc.property(anything, fc.array(fc.tuple(keys, anything)), fc.boolean(), (raw, changes, isMessage) => {
        const changed = { ...(isMessage ? message() : base), ...Object.fromEntries(changes) };
        for (const value of [raw, changed]) {
          parseMessage(value, BOT, commands);
          isEdit(value);
          parseDeletion(value);
          parseInteraction(value);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('interactions from Discord', () => {
  const interaction = (fields: Record<string, unknown>) =>
    parseInteraction({
      id: '1500000000000000000',
      token: 'abc.DEF-1_2',
      channel_id: '400000000000000002',
      member: { user: ANA, nick: 'Annie' },
      ...fields,
    });

  it('a slash command: its options are the argument', () => {
    const parsed = interaction({
      type: 2,
      data: { name: 'BTW', options: [{ name: 'question', type: 3, value: 'when?\nwhere?' }] },
    });
    expect(parsed).toMatchObject({
      kind: 'command',
      command: { name: 'btw', argument: 'when?\nwhere?' },
      author: { id: `discord:${ANA.id}`, name: 'Annie', kind: 'person' },
    });
  });

  it('a button: its payload, whole', () => {
    expect(interaction({ type: 3, data: { custom_id: 'a1:o:x', component_type: 2 } })).toMatchObject({
      kind: 'click',
      payload: 'a1:o:x',
    });
    expect(interaction({ type: 3, data: { custom_id: 'x'.repeat(101), component_type: 2 } })).toBeUndefined();
    expect(interaction({ type: 3, data: { custom_id: 'x', component_type: 3 } })).toBeUndefined();
  });

  it('the form of "Ask aside": the question, and the thread it is about', () => {
    const field = { type: 4, custom_id: 'question', value: ' one\ntwo ' };
    const parsed = interaction({
      type: 5,
      data: { custom_id: 'aside:400000000000000005', components: [{ type: 1, components: [field] }] },
    });
    expect(parsed).toMatchObject({ kind: 'question', question: 'one\ntwo', thread: '400000000000000005' });
    const labelled = interaction({
      type: 5,
      data: { custom_id: 'aside:', components: [{ type: 18, component: field }] },
    });
    expect(labelled).toMatchObject({ kind: 'question', thread: null });
    expect(interaction({ type: 5, data: { custom_id: 'other', components: [] } })).toBeUndefined();
  });

  it('A1: a token that would change the address is no token', () => {
    expect(interaction({ type: 2, token: '../../channels', data: { name: 'btw' } })).toBeUndefined();
  });
});
