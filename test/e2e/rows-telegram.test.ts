/** The engine rows on Telegram: Ana and Bo in groups. E47 beside them, which needs a gateway without approvers. */
import { expect, it } from 'vitest';
import { engineRows } from './rows-suite.ts';
import { until } from './support/gateway.ts';
import { sh, types } from './support/scenario.ts';
import { startTelegram } from './support/telegram.ts';

engineRows('Telegram', async (yaml) => {
  const s = await startTelegram({ yaml });
  return {
    model: s.model,
    folder: s.folder,
    turns: s.turns,
    eventsOf: (id) => s.eventsOf(Number(id)),
    restart: s.restart,
    close: s.close,
    async open(text) {
      const chat = s.telegram.group(text, [s.ana, s.bo]);
      const say = (words: string) =>
        String(s.telegram.say({ chat, from: s.ana, text: `@parley_test_bot ${words}` }));
      return {
        id: say(text),
        say: say,
        heard: (part) => s.answer(chat, part),
        async card(action) {
          const card = await s.card(chat, action);
          return {
            press: (label, by) => s.telegram.press(card, by === 'first' ? s.ana : s.bo, label),
            settled: (part) =>
              until(
                `the card to say "${part}"`,
                () => card.text.includes(part) && card.keyboard === undefined,
              ),
          };
        },
        approve: async (request, decision) =>
          s.telegram.say({ chat, from: s.ana, text: `/approve ${request} ${decision}` }),
        stop: () => s.telegram.say({ chat, from: s.ana, text: '/stop' }),
        signOfLife: () =>
          until('"is typing"', () =>
            s.telegram.calls('sendChatAction').some((args) => Number(args.chat_id) === chat),
          ),
        async pressStop() {
          const draft = await s.shown(
            chat,
            'a Stop button',
            (one) => one.keyboard?.inline_keyboard.flat().some((key) => key.text === 'Stop') === true,
          );
          s.telegram.press(draft, s.ana, 'Stop');
        },
        async aside(question, answer) {
          s.telegram.say({ chat, from: s.bo, text: `/btw ${question}`, ephemeral: true });
          await s.shown(
            chat,
            `"${answer}" for Bo alone`,
            (one) => one.receiver === s.bo.id && one.text.includes(answer),
          );
        },
      };
    },
  };
});

it('E47: with nobody to ask on Telegram it is denied, and the requester is told', async () => {
  const s = await startTelegram({ approvers: '[]' });
  try {
    s.model.script((_call, index) => (index === 0 ? sh('mkdir not-made-47') : { text: 'written answer' }));
    const home = s.telegram.direct(s.cy);
    const id = s.telegram.say({ chat: home, from: s.cy, text: 'please' });
    await s.answer(home, 'nobody is set up');
    await s.answer(home);
    expect(types(await s.eventsOf(id))).not.toContain('turn.waiting');
  } finally {
    await s.close();
  }
});
