import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Environment } from '../../../src/config/env.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { configSchema, jsonSchema } from '../../../src/config/schema.ts';
import { AppError } from '../../../src/domain/errors.ts';

const ROOT = join(import.meta.dirname, '../../..');

function env(variables: Readonly<Record<string, string>> = {}): Environment {
  return {
    lookup: (name) => {
      const value = variables[name];
      return value === undefined ? { missing: `the environment variable ${name} is not set` } : { value };
    },
  };
}

const parse = (source: string, variables?: Readonly<Record<string, string>>) =>
  parseConfig(source, 'c.yaml', env(variables));

function mistakes(source: string, variables?: Readonly<Record<string, string>>): string[] {
  try {
    parse(source, variables);
    return [];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.message.split('\n').slice(1);
  }
}

const ref = (name: string, fallback?: string) =>
  `\${${name}${fallback === undefined ? '' : `:-${fallback}`}}`;

describe('the configuration', () => {
  it('the shipped file says what holds without it', () => {
    const shipped = parse(readFileSync(join(ROOT, 'config/parley.yaml'), 'utf8')).config;
    const owner = ['web:owner'];
    const plain = configSchema.parse({ access: { approvers: owner, admins: owner } });
    expect(shipped).toEqual(plain);
  });

  it('the shipped schema is the current one', () => {
    expect(JSON.parse(readFileSync(join(ROOT, 'config/parley.schema.json'), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(jsonSchema())),
    );
  });

  it('holds fewer than 120 keys', () => {
    const keys = (value: unknown): number =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.values(value).reduce((sum: number, field) => sum + 1 + keys(field), 0)
        : 0;
    expect(keys(configSchema.parse({}))).toBeLessThan(120);
  });

  it('takes references unquoted inside braces, with defaults, and keeps them text', () => {
    const { config } = parse(
      `models: { default: { api_key: ${ref('KEY')}, model: ${ref('M', 'small')} } }\nserver: { port: ${ref('PORT', '9000')}, token: ${ref('T', '')} }`,
      { KEY: '12345678901234567890' },
    );
    expect(config.models.default).toMatchObject({ api_key: '12345678901234567890', model: 'small' });
    expect(config.server).toMatchObject({ port: 9000, token: '' });
  });

  it('tells all mistakes at once, by line and column, with a hint', () => {
    const found = mistakes(
      [
        'server: { prot: 1 }',
        'access:',
        '  approvers: [bob]',
        'limits: { queue_per_session: 0 }',
        `log: { level: ${ref('LEVEL')} }`,
      ].join('\n'),
    );
    expect(found).toHaveLength(5);
    expect(found[0]).toMatch(/^c\.yaml:1:11: unknown key "prot".*did you mean "port"\?/);
    expect(found[1]).toMatch(/^c\.yaml:3:15: access\.approvers\.0: must have the form/);
    expect(found[2]).toMatch(/^c\.yaml:4:11: /);
  });

  it('A32: an unquoted numeric id is refused with the digits that were written', () => {
    expect(mistakes('access: { users: [1234567890123456789] }')[0]).toContain(
      'Put it in quotes: "1234567890123456789"',
    );
  });

  it.each([
    ['a duplicate key', 'log: { level: info }\nlog: { level: warn }', /^c\.yaml:2:1: .*unique/i],
    ['broken YAML', 'server: { host: x', /^c\.yaml:1:\d+: /],
    ['a list at the top', '- a\n- b', /^c\.yaml:1:1: /],
    ['an unknown profile', 'routes: [{ profile: ops }]', /^c\.yaml:1:12: .*no profile "ops"/],
    [
      'a mistake in a profile',
      'profiles: { ops: { agent: { planner: wild } } }',
      /^c\.yaml:1:29: profiles\.ops\.agent\.planner/,
    ],
    [
      'hosts for what is denied',
      'approvals: { rules: [{ tool: shell, decision: deny, network: [a.example] }] }',
      /^c\.yaml:1:\d+: approvals\.rules\.0\.network: .*allow or ask/,
    ],
    [
      'no hosts at all',
      'approvals: { rules: [{ tool: shell, decision: ask, network: [] }] }',
      /^c\.yaml:1:\d+: approvals\.rules\.0\.network: must name a host/,
    ],
    [
      'a part that is not built yet',
      'sessions: { while_busy: steer }',
      /^c\.yaml:1:13: sessions\.while_busy: not available yet/,
    ],
  ])('refuses %s, saying where', (_what, source, expected) => {
    expect(mistakes(source)[0]).toMatch(expected);
  });

  it('A43: __proto__, merge keys and alias bombs do nothing', () => {
    expect(mistakes('__proto__: { admin: true }').length).toBeGreaterThan(0);
    expect(mistakes('base: &b { level: debug }\nlog: { <<: *b }').length).toBeGreaterThan(0);
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'
        .split('')
        .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`),
    ].join('\n');
    expect(mistakes(bomb)[0]).toMatch(/^c\.yaml:\d+:\d+: /);
    expect(mistakes('log: { level: *nowhere }')[0]).toMatch(/^c\.yaml:1:15: .*nowhere/);
    expect({}).not.toHaveProperty('admin');
  });

  it('P10: knows its secrets by their keys, not by where they came from', () => {
    const { secrets } = parse(
      `server: { token: plain-written-token }\nstore: { url: "postgres://u:pass-word-1@h/d" }\nmodels: { default: { api_key: ${ref('KEY')}, model: ${ref('MODEL')} } }\nchannels: { web: { users: { ana: ana-token-0123456789 } } }`,
      { KEY: 'key-from-outside', MODEL: 'model-name' },
    );
    expect([...secrets].sort()).toEqual([
      'ana-token-0123456789',
      'key-from-outside',
      'pass-word-1',
      'plain-written-token',
    ]);
  });

  it('profiles override what they name and inherit the rest', () => {
    const { profiles } = parse(
      'agent: { max_rounds: 3, instructions: base }\nprofiles: { ops: { agent: { instructions: special }, tools: { shell: { enabled: false } } } }',
    );
    expect(profiles.get('ops')?.agent).toMatchObject({ max_rounds: 3, instructions: 'special' });
    expect(profiles.get('ops')?.tools.shell).toMatchObject({ enabled: false, sandbox: 'auto' });
    expect(profiles.get('default')?.tools.shell.enabled).toBe(true);
  });

  it('P11: no damaged file is taken or crashes the reader', () => {
    const good = readFileSync(join(ROOT, 'config/parley.yaml'), 'utf8');
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.string({ maxLength: 4 }), fc.nat(20), (at, insert, cut) => {
        const source = good.slice(0, at) + insert + good.slice(at + cut);
        try {
          parse(source);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect(String((error as AppError).message)).toMatch(/c\.yaml:\d+:\d+: /);
        }
      }),
      { numRuns: 300 },
    );
  });
});
