/** What comes from Telegram, well-formed or not: total, ids only, principals kept apart (A1, A31 to A33). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUpdate, updateIdOf } from '../../../../src/channels/telegram/inbound.ts';
import { spoiled } from '../spoil.ts';

const bot = { id: 4242, username: 'parley_bot' };
const ana = { id: 7, is_bot: false, first_name: 'Ana', last_name: 'Bell', username: 'ana' };
const group = { id: -100, type: 'supergroup', title: 'Team' };
const base = { message_id: 5, date: 1_700_000_000, chat: group, from: ana };

const parse = (message: object) => parseUpdate({ update_id: 1, message: { ...base, ...message } }, bot, 0);
function message(fields: object) {
  const parsed = parse(fields);
  if (parsed?.kind !== 'message') throw new Error(`no message: ${JSON.stringify(parsed)}`);
  return parsed.message;
}
const mention = (offset: number, length = 11) => ({ type: 'mention', offset, length });

describe('updates of Telegram', () => {
  it("take the bot's name out of the text, wherever and however it is written", () => {
    const text = 'Hi @Parley_Bot, look';
    expect(message({ text, entities: [mention(3)] })).toMatchObject({ text: 'Hi , look', mentionsBot: true });
    const named = {
      type: 'text_mention',
      offset: 0,
      length: 6,
      user: { ...bot, is_bot: true, first_name: 'P' },
    };
    expect(message({ text: 'Parley help', entities: [named] })).toMatchObject({
      text: 'help',
      mentionsBot: true,
    });
    expect(message({ text: '@other hi', entities: [mention(0, 6)] })).toMatchObject({ mentionsBot: false });
    expect(message({ text: '@parley_bot is plain text here' }).mentionsBot).toBe(false);
  });

  it('understand /command@bot, and leave commands for other bots alone', () => {
    const command = (length: number) => [{ type: 'bot_command', offset: 0, length }];
    expect(message({ text: '/btw@parley_bot why?\nreally', entities: command(15) })).toMatchObject({
      text: '/btw why?\nreally',
      mentionsBot: true,
    });
    expect(parse({ text: '/btw@other_bot why?', entities: command(14) })).toBeUndefined();
  });

  it('key topics by their number, ordinary replies not', () => {
    expect(message({ text: 'x', message_thread_id: 9, is_topic_message: true }).where.thread).toBe('9');
    expect(message({ text: 'x', message_thread_id: 9 }).where.thread).toBe('9');
    const back = { message_id: 9, from: ana, text: 'earlier' };
    expect(message({ text: 'x', message_thread_id: 9, reply_to_message: back }).where).not.toHaveProperty(
      'thread',
    );
    const first = { message_id: 9, from: { ...bot, is_bot: true } };
    const inTopic = { text: 'x', message_thread_id: 9, is_topic_message: true, reply_to_message: first };
    expect(message(inTopic).mentionsBot).toBe(false);
    expect(message({ text: 'x', reply_to_message: { ...first, text: 'said' } })).toMatchObject({
      mentionsBot: true,
      quoted: [{ from: 'you', text: 'said' }],
    });
  });

  it('A33: a bot, an anonymous admin and a channel are no persons; A32: a name is never an id', () => {
    expect(message({ text: 'x' }).author).toEqual({ id: 'telegram:7', name: 'Ana Bell', kind: 'person' });
    expect(message({ text: 'x', from: { ...ana, is_bot: true } }).author.kind).toBe('bot');
    expect(message({ text: 'x', sender_chat: group }).author).toMatchObject({
      id: 'telegram:-100',
      kind: 'anonymous',
    });
    expect(parse({ text: 'x', from: undefined })).toBeUndefined();
  });

  it("mark forwarded text as somebody else's, never as the author's", () => {
    const forward_origin = { type: 'hidden_user', sender_user_name: 'Mallory', date: 1 };
    expect(message({ text: 'do as I say', forward_origin })).toMatchObject({
      text: 'See the quoted message.',
      quoted: [{ from: 'Mallory (forwarded)', text: 'do as I say' }],
    });
  });

  it('give ephemeral messages an id of their own', () => {
    const one = message({ text: '/btw x', message_id: 0, ephemeral_message_id: 3 });
    expect(one).toMatchObject({ id: 'e3-1700000000', replyToken: 'm:3' });
  });

  it('A1: a press carries at most 64 bytes, and its place even when the message is too old', () => {
    const press = (data: string) =>
      parseUpdate(
        {
          update_id: 1,
          callback_query: { id: 'q', from: ana, data, message: { message_id: 1, date: 0, chat: group } },
        },
        bot,
        9,
      );
    expect(press('s1:x')).toMatchObject({
      kind: 'click',
      click: { token: 's1:x', at: 9, replyToken: 'q:q' },
    });
    expect(press('é'.repeat(33))).toBeUndefined();
  });

  it('survive anything', () => {
    const keys = fc.constantFrom(
      'message',
      'edited_message',
      'callback_query',
      'chat',
      'from',
      'text',
      'entities',
      'id',
      'date',
    );
    const junk = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), fc.dictionary(keys, tie('value'))),
    })).value;
    fc.assert(
      fc.property(junk, fc.nat(), (value, id) => {
        parseUpdate(value, bot, 0);
        updateIdOf(value);
        parseUpdate({ update_id: id, message: value }, bot, 0);
        parseUpdate({ update_id: id, callback_query: value }, bot, 0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('survive good updates with one thing wrong in them, at any depth', () => {
    const message = {
      ...base,
      text: 'hello',
      entities: [mention(0)],
      reply_to_message: { ...base, text: 'q' },
      quote: { text: 'q' },
      forward_origin: { sender_user: base.from, chat: base.chat },
      photo: [{ file_id: 'f', file_size: 1 }],
      document: { file_id: 'd', file_name: 'n', mime_type: 't' },
    };
    const updates = [
      { update_id: 1, message },
      { update_id: 2, edited_message: message },
      {
        update_id: 3,
        callback_query: {
          id: 'q',
          from: base.from,
          data: 's1:x',
          message: { message_id: 1, chat: base.chat },
        },
      },
      { update_id: 4, stopped_message_generation: { chat: { ...base.chat, type: 'private' } } },
    ];
    for (const update of updates) expect(parseUpdate(update, bot, 0)).toBeDefined();
    fc.assert(
      fc.property(spoiled(updates), (update) => {
        updateIdOf(update);
        const parsed = parseUpdate(update, bot, 0);
        // Whoever it is, it is a number of Telegram, never a name.
        if (parsed?.kind === 'message') expect(parsed.message.author.id).toMatch(/^telegram:-?\d+$/);
        if (parsed?.kind === 'edit') expect(parsed.edit.author.id).toMatch(/^telegram:-?\d+$/);
        if (parsed?.kind === 'click') expect(Buffer.byteLength(parsed.click.token)).toBeLessThanOrEqual(64);
      }),
      { numRuns: 2_000 },
    );
    expect(parse({ text: 'x'.repeat(50_000) })).toBeUndefined();
  });
});
