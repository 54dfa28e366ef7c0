/** A Telegram bot with grammY and nothing else. It does not await its answers, or it would take one chat at a time. */
import { Bot } from 'grammy';
import { createAnswer, fail, readOptions, ready } from './answer.ts';

const options = readOptions();
const answer = createAnswer(options);
const bot = new Bot(options.token, { client: { apiRoot: options.platformUrl } });
bot.on('message:text', (context) => {
  answer(String(context.chat.id), context.message.text)
    .then((text) => context.reply(text, { parse_mode: 'HTML', link_preview_options: { is_disabled: true } }))
    .catch(fail);
});
await bot.start({ allowed_updates: ['message'], onStart: ready });
