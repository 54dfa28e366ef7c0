/** The section of Discord, its commands, and that the SDK stays out while the channel is off. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toApplicationCommands } from '../../../../src/channels/discord/commands.ts';
import { discordConfigSchema } from '../../../../src/channels/discord/config.ts';
import { checkCommands } from '../../../fakes/discord/rules.ts';

const root = join(import.meta.dirname, '../../../..');

describe('channels.discord', () => {
  it('needs no more than a token; ids are strings (A32)', () => {
    expect(discordConfigSchema.parse({ token: 'x' })).toMatchObject({
      api_url: 'https://discord.com/api',
      mention_only: true,
      reply_in_thread: true,
    });
    const problems = discordConfigSchema.safeParse({ token: '', conversations: [123] }).error?.issues ?? [];
    expect(problems.map((issue) => issue.path.join('.'))).toEqual(['token', 'conversations.0']);
  });

  it('the SDK is loaded by the channel itself, not by the registry', () => {
    const loads = (file: string): boolean => {
      const code = `import { registerHooks } from 'node:module';
        let found = false;
        registerHooks({ resolve: (name, context, next) => { found ||= name.startsWith('@discordjs/'); return next(name, context); } });
        await import(${JSON.stringify(join(root, file))});
        console.log(found);`;
      return execFileSync(process.execPath, ['--input-type=module', '-e', code]).toString().trim() === 'true';
    };
    expect(loads('src/channels/registry.ts')).toBe(false);
    expect(loads('src/channels/discord/adapter.ts')).toBe(true);
  });

  it('commands are registered in a form that Discord takes', () => {
    const made = toApplicationCommands([
      { name: 'btw', argument: 'QUESTION', about: 'x'.repeat(200) },
      { name: 'stop', argument: '[all]', about: 'Stop' },
      { name: 'help', argument: '', about: 'Help' },
    ]);
    expect(() => checkCommands(made)).not.toThrow();
    expect(made[0]).toMatchObject({ options: [{ name: 'question', required: true }] });
    expect(made[1]).toMatchObject({ options: [{ name: 'text', required: false }] });
    expect(made.at(-1)).toMatchObject({ name: 'Ask aside', type: 3 });
  });
});

describe('parley invite discord', () => {
  const run = (...args: string[]): string =>
    execFileSync(process.execPath, [join(root, 'bin/parley.js'), 'invite', 'discord', ...args]).toString();

  it('asks for no more rights than are used', () => {
    const { url } = JSON.parse(run('--application', '500000000000000001', '--json')) as { url: string };
    const query = new URL(url).searchParams;
    expect(query.get('client_id')).toBe('500000000000000001');
    expect(query.get('scope')).toBe('bot applications.commands');
    const bits = BigInt(query.get('permissions') ?? '0');
    const administrator = 1n << 3n;
    expect(bits & administrator).toBe(0n);
    expect([10n, 11n, 15n, 16n, 35n, 38n].every((bit) => (bits & (1n << bit)) !== 0n)).toBe(true);
    expect(bits.toString(2).match(/1/g)).toHaveLength(6);
  });
});
