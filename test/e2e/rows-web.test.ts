/** The engine rows in the web chat: the owner and Bo in shared conversations. */
import { engineRows } from './rows-suite.ts';
import { until } from './support/gateway.ts';
import { BO_TOKEN, startScenario } from './support/scenario.ts';
import { textOf } from './support/web-client.ts';

engineRows('the web chat', async (yaml) => {
  const s = await startScenario({ yaml, model: '  roles: { btw: { model: aside-model } }' });
  const bo = await s.as(BO_TOKEN);
  return {
    model: s.model,
    folder: s.folder,
    turns: s.turns,
    eventsOf: s.eventsOf,
    restart: () => s.restart(),
    close: s.close,
    async open(text) {
      const place = await s.owner.createConversation(text, true);
      const posts = () => s.owner.posts().filter((post) => post.conversation === place.conversation);
      const { id } = await s.owner.post(place, text);
      return {
        id,
        say: (more) => s.owner.post(place, more),
        heard: (part) =>
          until(`"${part}"`, () =>
            posts().find(
              (post) => (post.kind === 'answer' || post.kind === 'error') && textOf(post.html).includes(part),
            ),
          ),
        async card(action) {
          const card = await s.owner.card(place, action);
          return {
            press: (label, by) => (by === 'first' ? s.owner : bo).press(place, card, label),
            settled: (part) =>
              until(`the card to say "${part}"`, () =>
                posts().find(
                  (post) =>
                    post.id === card.id &&
                    post.buttons.length === 0 &&
                    post.card?.outcome?.includes(part) === true,
                ),
              ),
          };
        },
        approve: (request, decision) => s.owner.command(place, `/approve ${request} ${decision}`),
        stop: () => s.owner.command(place, '/stop'),
        signOfLife: () =>
          until('"is typing"', () =>
            s.owner.frames('typing').some((frame) => frame.conversation === place.conversation),
          ),
        // The page has its button beside the field of what is said.
        async pressStop() {
          await until('a draft', () =>
            s.owner.frames('draft').some((frame) => frame.conversation === place.conversation),
          );
          await s.owner.stop(place);
        },
        async aside(question, answer) {
          await bo.command(place, `/btw ${question}`);
          await until(`"${answer}"`, () => bo.asides().find((one) => textOf(one.html).includes(answer)));
        },
      };
    },
  };
});
