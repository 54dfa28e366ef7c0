/** A Discord bot with discord.js and nothing else. */
import { Client, GatewayIntentBits, Partials } from 'discord.js';
import { createAnswer, fail, readOptions, ready } from './answer.ts';

const options = readOptions();
const answer = createAnswer(options);
const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.DirectMessages, GatewayIntentBits.MessageContent],
  partials: [Partials.Channel],
  rest: { api: options.platformUrl },
  allowedMentions: { parse: [] },
});
client.on('messageCreate', (message) => {
  if (message.author.bot || !message.channel.isSendable()) return;
  const { channel } = message;
  answer(message.channelId, message.content)
    .then(async (text) => {
      await channel.send(text);
    })
    .catch(fail);
});
client.on('clientReady', ready);
await client.login(options.token);
