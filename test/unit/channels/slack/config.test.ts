/** The section of Slack, its manifest, and that the SDK stays out while the channel is off. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { slackConfigSchema } from '../../../../src/channels/slack/config.ts';
import { slackManifest } from '../../../../src/channels/slack/manifest.ts';
import { commands } from '../../../../src/gateway/commands/index.ts';

const problems = (section: object): string[] =>
  slackConfigSchema.safeParse(section).error?.issues.map((issue) => issue.path.join('.')) ?? [];

describe('channels.slack', () => {
  it('A3: each mode wants its own secret, and an empty one is none', () => {
    expect(problems({ bot_token: 'xoxb-1', app_token: 'xapp-1' })).toEqual([]);
    expect(problems({ bot_token: 'xoxb-1' })).toEqual(['app_token']);
    expect(problems({ bot_token: 'xoxb-1', mode: 'http' })).toEqual(['signing_secret']);
    expect(problems({ bot_token: 'xoxb-1', mode: 'http', signing_secret: '' })).toEqual(['signing_secret']);
    expect(problems({ bot_token: 'xoxb-1', mode: 'http', signing_secret: 'abc' })).toEqual([]);
    expect(problems({ bot_token: '', app_token: 'xapp-1' })).toEqual(['bot_token']);
  });

  it('A32: ids are strings', () => {
    expect(problems({ bot_token: 'x', app_token: 'y', conversations: [1] })).toEqual(['conversations.0']);
  });

  it('the SDK is not loaded by the registry, only by the channel itself', () => {
    const root = join(import.meta.dirname, '../../../..');
    const loads = (file: string): boolean => {
      const code = `import { createRequire } from 'node:module';
        await import(${JSON.stringify(join(root, file))});
        console.log(Object.keys(createRequire(${JSON.stringify(`${root}/`)}).cache).some((one) => one.includes('/@slack/')));`;
      return execFileSync(process.execPath, ['--input-type=module', '-e', code]).toString().trim() === 'true';
    };
    expect(loads('src/channels/registry.ts')).toBe(false);
    expect(loads('src/channels/slack/manifest.ts')).toBe(false);
    expect(loads('src/channels/slack/adapter.ts')).toBe(true);
  });
});

type Manifest = {
  features: { slash_commands: { command: string; url?: string }[] };
  settings: { socket_mode_enabled: boolean; interactivity: { request_url?: string } };
};

describe('the manifest of the Slack app', () => {
  it('is for Socket Mode unless an address is given', () => {
    const socket = slackManifest({ commands, publicUrl: null }) as Manifest;
    expect(socket.settings.socket_mode_enabled).toBe(true);
    expect(JSON.stringify(socket)).not.toContain('request_url');
    const http = slackManifest({ commands, publicUrl: 'https://parley.example' }) as Manifest;
    expect(http.settings.socket_mode_enabled).toBe(false);
    expect(http.settings.interactivity.request_url).toBe('https://parley.example/channels/slack/events');
    expect(http.features.slash_commands.every((one) => one.url !== undefined)).toBe(true);
  });

  it('asks for exactly the scopes that the calls, events and fields we use need', () => {
    const talk = ['channels', 'groups', 'im', 'mpim'].map((kind) => `${kind}:history`);
    const ofCalls: Record<string, readonly string[]> = {
      'auth.test': [],
      'chat.': ['chat:write'],
      'conversations.history': talk,
      'conversations.replies': talk,
      'conversations.open': ['im:write'],
      'users.info': ['users:read'],
      'users.conversations': ['channels:read', 'groups:read', 'mpim:read'],
      'views.': [],
      'assistant.threads.': ['assistant:write'],
      'agents.sessions.': ['assistant:write'],
      filesUploadV2: ['files:write'],
    };
    const folder = join(import.meta.dirname, '../../../../src/channels/slack');
    const code = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    const calls = code.flatMap((text) => [
      ...text.matchAll(/\b(?:client|api)\.((?:[a-z]\w*\.)+\w+|filesUploadV2)\(/gi),
    ]);
    const used = calls.flatMap(([, name = '']) => {
      const [, needed] = Object.entries(ofCalls).find(([known]) => name.startsWith(known)) ?? [];
      if (needed === undefined) throw new Error(`which scope does ${name} need?`);
      return needed;
    });
    const { oauth_config: oauth, settings } = slackManifest({ commands, publicUrl: null }) as {
      oauth_config: { scopes: { bot: string[] } };
      settings: { event_subscriptions: { bot_events: string[] } };
    };
    expect(settings.event_subscriptions.bot_events.filter((event) => event.startsWith('message.'))).toEqual(
      talk.map((scope) => `message.${scope.split(':')[0]}`),
    );
    // Mentions; slash commands and the shortcut; files people send; the mark by which our own messages are found.
    const others = ['app_mentions:read', 'commands', 'files:read', 'metadata.message:read', ...talk];
    expect(oauth.scopes.bot.toSorted()).toEqual([...new Set([...used, ...others])].toSorted());
  });

  it('registers the commands that Slack does not keep for itself, and one that reaches all', () => {
    const { slash_commands: registered } = (slackManifest({ commands, publicUrl: null }) as Manifest)
      .features;
    const names = registered.map((one) => one.command);
    expect(names).toEqual(expect.arrayContaining(['/btw', '/approve', '/stop', '/new', '/parley']));
    expect(names).not.toContain('/status');
  });
});
