/** A Discord bot with discord.js and nothing else. */
import { Client, GatewayIntentBits, Partials } from 'discord.js';
import { createAnswer, readOptions, ready } from './answer.ts';

const options = readOptions();
const answer = createAnswer(options);
const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.DirectMessages, GatewayIntentBits.MessageContent],
  partials: [Partials.Channel],
  rest: { api: options.platformUrl },
});
client.on('messageCreate', (message) => {
  if (message.author.bot || !message.channel.isSendable()) return;
  const { channel } = message;
  answer(message.channelId, message.content)
    .then(async (text) => {
      await channel.send(text);
    })
    .catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
});
client.on('clientReady', ready);
await client.login(options.token);
