/** P1, F18: a message that could not be stored in all of Slack's tries is read back, also when a later one was stored. */
import { expect, it } from 'vitest';
import { createSlackAdapter } from '../../../../src/channels/slack/adapter.ts';
import { slackConfigSchema } from '../../../../src/channels/slack/config.ts';
import { AppError } from '../../../../src/domain/errors.ts';
import type { InboundMessage } from '../../../../src/domain/message.ts';
import { channelDeps } from '../../../contract/channels/support.ts';
import { TOKENS } from '../../../fakes/slack/state.ts';
import { startFakeSlack } from '../../../fakes/slack-server.ts';

it('reads it back when it connects the next time', async () => {
  const slack = await startFakeSlack();
  const ana = slack.member('U0ANA', 'Ana');
  const channel = slack.direct(ana);
  const config = slackConfigSchema.parse({
    bot_token: TOKENS.bot,
    app_token: TOKENS.app,
    api_url: slack.apiUrl,
  });
  const deps = channelDeps(config);
  const refused = new Set(['lost words']);
  const stored: string[] = [];
  const { promise: readBack, resolve } = Promise.withResolvers<void>();
  const sink = {
    async message({ text }: InboundMessage) {
      if (refused.has(text)) throw new AppError('store.full', 'no room');
      stored.push(text);
      if (text === 'lost words') resolve();
    },
    async edit() {},
    async deletion() {},
    async click() {},
    async stop() {},
  };
  slack.delivery.attempts(1);
  const first = createSlackAdapter(deps);
  await first.start(sink);
  const lost = slack.say({ channel, from: ana, text: 'lost words' }).taken;
  await slack.say({ channel, from: ana, text: 'later words' }).taken;
  // Slack gives up when the line is gone.
  const gaveUp = expect(lost).rejects.toThrow('never acknowledged');
  await first.stop();
  await gaveUp;
  refused.clear();
  const second = createSlackAdapter(deps);
  await second.start(sink);
  await readBack;
  await second.stop();
  await slack.close();
  // Later words came in between, and once more; the store knows them by their number.
  expect(stored.filter((text) => text === 'lost words')).toHaveLength(1);
});
