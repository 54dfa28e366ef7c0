/** The section of Telegram, and that the SDK stays out while the channel is off. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { telegramConfigSchema } from '../../../../src/channels/telegram/config.ts';

const problems = (section: object): string[] =>
  telegramConfigSchema.safeParse(section).error?.issues.map((issue) => issue.path.join('.')) ?? [];

describe('channels.telegram', () => {
  it('needs no more than a token', () => {
    expect(telegramConfigSchema.parse({ token: '1:a' })).toMatchObject({
      mode: 'polling',
      mention_only: true,
      drafts: false,
    });
    expect(problems({ token: '' })).toEqual(['token']);
  });

  it('A3: a webhook without a secret, or with a weak one, does not start', () => {
    expect(problems({ token: '1:a', mode: 'webhook' })).toEqual(['webhook_secret']);
    expect(problems({ token: '1:a', mode: 'webhook', webhook_secret: '' })).toContain('webhook_secret');
    expect(problems({ token: '1:a', mode: 'webhook', webhook_secret: 'short' })).toEqual(['webhook_secret']);
    expect(problems({ token: '1:a', mode: 'webhook', webhook_secret: 'a-long-enough-secret' })).toEqual([]);
  });

  it('A32: ids are strings', () => {
    expect(problems({ token: '1:a', conversations: [-1001234567890] })).toEqual(['conversations.0']);
  });

  it('the SDK is not loaded by the registry, only by the channel itself', () => {
    const root = join(import.meta.dirname, '../../../..');
    const loads = (file: string): boolean => {
      const code = `import { createRequire } from 'node:module';
        await import(${JSON.stringify(join(root, file))});
        console.log(Object.keys(createRequire(${JSON.stringify(`${root}/`)}).cache).some((one) => one.includes('/grammy/')));`;
      return execFileSync(process.execPath, ['--input-type=module', '-e', code]).toString().trim() === 'true';
    };
    expect(loads('src/channels/registry.ts')).toBe(false);
    expect(loads('src/channels/telegram/adapter.ts')).toBe(true);
  });
});
