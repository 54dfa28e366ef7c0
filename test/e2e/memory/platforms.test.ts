/** What is private on a platform is private to memory: the real SDKs of all three, one private chat and one group each. */
import { describe, expect, it } from 'vitest';
import type { FakeModel, ModelCall } from '../../fakes/model-server.ts';
import { MENTION } from '../../fakes/slack/people.ts';
import { startDiscord } from '../support/discord.ts';
import { type GatewayFolder, until } from '../support/gateway.ts';
import { startSlack } from '../support/slack.ts';
import { startTelegram } from '../support/telegram.ts';
import { toStore } from './support.ts';

type Who = 'ana' | 'bo';
type Platform = {
  readonly model: FakeModel;
  readonly folder: GatewayFolder;
  privately(who: Who, text: string): void;
  inGroup(who: Who, text: string): void;
  close(): Promise<void>;
};

const platforms: Readonly<Record<string, () => Promise<Platform>>> = {
  async telegram() {
    const s = await startTelegram({ memory: true });
    const group = s.telegram.group('Team', [s.ana, s.bo]);
    return {
      ...s,
      privately: (who, text) => void s.telegram.say({ chat: s.telegram.direct(s[who]), from: s[who], text }),
      inGroup: (who, text) =>
        void s.telegram.say({ chat: group, from: s[who], text: `@parley_test_bot ${text}` }),
    };
  },
  async slack() {
    const s = await startSlack({ memory: true });
    return {
      ...s,
      privately: (who, text) => void s.slack.say({ channel: s.slack.direct(s[who]), from: s[who], text }),
      inGroup: (who, text) =>
        void s.slack.say({ channel: s.general, from: s[who], text: `${MENTION} ${text}` }),
    };
  },
  async discord() {
    const s = await startDiscord({ memory: true });
    return {
      ...s,
      privately: (who, text) => void s.discord.say(s.discord.direct(s[who]), s[who], text),
      inGroup: (who, text) => void s.discord.say(s.general, s[who], s.at(text)),
    };
  },
};

const isMemory = (call: ModelCall) => call.text.includes('You decide what an assistant remembers');

for (const [name, start] of Object.entries(platforms)) {
  describe(`memory on ${name}`, () => {
    it('A34, A35: what was told in private stays there; what was told in the group is there for all in it', async () => {
      const s = await start();
      try {
        s.model.script((call) => {
          if (!isMemory(call)) return { text: 'written answer' };
          const word = /(heliotrope|marigold) is our/.exec(call.question)?.[1];
          const decision =
            word === undefined
              ? { shouldStore: false }
              : toStore(`The colour is ${word}.`, { scope: 'workspace' });
          return { text: JSON.stringify(decision) };
        });
        const stored = (word: string) =>
          until(`"${word}" to be remembered`, async () =>
            (await s.folder.json<{ body: string }>('memory', 'list', '--json')).some((one) =>
              one.body.includes(word),
            ),
          );
        s.privately('ana', 'heliotrope is our colour');
        await stored('heliotrope');
        s.inGroup('ana', 'marigold is our colour');
        await stored('marigold');
        const remembered = async (text: string): Promise<string> => {
          const call = await until(`the prompt of "${text}"`, () =>
            s.model.calls.find((one) => !isMemory(one) && one.question.includes(text)),
          );
          return /<untrusted source="memory">[\s\S]*?<\/untrusted>/.exec(call.text)?.[0] ?? '';
        };
        s.privately('ana', 'what do you know, first');
        expect(await remembered('first')).toMatch(/heliotrope[\s\S]*marigold|marigold[\s\S]*heliotrope/);
        s.inGroup('ana', 'what do you know, second');
        s.inGroup('bo', 'what do you know, third');
        s.privately('bo', 'what do you know, fourth');
        for (const text of ['second', 'third', 'fourth']) {
          const block = await remembered(text);
          expect(block).toContain('marigold');
          expect(block).not.toContain('heliotrope');
        }
      } finally {
        await s.close();
      }
    });
  });
}
