/** The answer of a turn whose draft a killed process left behind, and had deleted: it comes all the same (P1, F8). */
import { expect, it, onTestFinished } from 'vitest';
import { createSlackAdapter } from '../../../src/channels/slack/adapter.ts';
import { slackConfigSchema } from '../../../src/channels/slack/config.ts';
import { seen } from '../../e2e/support/slack.ts';
import { BOT, TOKENS } from '../../fakes/slack/state.ts';
import { startFakeSlack } from '../../fakes/slack-server.ts';
import { channelDeps } from './support.ts';

it('P1, F8: Slack: a draft that is gone does not take the answer along', async () => {
  const slack = await startFakeSlack();
  const ana = slack.member('U0ANA', 'Ana');
  const conversation = slack.direct(ana);
  const config = { bot_token: TOKENS.bot, app_token: TOKENS.app, api_url: slack.apiUrl };
  const deps = channelDeps(slackConfigSchema.parse(config));
  const adapter = createSlackAdapter(deps);
  onTestFinished(async () => {
    await adapter.stop();
    await slack.close();
  });
  await deps.state.set('draft:turn', JSON.stringify(['1700000000.000009']));
  await adapter.start({ message: async () => {} } as unknown as Parameters<typeof adapter.start>[0]);
  const to = { channel: 'slack', account: 'T0TEAM:U0PARLEY', conversation };
  const refs = await adapter.send(to, { kind: 'answer', text: 'all of it', turnId: 'turn' }, 'turn:answer');
  expect(refs).toHaveLength(1);
  const shown = slack.state.messages.filter((one) => one.user === BOT.user && !one.deleted);
  expect(shown.map(seen).join()).toContain('all of it');
  expect(await deps.state.get('draft:turn')).toBeUndefined();
});
