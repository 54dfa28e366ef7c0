/** The engine rows on Discord: Ana and Bo in threads of a server channel. */
import { buttonsOf } from '../fakes/discord/people.ts';
import { engineRows } from './rows-suite.ts';
import { startDiscord } from './support/discord.ts';
import { until } from './support/gateway.ts';

engineRows('Discord', async (yaml) => {
  const s = await startDiscord({ yaml });
  return {
    model: s.model,
    folder: s.folder,
    turns: s.turns,
    eventsOf: s.eventsOf,
    restart: s.restart,
    close: s.close,
    async open(text) {
      // The thread on the first message has its id.
      const id = s.discord.say(s.general, s.ana, s.at(text));
      return {
        id,
        say: (more) => s.discord.say(id, s.ana, more),
        heard: (part) => s.answer(id, part),
        async card(action) {
          const card = await s.card(id, action);
          return {
            press: (label, by) => s.discord.press(card, by === 'first' ? s.ana : s.bo, label),
            settled: (part) =>
              until(
                `the card to say "${part}"`,
                () => card.content.includes(part) && card.components.length === 0,
              ),
          };
        },
        approve: async (request, decision) => s.discord.slash(id, s.ana, 'approve', `${request} ${decision}`),
        stop: () => s.discord.slash(id, s.ana, 'stop', ''),
        signOfLife: () => until('"is typing"', () => s.discord.world.typing.includes(id)),
        async pressStop() {
          const draft = await s.shown(id, 'a Stop button', (one) =>
            buttonsOf(one).some((button) => button.label === 'Stop'),
          );
          s.discord.press(draft, s.ana, 'Stop');
        },
        async aside(question, answer) {
          s.discord.slash(id, s.bo, 'btw', question);
          await until(`"${answer}" for Bo alone`, () =>
            s.discord.ephemeralsOf(s.bo).find((one) => one.content.includes(answer)),
          );
        },
      };
    },
  };
});
