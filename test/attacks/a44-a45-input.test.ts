/** A44 and A45: arguments that reach for prototypes, and texts made to cost time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../../src/agent/glob.ts';
import { validateArgs } from '../../src/agent/tools/execute.ts';
import { unifiedDiff } from '../../src/agent/tools/files/diff.ts';
import { createFetchTool } from '../../src/agent/tools/http/fetch-url.ts';
import { toReadable } from '../../src/agent/tools/http/readable.ts';
import { argumentProblems } from '../../src/agent/tools/mcp/arguments.ts';
import { parseTools } from '../../src/agent/tools/mcp/definition.ts';
import { createMcpTools } from '../../src/agent/tools/mcp/tools.ts';
import { createTools } from '../../src/agent/tools/registry.ts';
import { openSandbox } from '../../src/agent/tools/sandbox.ts';
import { classify } from '../../src/agent/tools/shell/classify.ts';

const tools = createTools({
  config: {
    shell: { enabled: true, sandbox: 'off', timeoutMs: 10_000, maxOutputBytes: 65_536, network: false },
    files: { enabled: true },
    http: { enabled: true, allow: [] },
    memory: { enabled: false, keeps: false },
  },
  sandbox: await openSandbox({ mode: 'off', hide: [] }),
  mcp: createMcpTools([], true),
  hide: [],
});

describe('A44 arguments that reach for prototypes', () => {
  const payloads = [
    '{"__proto__":{"polluted":1}}',
    '{"command":"ls","__proto__":{"polluted":1}}',
    '{"command":{"__proto__":{"polluted":1}}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"command":"ls","prototype":{}}',
    '{"command":["ls",{"__proto__":1}]}',
    '{"\\u005f_proto__":{"polluted":1}}',
    '[{"__proto__":{"polluted":1}}]',
    `${'{"a":'.repeat(500)}{"__proto__":1}${'}'.repeat(500)}`,
  ];

  it.each(
    tools.list().flatMap((tool) => payloads.map((json) => [tool.name, json.slice(0, 80), json] as const)),
  )('A44 %s refuses %s', (name, _shown, json) => {
    const tool = tools.get(name);
    if (tool === undefined) throw new Error(name);
    expect(validateArgs(tool, json).ok).toBe(false);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('A44 no tool is found by a name of the prototype, and none takes arguments it does not know', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'fake.__proto__'])
      expect(tools.get(name)).toBeUndefined();
    for (const tool of tools.list()) expect(validateArgs(tool, '{"surplus":1}').ok).toBe(false);
  });

  it('A44 a definition of a server pollutes nothing', () => {
    const list = JSON.parse(
      '[{"name":"__proto__","inputSchema":{"type":"object","__proto__":{"polluted":1}}}]',
    );
    parseTools(list);
    expect(
      argumentProblems(
        JSON.parse('{"__proto__":1}'),
        JSON.parse('{"properties":{"__proto__":{"type":"string"}}}'),
      ),
    ).toEqual(['arguments.__proto__ must be string, not number']);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('A44 property: whatever JSON arrives, it is refused or fits, and nothing is thrown', () => {
    fc.assert(
      fc.property(fc.constantFrom(...tools.list()), fc.oneof(fc.json(), fc.string()), (tool, json) => {
        expect(typeof validateArgs(tool, json).ok).toBe('boolean');
      }),
    );
  });
});

/** Each of these took minutes with a careless pattern; here the limit of the test is limit enough. */
describe('A45 texts made to cost time', () => {
  const long = 100_000;

  it('A45 patterns of rules are matched in time that grows with their length only', () => {
    for (const [pattern, text] of [
      ['*a'.repeat(200), 'a'.repeat(long)],
      [`${'*a'.repeat(200)}b`, 'a'.repeat(20_000)],
      ['*'.repeat(long), 'a'],
      [`${'?*'.repeat(500)}x`, 'y'.repeat(10_000)],
    ] as const)
      expect(typeof matchesGlob(pattern, text)).toBe('boolean');
  });

  it.each([
    ['slashes', `cat ${'/*'.repeat(7_000)}`],
    ['quotes', '"'.repeat(15_999)],
    ['brackets', '('.repeat(15_999)],
    ['braces', '{'.repeat(15_999)],
    ['substitutions', '$('.repeat(7_000)],
    ['backticks', '`'.repeat(15_999)],
    ['heredocs', 'cat <<E '.repeat(1_900)],
    ['escapes', '\\'.repeat(15_999)],
    ['options', `ls ${'-a '.repeat(5_000)}`],
    ['pipes', 'ls|'.repeat(5_000)],
    ['dots', `rm -r ${'/.'.repeat(2_000)}`],
    ['stars', `rm -r /${'/*'.repeat(2_000)}x`],
    ['invisible characters', 'ls \u200b'.repeat(3_000)],
    ['assignments', 'a=1 '.repeat(4_000)],
  ])('A45 a command full of %s', (_what, command) => {
    expect(['allow', 'ask', 'deny']).toContain(classify(command, '/srv/w').decision);
  });

  it('A45 addresses, pages, diffs and schemas of a stranger', async () => {
    const fetchTool = createFetchTool({ allow: ['*.example'] });
    for (const url of [
      `https://${'a.'.repeat(1_500)}example`,
      `https://x.example/${'%2e'.repeat(1_200)}`,
      `http://${'0'.repeat(3_000)}1/`,
    ])
      expect((await fetchTool.assess({ url }, { workspace: '/' })).decision).toMatch(/allow|ask|deny/);
    for (const piece of ['<', '<a ', '&#', '<!--', '<p hidden>', ' \n', '<td>'])
      expect(typeof toReadable(piece.repeat(long), new URL('https://x.example/')).text).toBe('string');
    const lines = Array.from({ length: 20_000 }, (_, index) => `${index}\n`);
    expect(unifiedDiff('x', lines.join(''), lines.toReversed().join('')).length).toBeGreaterThan(0);
    const deep = JSON.parse(`${'{"properties":{"a":'.repeat(2_000)}{}${'}}'.repeat(2_000)}`);
    expect(argumentProblems(JSON.parse(`${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`), deep)).toEqual([]);
    expect(
      argumentProblems(
        { a: 'a'.repeat(long) },
        { properties: { a: { type: 'string', pattern: '^(a+)+$' } } },
      ),
    ).toEqual([]);
  });
});
