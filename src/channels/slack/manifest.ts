/** What Slack has to know of the app (pure): exactly the scopes, events, commands and shortcuts that we use. */
import { ASK_SHORTCUT, UMBRELLA } from './inbound.ts';

type ManifestCommand = { readonly name: string; readonly argument: string; readonly about: string };

export type ManifestOptions = {
  readonly commands: readonly ManifestCommand[];
  /** For HTTP mode: where Slack reaches this Parley. Null: Socket Mode. */
  readonly publicUrl: string | null;
};

/** Beside each scope what it is for. */
const scopes = [
  // Being mentioned, and what is said in threads it takes part in and in direct messages.
  'app_mentions:read',
  'channels:history',
  'groups:history',
  'im:history',
  'mpim:history',
  // Answers, cards, streams; "is thinking…" and the Stop button of agents.
  'chat:write',
  'assistant:write',
  // The slash commands and the shortcut.
  'commands',
  // What people attach, and actions too long for a card.
  'files:read',
  'files:write',
  // Cards in the private conversations of approvers.
  'im:write',
  // Finding out whether a message was posted before the process died.
  'metadata.message:read',
  // Whether who asks aside is still in the channel.
  'channels:read',
  'groups:read',
  'mpim:read',
  // Names, and who is a guest.
  'users:read',
];

const events = [
  'app_mention',
  'message.channels',
  'message.groups',
  'message.im',
  'message.mpim',
  'agent_session_stopped',
  'app_uninstalled',
  'tokens_revoked',
];

/** Slack keeps these names for itself; `/parley status` reaches them. */
const taken = new Set(['status', 'help', 'skills', 'memory', 'reflections']);

export function slackManifest({ commands, publicUrl }: ManifestOptions): Record<string, unknown> {
  const url = publicUrl === null ? undefined : new URL('/channels/slack/events', publicUrl).href;
  const to = url === undefined ? {} : { url };
  const direct = commands.filter(({ name }) => !taken.has(name));
  return {
    display_information: { name: 'Parley', description: 'A shared AI agent for this team' },
    features: {
      agent_view: {
        agent_description: 'Answers questions and does work, with your approval where it matters.',
      },
      app_home: {
        home_tab_enabled: false,
        messages_tab_enabled: true,
        messages_tab_read_only_enabled: false,
      },
      bot_user: { display_name: 'Parley', always_online: true },
      shortcuts: [
        {
          type: 'message',
          name: 'Ask aside',
          callback_id: ASK_SHORTCUT,
          description: 'Ask about this conversation; only you see the answer',
        },
      ],
      slash_commands: [
        ...direct.map(({ name, argument, about }) => ({
          command: `/${name}`,
          description: about,
          ...(argument === '' ? {} : { usage_hint: argument }),
          should_escape: false,
          ...to,
        })),
        {
          command: `/${UMBRELLA}`,
          description: 'Any command: /parley help lists them',
          usage_hint: 'help',
          should_escape: false,
          ...to,
        },
      ],
    },
    oauth_config: { scopes: { bot: scopes } },
    settings: {
      event_subscriptions: { ...(url === undefined ? {} : { request_url: url }), bot_events: events },
      interactivity: { is_enabled: true, ...(url === undefined ? {} : { request_url: url }) },
      org_deploy_enabled: false,
      socket_mode_enabled: url === undefined,
      token_rotation_enabled: false,
    },
  };
}
