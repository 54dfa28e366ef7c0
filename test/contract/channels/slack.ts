/** Slack under the contract: the real SDK against the fake workspace. */
import { createSlackAdapter } from '../../../src/channels/slack/adapter.ts';
import { slackConfigSchema } from '../../../src/channels/slack/config.ts';
import { textsOf } from '../../fakes/slack/blocks.ts';
import { buttonsOf } from '../../fakes/slack/people.ts';
import { BOT, TOKENS } from '../../fakes/slack/state.ts';
import { startFakeSlack } from '../../fakes/slack-server.ts';
import type { RemoteChannelUnderTest } from '../channel-adapter-suite.ts';
import { channelDeps } from './support.ts';

export async function openSlack(): Promise<RemoteChannelUnderTest> {
  const slack = await startFakeSlack();
  const [ana, bo] = [slack.member('U0ANA', 'Ana'), slack.member('U0BO', 'Bo')];
  const home = slack.direct(ana);
  const general = slack.channel('C0GENERAL', [ana, bo]);
  const config = slackConfigSchema.parse({
    bot_token: TOKENS.bot,
    app_token: TOKENS.app,
    api_url: slack.apiUrl,
  });
  const adapter = createSlackAdapter(channelDeps(config));
  const visible = () =>
    slack.state.messages.filter((one) => one.channel === general && one.user === BOT.user && !one.deleted);
  return {
    adapter,
    place: {
      channel: 'slack',
      account: 'T0TEAM:U0PARLEY',
      conversation: general,
      thread: '1700000000.000001',
    },
    asker: 'slack:U0ANA',
    say: (text) => void slack.say({ channel: home, from: ana, text }).taken.catch(() => undefined),
    texts: () =>
      visible().map((one) => textsOf(one.blocks.filter((block) => block.type !== 'actions')).join('\n')),
    buttons: () =>
      visible()
        .flatMap((one) => buttonsOf(one.blocks))
        .filter((button) => button.label !== 'Ask aside')
        .map((button) => button.value),
    slowDown: (ms) => slack.fail({ method: 'chat.postMessage', status: 429, retryAfter: ms / 1000 }),
    async close() {
      await adapter.stop();
      await slack.close();
    },
  };
}
