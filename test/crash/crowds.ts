/** People of each platform who talk to one gateway, and go on talking whatever becomes of it meanwhile. */

import { until } from '../e2e/support/gateway.ts';
import { OWNER_TOKEN } from '../e2e/support/scenario.ts';
import { seen } from '../e2e/support/slack.ts';
import { type Place, signIn, type WebClient } from '../e2e/support/web-client.ts';
import { buttonsOf as discordButtons } from '../fakes/discord/people.ts';
import { startFakeDiscord } from '../fakes/discord-server.ts';
import { currentBlocks, buttonsOf as slackButtons } from '../fakes/slack/people.ts';
import { BOT, TOKENS } from '../fakes/slack/state.ts';
import { startFakeSlack } from '../fakes/slack-server.ts';
import { startFakeTelegram } from '../fakes/telegram-server.ts';

export type Kind = 'web' | 'telegram' | 'discord' | 'slack';

export type Conversation = {
  readonly channel: Kind;
  readonly conversation: string;
  /** Resolves to the id under which the gateway knows the message. */
  say(text: string): Promise<string>;
  /** Every text of the bot that can be read there, cards aside; drafts that are left behind count. */
  readable(): string[];
  /** Those of them that will not change any more. */
  finals(): string[];
  /** When the bot sent something that it had sent before, ms of the clock. */
  repeatedAt(): number[];
};

export type Crowd = {
  /** Its section under `channels`. */
  readonly section: string;
  readonly approvers: readonly string[];
  /** Finds the gateway, which may be another process by now. */
  meet(url: string): Promise<void>;
  /** Known once they have met. */
  conversations(): readonly Conversation[];
  /** Says no to open cards. */
  deny(isTimeFor: (card: string) => boolean): Promise<void>;
  close(): Promise<void>;
};

export const REPEAT_MARK = 'may be a repeat';
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

export type WebCrowd = Crowd & { owner(): WebClient };

export function createWebCrowd(count: number): WebCrowd {
  let owner: WebClient | undefined;
  const known: Conversation[] = [];

  const conversationOf = (client: WebClient, place: Place): Conversation => {
    const answers = (): string[] =>
      client
        .posts()
        .filter((post) => post.conversation === place.conversation && post.kind === 'answer' && !post.deleted)
        .map((post) => post.html.join());
    return {
      channel: 'web',
      conversation: place.conversation,
      /** Says it again, as the page does, until the gateway has acknowledged it. */
      async say(text) {
        const clientId = crypto.randomUUID();
        return until(
          'the message to be taken',
          async () => {
            const { status, id } = await client
              .post(place, text, clientId)
              .catch(() => ({ status: 0, id: '' }));
            return status === 201 || status === 200 ? id : undefined;
          },
          Number.POSITIVE_INFINITY,
        );
      },
      readable: answers,
      finals: answers,
      repeatedAt: () => [],
    };
  };

  return {
    section: '',
    approvers: ['web:owner'],
    owner() {
      if (owner === undefined) throw new Error('nobody has signed in yet');
      return owner;
    },
    async meet(url) {
      if (owner !== undefined) return owner.reconnect(url);
      owner = await signIn(url, OWNER_TOKEN);
      for (let i = 0; i < count; i++)
        known.push(conversationOf(owner, await owner.createConversation(`Talk ${i}`, false)));
    },
    conversations: () => known,
    async deny(isTimeFor) {
      for (const post of owner?.posts() ?? []) {
        if (!post.buttons.some((button) => button.label === 'Deny') || !isTimeFor(post.id)) continue;
        // Where nobody was there, it is time again later.
        await owner?.press({ conversation: post.conversation }, post, 'Deny').catch(() => undefined);
      }
    },
    close: async () => owner?.close(),
  };
}

export async function startTelegramCrowd(count: number): Promise<Crowd> {
  const telegram = await startFakeTelegram();
  const people = times(count, (i) => telegram.person(`Person ${i}`));
  const known = people.map((person): Conversation => {
    const chat = telegram.direct(person);
    const texts = (): string[] =>
      telegram.state.shown
        .filter((one) => one.chat === chat && !one.deleted && one.keyboard === undefined)
        .map((one) => one.text);
    return {
      channel: 'telegram',
      conversation: String(chat),
      say: async (text) => String(telegram.say({ chat, from: person, text })),
      readable: texts,
      finals: texts,
      repeatedAt: () =>
        telegram.state.calls
          .filter(
            ({ method, payload }) =>
              payload.chat_id === chat &&
              method === 'sendMessage' &&
              String(payload.text).includes(REPEAT_MARK),
          )
          .map((call) => call.at),
    };
  });
  return {
    section: `telegram: { token: "${telegram.token}", api_url: "${telegram.url}" }`,
    approvers: people.map(({ id }) => `telegram:${id}`),
    meet: async () => {},
    conversations: () => known,
    async deny(isTimeFor) {
      for (const shown of telegram.state.shown) {
        const person = people.find(({ id }) => id === shown.chat);
        const keys = shown.keyboard?.inline_keyboard.flat() ?? [];
        const isOpen = !shown.deleted && keys.some((key) => key.text === 'Deny');
        if (isOpen && person !== undefined && isTimeFor(String(shown.id)))
          telegram.press(shown, person, 'Deny');
      }
    },
    close: () => telegram.close(),
  };
}

export async function startDiscordCrowd(count: number): Promise<Crowd> {
  const discord = await startFakeDiscord();
  const people = times(count, (i) => discord.world.addPerson(`Person ${i}`));
  const homes = new Map(people.map((person) => [discord.direct(person), person]));
  const known = [...homes].map(([home, person]): Conversation => {
    const texts = (): string[] =>
      discord
        .posts(home)
        .filter((one) => one.components.length === 0)
        .map((one) => one.content);
    return {
      channel: 'discord',
      conversation: home,
      say: async (text) => discord.say(home, person, text),
      readable: texts,
      finals: texts,
      // A nonce that is known gives the message it stands for: nothing is there twice.
      repeatedAt: () => [],
    };
  });
  return {
    section: `discord: { token: "${discord.world.token}", api_url: "${discord.url}" }`,
    approvers: people.map(({ id }) => `discord:${id}`),
    meet: async () => {},
    conversations: () => known,
    async deny(isTimeFor) {
      for (const [home, person] of homes)
        for (const card of discord.posts(home)) {
          const isOpen = discordButtons(card).some((button) => button.label === 'Deny');
          if (isOpen && isTimeFor(card.id)) discord.press(card, person, 'Deny');
        }
    },
    close: () => discord.close(),
  };
}

export async function startSlackCrowd(count: number): Promise<Crowd> {
  const slack = await startFakeSlack();
  slack.delivery.attempts(Number.POSITIVE_INFINITY);
  const people = times(count, (i) => slack.member(`U0PERSON${i}`, `Person ${i}`));
  const homes = new Map(people.map((person) => [slack.direct(person), person]));
  const posted = (home: string) =>
    slack.state.messages.filter((one) => one.channel === home && one.user === BOT.user && !one.deleted);
  const isCard = (one: ReturnType<typeof posted>[number]): boolean =>
    slackButtons(currentBlocks(one)).length > 0;
  const known = [...homes].map(([home, person]): Conversation => {
    const texts = () => posted(home).filter((one) => !isCard(one));
    return {
      channel: 'slack',
      conversation: home,
      async say(text) {
        const { ts } = slack.say({ channel: home, from: person, text });
        return `${home}:${ts}`;
      },
      readable: () => texts().map(seen),
      finals: () =>
        texts()
          .filter((one) => one.metadata !== undefined)
          .map(seen),
      repeatedAt() {
        const marks = new Set<string>();
        return slack.state.calls.flatMap(({ method, args, at }) => {
          // Drafts carry no mark.
          if (method !== 'chat.postMessage' || args.channel !== home || args.metadata === undefined)
            return [];
          const mark = JSON.stringify(args.metadata);
          const isRepeat = marks.has(mark);
          marks.add(mark);
          return isRepeat ? [at] : [];
        });
      },
    };
  });
  return {
    section: `slack: { mode: socket, bot_token: ${TOKENS.bot}, app_token: ${TOKENS.app}, api_url: "${slack.apiUrl}" }`,
    approvers: people.map(({ id }) => `slack:${id}`),
    meet: async () => {},
    conversations: () => known,
    async deny(isTimeFor) {
      for (const [home, person] of homes)
        for (const card of posted(home)) {
          const isOpen = slackButtons(currentBlocks(card)).some((button) => button.label === 'Deny');
          if (isOpen && isTimeFor(card.ts)) void slack.click(card, 'Deny', person);
        }
    },
    close: () => slack.close(),
  };
}
