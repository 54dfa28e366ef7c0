/** The platforms' own tokens as canaries, led through the real channels past every sink: P10, A39. */
import { afterEach, expect, it } from 'vitest';
import type { ScriptedReply } from '../fakes/model-server.ts';
import { TOKENS } from '../fakes/slack/state.ts';
import { forms, leaks, sinksOf } from './support/canaries.ts';
import { type DiscordScenario, startDiscord } from './support/discord.ts';
import { DENY } from './support/scenario.ts';
import { type SlackScenario, seen, startSlack, wordsOf } from './support/slack.ts';

let s: SlackScenario | DiscordScenario;
afterEach(() => s.close());

/** What goes wrong or is said, each with every form of the secrets in it. */
const waysOf = (everything: string): [string, ScriptedReply[]][] => [
  ['an answer', [{ text: `here it is: ${everything} written answer` }]],
  ['a refusal', [{ status: 400, error: { message: `Incorrect API key provided: ${everything}` } }]],
  ['a page', [{ html: `<html>${everything}</html>` }, { html: `<html>${everything}</html>` }]],
  [
    'a tool',
    [
      { toolCalls: [{ name: 'shell', args: { command: `echo '${everything}'` } }] },
      { text: 'written answer: it ran' },
    ],
  ],
  [
    'a card',
    [
      { toolCalls: [{ name: 'shell', args: { command: `touch '${everything}'` } }] },
      { text: 'written answer: not done' },
    ],
  ],
];

const everythingOf = (values: readonly string[]): string => values.flatMap(forms).join(' ');

it("P10, A39: Slack's bot token, app token and signing secret turn up nowhere", async () => {
  const values = Object.values(TOKENS);
  const everything = everythingOf(values);
  const slackScenario = await startSlack({ section: `    signing_secret: ${TOKENS.secret}` });
  s = slackScenario;
  const { slack, model, ana } = slackScenario;
  const home = slack.direct(ana);
  for (const [way, replies] of waysOf(everything)) {
    const left = [...replies];
    model.script(() => left.shift() ?? { text: 'written answer: nothing more' });
    const { ts } = slack.say({ channel: home, from: ana, text: `by ${way}` });
    if (way === 'a card') await slack.click(await slackScenario.card(home, 'touch'), DENY, ana);
    await slackScenario.posted(
      `the end of ${way}`,
      (one) => one.channel === home && Number(one.ts) > Number(ts) && /written answer|\(ref /.test(seen(one)),
    );
  }
  model.script((call) => ({ text: `you said ${call.question}` }));
  // What the platform says of a failure is told to the log.
  slack.fail({ method: 'chat.postMessage', error: `token ${everything}` });
  slack.fail({ method: 'users.info', error: everything });
  await slack.say({ channel: home, from: slackScenario.bo, text: `mine: ${everything}` }).taken;
  await slackScenario.answer(home, 'you said');
  await slack.command(home, ana, '/btw', `is it ${values.join(' ')}?`);
  await slackScenario.shown(ana, 'you said');
  const found = {
    ...(await sinksOf(slackScenario)),
    metrics: await (await fetch(`${slackScenario.gateway.url}/metrics`)).text(),
    chat: JSON.stringify(
      slack.state.messages.filter((one) => one.user !== ana.id && one.user !== slackScenario.bo.id),
    ),
    asides: slack.state.ephemerals.map(wordsOf).join('\n'),
    sent: JSON.stringify(slack.state.calls.map((call) => call.args)),
  };
  expect(leaks(found, values)).toEqual([]);
  // They did come by there.
  expect(found.metrics).toContain('parley_');
  for (const sink of [found.log, found.chat, found.prompts]) expect(sink).toContain('[redacted]');
}, 90_000);

it("P10, A39: Discord's token turns up nowhere", async () => {
  const discordScenario = await startDiscord();
  s = discordScenario;
  const { discord, model, ana } = discordScenario;
  const values = [discord.world.token];
  const everything = everythingOf(values);
  const home = discord.direct(ana);
  for (const [way, replies] of waysOf(everything)) {
    const left = [...replies];
    model.script(() => left.shift() ?? { text: 'written answer: nothing more' });
    const before = discord.posts(home).length;
    discord.say(home, ana, `by ${way}`);
    if (way === 'a card') discord.press(await discordScenario.card(home, 'touch'), ana, DENY);
    await discordScenario.shown(
      home,
      `the end of ${way}`,
      (one) => discord.posts(home).indexOf(one) >= before && /written answer|\(ref /.test(one.content),
    );
  }
  model.script((call) => ({ text: `you said ${call.question}` }));
  discord.fail({ method: 'POST', path: /messages$/, status: 500, body: { message: everything, code: 0 } });
  discord.say(
    home,
    ana,
    `mine: ${values.join(' ')} ${forms(values[0] ?? '')
      .slice(2)
      .join(' ')}`,
  );
  await discordScenario.answer(home, 'you said');
  const found = {
    ...(await sinksOf(discordScenario)),
    metrics: await (await fetch(`${discordScenario.gateway.url}/metrics`)).text(),
    chat: JSON.stringify(discord.posts(home)),
    sent: JSON.stringify(discord.world.calls.map((call) => call.body)),
  };
  expect(leaks(found, values)).toEqual([]);
  // They did come by there.
  expect(found.metrics).toContain('parley_');
  for (const sink of [found.log, found.chat, found.prompts]) expect(sink).toContain('[redacted]');
}, 90_000);
