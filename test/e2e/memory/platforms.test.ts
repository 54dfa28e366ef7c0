/** What is private on a platform is private to memory: the real SDKs of all three, one private chat and one group each. */
import { describe, expect, it } from 'vitest';
import type { FakeModel, ModelCall } from '../../fakes/model-server.ts';
import { MENTION } from '../../fakes/slack/people.ts';
import { startDiscord } from '../support/discord.ts';
import { type GatewayFolder, until } from '../support/gateway.ts';
import { type EventRow, ONCE, sh, type TurnRow, types } from '../support/scenario.ts';
import { startSlack } from '../support/slack.ts';
import { startTelegram } from '../support/telegram.ts';
import { toStore } from './support.ts';

type Who = 'ana' | 'bo';
type Platform = {
  readonly model: FakeModel;
  readonly folder: GatewayFolder;
  privately(who: Who, text: string): void;
  inGroup(who: Who, text: string): void;
  /** Ana agrees to what waits in the group. */
  approve(): Promise<void>;
  close(): Promise<void>;
};

const platforms: Readonly<Record<string, () => Promise<Platform>>> = {
  async telegram() {
    const s = await startTelegram({ memory: true, reflection: true });
    const group = s.telegram.group('Team', [s.ana, s.bo]);
    return {
      ...s,
      privately: (who, text) => void s.telegram.say({ chat: s.telegram.direct(s[who]), from: s[who], text }),
      inGroup: (who, text) =>
        void s.telegram.say({ chat: group, from: s[who], text: `@parley_test_bot ${text}` }),
      approve: async () => void s.telegram.press(await s.card(group), s.ana, ONCE),
    };
  },
  async slack() {
    const s = await startSlack({ memory: true, reflection: true });
    return {
      ...s,
      privately: (who, text) => void s.slack.say({ channel: s.slack.direct(s[who]), from: s[who], text }),
      inGroup: (who, text) =>
        void s.slack.say({ channel: s.general, from: s[who], text: `${MENTION} ${text}` }),
      approve: async () => void (await s.slack.click(await s.card(s.general, 'made-36'), ONCE, s.ana)),
    };
  },
  async discord() {
    const s = await startDiscord({ memory: true, reflection: true });
    let asked = '';
    return {
      ...s,
      privately: (who, text) => void s.discord.say(s.discord.direct(s[who]), s[who], text),
      inGroup(who, text) {
        asked = s.discord.say(s.general, s[who], s.at(text));
      },
      approve: async () => void s.discord.press(await s.card(asked), s.ana, ONCE),
    };
  },
};

const isMemory = (call: ModelCall) => call.text.includes('You decide what an assistant remembers');
const isReflection = (call: ModelCall) => call.text.includes('Most work teaches nothing new');

for (const [name, start] of Object.entries(platforms)) {
  describe(`memory on ${name}`, () => {
    it('A34, A35, E36: what was told in private stays there; what was told in the group is there for all in it', async () => {
      const s = await start();
      try {
        s.model.script((call) => {
          if (isReflection(call)) return { text: JSON.stringify({ abstain: true }) };
          if (!isMemory(call))
            return call.question.includes('make it') && call.messages.at(-1)?.role !== 'tool'
              ? sh('mkdir made-36')
              : { text: 'written answer' };
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
            s.model.calls.find((one) => !isMemory(one) && !isReflection(one) && one.question.includes(text)),
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
        // E36: what ran only once it was approved is weighed and reflected on once, after its end.
        s.inGroup('ana', 'make it');
        await s.approve();
        const events = await until('the approved turn to be weighed', async () => {
          const [turn] = await s.folder.json<TurnRow>('turns', '--json');
          const log = types(await s.folder.json<EventRow>('events', turn?.id ?? '', '--json'));
          return log.includes('approval.resolved') && log.includes('memory.decided') && log;
        });
        const [turn] = await s.folder.json<TurnRow>('turns', '--json');
        const reflections = await until('the reflection on it', async () => {
          const rows = await s.folder.json<{ turnId: string }>('reflections', 'list', '--json');
          const own = rows.filter((row) => row.turnId === turn?.id);
          return own.length > 0 && own;
        });
        expect(reflections).toHaveLength(1);
        expect(events.filter((type) => type === 'memory.decided')).toHaveLength(1);
        expect(events.indexOf('memory.decided')).toBeGreaterThan(events.indexOf('turn.finished'));
        expect(s.model.calls.filter((one) => isMemory(one) && one.question.includes('make it'))).toHaveLength(
          1,
        );
      } finally {
        await s.close();
      }
    });
  });
}

it('E61: while the platform holds up the reply, neither memory nor reflection is asked', async () => {
  const s = await startTelegram({ memory: true, reflection: true });
  try {
    const home = s.telegram.direct(s.ana);
    const isOut = () => s.telegram.state.shown.some((one) => one.text.includes('the late reply'));
    const asked: [role: string, afterReply: boolean][] = [];
    s.model.script((call) => {
      if (isMemory(call)) asked.push(['memory', isOut()]);
      else if (isReflection(call)) asked.push(['reflection', isOut()]);
      else return { text: 'the late reply' };
      return { text: JSON.stringify({ abstain: true, shouldStore: false }) };
    });
    s.telegram.fail({ method: 'sendMessage', status: 429, retryAfter: 1 });
    s.telegram.say({ chat: home, from: s.ana, text: 'be late' });
    await until('both to be asked', () => asked.length === 2);
    expect(s.telegram.calls('sendMessage').length).toBeGreaterThan(1);
    expect(asked.toSorted()).toEqual([
      ['memory', true],
      ['reflection', true],
    ]);
  } finally {
    await s.close();
  }
});
