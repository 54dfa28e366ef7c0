import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createMcpTools } from '../../../../src/agent/tools/mcp/tools.ts';
import { createTools, type ToolsConfig } from '../../../../src/agent/tools/registry.ts';
import { openSandbox } from '../../../../src/agent/tools/sandbox.ts';

const shell = {
  enabled: true,
  sandbox: 'off',
  timeoutMs: 60_000,
  maxOutputBytes: 65_536,
  network: false,
} as const;
const off = { enabled: false, allow: [] };
const sandbox = await openSandbox({ mode: 'off', hide: [] });
const tools = (config: Partial<ToolsConfig> = {}) =>
  createTools({
    config: {
      shell,
      files: { enabled: true },
      http: off,
      memory: { enabled: false, keeps: true },
      ...config,
    },
    sandbox,
    mcp: createMcpTools([], true),
    hide: [],
  });

describe('createTools', () => {
  it('offers what the configuration turns on', () => {
    const names = (config?: Partial<ToolsConfig>) =>
      tools(config)
        .list()
        .map((tool) => tool.name);
    const files = ['read_file', 'write_file', 'list_files', 'search_files'];
    expect(names()).toEqual(['shell', ...files, 'read_output', 'run_skill']);
    expect(names({ shell: { ...shell, enabled: false } })).toEqual([...files, 'read_output', 'run_skill']);
    expect(names({ files: { enabled: false } })).toEqual(['shell', 'read_output', 'run_skill']);
    expect(names({ shell: { ...shell, enabled: false }, files: { enabled: false } })).toEqual([]);
    expect(names({ http: { ...off, enabled: true } })).toEqual([
      'shell',
      ...files,
      'fetch_url',
      'read_output',
      'run_skill',
    ]);
    const rest = { shell: { ...shell, enabled: false }, files: { enabled: false } };
    expect(names({ ...rest, memory: { enabled: true, keeps: true } })).toEqual([
      'remember',
      'recall',
      'search_history',
      'read_output',
      'run_skill',
    ]);
    // Where nothing is remembered there is still a history.
    expect(names({ ...rest, memory: { enabled: true, keeps: false } })).toEqual([
      'search_history',
      'read_output',
      'run_skill',
    ]);
  });

  it('E12 knows tools by their own names only', () => {
    expect(tools().get('shell')?.name).toBe('shell');
    for (const name of ['Shell', 'toString', '__proto__', '']) expect(tools().get(name)).toBeUndefined();
  });

  it('A13 takes the class of a tool from the code', () => {
    const effects = Object.fromEntries(
      tools({ http: { ...off, enabled: true } })
        .list()
        .map((tool) => [tool.name, tool.effect]),
    );
    expect(effects).toEqual({
      shell: 'once',
      read_file: 'read',
      write_file: 'idempotent',
      list_files: 'read',
      search_files: 'read',
      fetch_url: 'read',
      read_output: 'read',
      run_skill: 'read',
    });
  });

  it('names the risks that its calls can have, as parley check tells of rules about others', async () => {
    const all = tools({
      http: { enabled: true, allow: ['example.org'] },
      memory: { enabled: true, keeps: true },
    });
    const calls: Record<string, readonly object[]> = {
      shell: ['ls', 'make', 'rm -r x', 'sh x', 'cat .env'].map((command) => ({ command })),
      read_file: [{ path: 'a' }, { path: '.env' }],
      write_file: ['a', '.env'].map((path) => ({ path, content: 'x' })),
      list_files: [{}, { path: '.ssh' }],
      search_files: [{ text: 'x' }, { text: 'x', path: '.ssh' }],
      fetch_url: ['example.com', 'example.org', `example.com/${'x'.repeat(2000)}`].map((url) => ({
        url: `https://${url}`,
      })),
      remember: [{ text: 'likes tea' }, { text: 'likes tea', scope: 'workspace' }],
      recall: [{ query: 'x' }],
      search_history: [{ query: 'x' }],
      read_output: [{ reference: 'x/1' }],
      run_skill: [{ name: 'x' }],
    };
    for (const tool of all.list()) {
      const seen = new Set<string>();
      for (const args of calls[tool.name] ?? []) {
        const { risk } = await tool.assess(tool.input.parse(args), { workspace: tmpdir() });
        seen.add(risk);
      }
      expect({ [tool.name]: [...seen].sort() }).toEqual({ [tool.name]: [...tool.risks].sort() });
    }
  });

  it('describes every argument to the model as JSON Schema', () => {
    for (const spec of tools().specs()) {
      expect(spec.description.length).toBeGreaterThan(20);
      expect(spec.parameters).toMatchObject({ type: 'object', additionalProperties: false });
    }
    const parameters = tools().specs()[0]?.parameters;
    expect(parameters).toMatchObject({
      required: ['command'],
      properties: { timeout_seconds: { maximum: 60 } },
    });
  });
});
