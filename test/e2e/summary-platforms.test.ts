/**
 * A49 on each platform, through its real SDK: the card that requests beyond the cards of a minute share is edited with
 * buttons that work, and posted anew where somebody deleted it or where it cannot show all of the next request (F40, A8).
 */
import { describe, expect, it } from 'vitest';
import { buttonsOf } from '../fakes/discord/people.ts';
import { MENTION } from '../fakes/slack/people.ts';
import { startDiscord } from './support/discord.ts';
import { until } from './support/gateway.ts';
import { type EventRow, ONCE, type Scenario, sh, toolResults } from './support/scenario.ts';
import { labels, startSlack, wordsOf } from './support/slack.ts';
import { startTelegram } from './support/telegram.ts';

type Shared = Pick<Scenario, 'model' | 'turns' | 'close'> & {
  eventsOfLast(): Promise<EventRow[]>;
  begin(): Promise<unknown> | unknown;
  /** The open card with this text. */
  card(text: string): Promise<SharedCard>;
  approve(id: string): Promise<unknown> | unknown;
  answered(): Promise<unknown>;
};

type SharedCard = {
  readonly id: string;
  press(label: string): Promise<unknown> | unknown;
  remove(): void;
  words(): string;
  buttons(): readonly (string | undefined)[];
};

const yaml = 'approvals: { cards_per_minute: 1 }';
/** Too long for an edit on any of them. */
const LONG = `mkdir ${Array.from({ length: 1_300 }, (_, i) => `long-${i}`).join(' ')}`;

const telegram = async (): Promise<Shared> => {
  const s = await startTelegram({ yaml });
  const chat = s.telegram.group('Team', [s.ana, s.bo]);
  let id = 0;
  return {
    ...s,
    eventsOfLast: () => s.eventsOf(id),
    begin: () => {
      id = s.telegram.say({ chat, from: s.ana, text: '@parley_test_bot go' });
    },
    async card(text) {
      const card = await s.card(chat, text);
      return {
        id: String(card.id),
        press: (label) => s.telegram.press(card, s.ana, label),
        remove: () => {
          card.deleted = true;
        },
        words: () => card.text,
        buttons: () => card.keyboard?.inline_keyboard.flat().map((key) => key.text) ?? [],
      };
    },
    approve: (request) => s.telegram.say({ chat, from: s.ana, text: `/approve ${request} once` }),
    answered: () => s.answer(chat),
  };
};

const slack = async (): Promise<Shared> => {
  const s = await startSlack({ yaml });
  let ts = '';
  return {
    ...s,
    eventsOfLast: () => s.eventsOf(ts),
    async begin() {
      const said = s.slack.say({ channel: s.general, from: s.ana, text: `${MENTION} go` });
      ts = said.ts;
      await said.taken;
    },
    async card(text) {
      const card = await s.card(s.general, text);
      return {
        id: card.ts,
        press: (label) => s.slack.click(card, label, s.ana),
        remove: () => {
          card.deleted = true;
        },
        words: () => wordsOf(card),
        buttons: () => labels(card),
      };
    },
    approve: (request) =>
      s.slack.say({ channel: s.general, from: s.ana, thread: ts, text: `!approve ${request} once` }).taken,
    answered: () => s.answer(s.general, 'written answer'),
  };
};

const discord = async (): Promise<Shared> => {
  const s = await startDiscord({ yaml });
  const home = s.discord.direct(s.ana);
  let id = '';
  return {
    ...s,
    eventsOfLast: () => s.eventsOf(id),
    begin: () => {
      id = s.discord.say(home, s.ana, 'go');
    },
    async card(text) {
      const card = await s.card(home, text);
      return {
        id: card.id,
        press: (label) => s.discord.press(card, s.ana, label),
        remove: () => s.discord.remove(card.id),
        words: () => card.content,
        buttons: () => buttonsOf(card).map((button) => button.label),
      };
    },
    approve: (request) => s.discord.slash(home, s.ana, 'approve', `${request} once`),
    answered: () => s.answer(home),
  };
};

describe.each([
  ['Telegram', telegram],
  ['Slack', slack],
  ['Discord', discord],
])('one card beyond the cards of a minute on %s', (_name, open) => {
  async function started(...commands: string[]): Promise<{ s: Shared; second: SharedCard }> {
    const s = await open();
    const steps = ['mkdir first-of-all', 'mkdir second-one', ...commands].map((command) => sh(command));
    s.model.script(() => steps.shift() ?? { text: 'written answer' });
    await s.begin();
    await (await s.card('first-of-all')).press(ONCE);
    return { s, second: await s.card('second-one') };
  }
  const done = async (s: Shared) => {
    await s.answered();
    return toolResults(await s.eventsOfLast()).map((event) => event.ok);
  };

  it('A49: the edited card has buttons that decide about what it shows, and only about that', async () => {
    const { s, second } = await started('mkdir third-one');
    try {
      await second.press(ONCE);
      const third = await s.card('third-one');
      expect(third.id).toBe(second.id);
      expect(third.words()).toContain('second-one');
      await third.press(ONCE);
      expect(await done(s)).toEqual([true, true, true]);
      await until('it to be settled', () => third.buttons().length === 0 && third.words().includes('exit 0'));
    } finally {
      await s.close();
    }
  });

  it('F40: where somebody deleted it, the next request brings it anew, and that one is edited from then on', async () => {
    const { s, second } = await started('mkdir third-one', 'mkdir fourth-one');
    try {
      second.remove();
      const asked = (await s.eventsOfLast()).findLast((event) => event.type === 'approval.requested');
      await s.approve(String(asked?.approvalId));
      const third = await s.card('third-one');
      expect(third.id).not.toBe(second.id);
      await third.press(ONCE);
      const fourth = await s.card('fourth-one');
      expect(fourth.id).toBe(third.id);
      await fourth.press(ONCE);
      expect(await done(s)).toEqual([true, true, true, true]);
      await until(
        'it to be settled',
        () => fourth.words().includes('exit 0') && fourth.buttons().length === 0,
      );
    } finally {
      await s.close();
    }
  });

  it('A8: what an edit cannot show whole comes in a new message with a file, and the old one says so', async () => {
    const { s, second } = await started(LONG);
    try {
      await second.press(ONCE);
      const next = await s.card('action.txt');
      expect(next.id).not.toBe(second.id);
      await until('the old one to be closed', () => second.words().includes('Asked anew in a later message'));
      expect(second.buttons()).toEqual([]);
      await next.press(ONCE);
      expect(await done(s)).toEqual([true, true, true]);
    } finally {
      await s.close();
    }
  });
});
