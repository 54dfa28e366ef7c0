/** The engine rows on Slack: Ana and Bo in threads of one channel. */
import { MENTION } from '../fakes/slack/people.ts';
import { engineRows } from './rows-suite.ts';
import { until } from './support/gateway.ts';
import { DENY } from './support/scenario.ts';
import { labels, startSlack, wordsOf } from './support/slack.ts';

engineRows('Slack', async (yaml) => {
  const s = await startSlack({ yaml });
  return {
    model: s.model,
    folder: s.folder,
    turns: s.turns,
    eventsOf: s.eventsOf,
    restart: s.restart,
    close: s.close,
    async open(text) {
      const { ts, taken } = s.slack.say({ channel: s.general, from: s.ana, text: `${MENTION} ${text}` });
      await taken;
      const inThread = { channel: s.general, from: s.ana, thread: ts };
      return {
        id: ts,
        say: (more) => s.slack.say({ ...inThread, text: more }).taken,
        heard: (part) =>
          s.posted(
            `"${part}"`,
            (one) =>
              one.thread === ts &&
              !one.streaming &&
              wordsOf(one).includes(part) &&
              !labels(one).includes(DENY),
          ),
        async card(action) {
          const card = await s.posted(
            `a card with "${action}"`,
            (one) => one.thread === ts && wordsOf(one).includes(action) && labels(one).includes(DENY),
          );
          return {
            press: (label, by) => s.slack.click(card, label, by === 'first' ? s.ana : s.bo),
            settled: (part) => s.settled(card, part),
          };
        },
        approve: (request, decision) =>
          s.slack.say({ ...inThread, text: `!approve ${request} ${decision}` }).taken,
        stop: () => s.slack.say({ ...inThread, text: '!stop' }).taken,
        signOfLife: () =>
          until('a status', () =>
            s.slack.calls('assistant.threads.setStatus').some((args) => args.thread_ts === ts),
          ),
        async pressStop() {
          const draft = await s.posted(
            'a Stop button',
            (one) => one.thread === ts && labels(one).includes('Stop'),
          );
          await s.slack.click(draft, 'Stop', s.ana);
        },
        async aside(question, answer) {
          await s.slack.say({ ...inThread, from: s.bo, text: `!btw ${question}` }).taken;
          await s.shown(s.bo, answer);
        },
      };
    },
  };
});
