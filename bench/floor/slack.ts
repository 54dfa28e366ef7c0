/** A Slack bot with Bolt in Socket Mode and nothing else. */
import { App, LogLevel } from '@slack/bolt';
import { createAnswer, readOptions, ready } from './answer.ts';

const options = readOptions();
const answer = createAnswer(options);
const app = new App({
  token: options.token,
  appToken: options.appToken,
  socketMode: true,
  logLevel: LogLevel.ERROR,
  clientOptions: { slackApiUrl: options.platformUrl },
});
app.message(async ({ message, say }) => {
  if (message.subtype !== undefined || message.text === undefined) return;
  await say(await answer(message.channel, message.text));
});
await app.start();
ready();
