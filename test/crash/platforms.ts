/** Discord, Slack and Telegram as stages: the platform keeps or repeats what nobody has taken, as each of them does. */

import { startDiscord } from '../e2e/support/discord.ts';
import type { RunningGateway } from '../e2e/support/gateway.ts';
import { seen, startSlack, wordsOf } from '../e2e/support/slack.ts';
import { startTelegram } from '../e2e/support/telegram.ts';
import { buttonsOf as discordButtons } from '../fakes/discord/people.ts';
import { currentBlocks, buttonsOf as slackButtons } from '../fakes/slack/people.ts';
import { BOT } from '../fakes/slack/state.ts';
import type { Stage, StageOptions } from './points-suite.ts';
import { answerOf, obedient, questionOf } from './script.ts';

type Scenario = {
  gateway: RunningGateway;
  readonly folder: Stage['folder'];
  readonly model: { script(script: typeof obedient): void };
  close(): Promise<void>;
};

/** What is the same on every platform. */
function stageOf(
  s: Scenario,
  { start }: StageOptions,
): Pick<Stage, 'folder' | 'gateway' | 'restart' | 'close'> {
  s.model.script(obedient);
  return {
    folder: s.folder,
    gateway: () => s.gateway,
    async restart() {
      s.gateway = await s.folder.start(start);
    },
    close: () => s.close(),
  };
}

/** A card is pressed once for each gateway: one that died may not have heard of it. */
function oncePerGateway(s: Scenario) {
  const pressed = new Set<string>();
  return (card: string): boolean => {
    const key = `${s.gateway.pid} ${card}`;
    const isNew = !pressed.has(key);
    pressed.add(key);
    return isNew;
  };
}

const verdict = (words: string): string => (words.includes('unknown') ? 'Deny' : 'Approve once');

export async function openTelegramStage(options: StageOptions): Promise<Stage> {
  const s = await startTelegram(options);
  const isNew = oncePerGateway(s);
  const chat = s.telegram.direct(s.ana);
  const shown = () => s.telegram.state.shown.filter((one) => one.chat === chat && !one.deleted);
  return {
    ...stageOf(s, options),
    async ask(round) {
      s.telegram.say({ chat, from: s.ana, text: questionOf(round) });
      return true;
    },
    async press() {
      for (const card of shown()) {
        const isOpen = card.keyboard?.inline_keyboard.flat().some((key) => key.text === 'Deny') === true;
        if (isOpen && isNew(String(card.id))) s.telegram.press(card, s.ana, verdict(card.text));
      }
    },
    answers: (round) =>
      shown().filter((one) => one.text.includes(answerOf(round)) && one.keyboard === undefined).length,
  };
}

export async function openDiscordStage(options: StageOptions): Promise<Stage> {
  const s = await startDiscord(options);
  const isNew = oncePerGateway(s);
  const home = s.discord.direct(s.ana);
  const posts = () => s.discord.posts(home);
  return {
    ...stageOf(s, options),
    async ask(round) {
      s.discord.say(home, s.ana, questionOf(round));
      return true;
    },
    async press() {
      for (const card of posts()) {
        const isOpen = discordButtons(card).some((button) => button.label === 'Deny');
        if (isOpen && isNew(card.id)) s.discord.press(card, s.ana, verdict(card.content));
      }
    },
    answers: (round) =>
      posts().filter((one) => one.content.includes(answerOf(round)) && one.components.length === 0).length,
  };
}

export async function openSlackStage(options: StageOptions): Promise<Stage> {
  const s = await startSlack(options);
  const isNew = oncePerGateway(s);
  const channel = s.slack.direct(s.ana);
  const posted = () =>
    s.slack.state.messages.filter((one) => one.user === BOT.user && !one.deleted && one.channel === channel);
  return {
    ...stageOf(s, options),
    async ask(round) {
      // Slack repeats what is not acknowledged; nobody here waits for that.
      s.slack.say({ channel, from: s.ana, text: questionOf(round) }).taken.catch(() => {});
      return true;
    },
    async press() {
      for (const card of posted()) {
        const isOpen = slackButtons(currentBlocks(card)).some((button) => button.label === 'Deny');
        if (isOpen && isNew(card.ts)) s.slack.click(card, verdict(wordsOf(card)), s.ana).catch(() => {});
      }
    },
    answers: (round) => posted().filter((one) => seen(one).includes(answerOf(round))).length,
  };
}
