/** The section of Slack, its manifest, and that the SDK stays out while the channel is off. */
import { execFileSync } from 'node:child_process';
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

  it('registers the commands that Slack does not keep for itself, and one that reaches all', () => {
    const { slash_commands: registered } = (slackManifest({ commands, publicUrl: null }) as Manifest)
      .features;
    const names = registered.map((one) => one.command);
    expect(names).toEqual(expect.arrayContaining(['/btw', '/approve', '/stop', '/new', '/parley']));
    expect(names).not.toContain('/status');
  });
});
