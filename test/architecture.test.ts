/** The house rules that a compiler does not check: who may import whom, how long a file may be, no circles. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const MAX_LINES = 350;

const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(ts|js)$/.test(name))
  .map((name) => join('src', name))
  .sort();

type Import = { readonly from: string; readonly to: string; readonly typeOnly: boolean };

/** Static and dynamic imports; `to` is a path below `src`, or a package. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const found = [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/g),
  ];
  const dynamic = [...text.matchAll(/\bimport\('([^']+)'\)/g)].map(
    (match) => ['', undefined, match[1]] as const,
  );
  return [...found, ...dynamic].map(([, type, specifier]) => {
    const target = specifier ?? '';
    const to = target.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), target)) : target;
    return { from: file, to, typeOnly: type !== undefined };
  });
}

const imports = files.flatMap(importsOf);
const isBuiltIn = (name: string) => name.startsWith('node:');
const isPackage = (name: string) => !name.startsWith('src/') && !isBuiltIn(name);
const folderOf = (file: string): string => file.split('/')[1] ?? '';

/** For each folder: the parts of `src` and the packages it may import. `app.ts`, its neighbours and `cli` may import all. */
const rules: Readonly<
  Record<string, { readonly parts: readonly RegExp[]; readonly packages: readonly RegExp[] }>
> = {
  domain: { parts: [/^src\/domain\//], packages: [/^zod$/] },
  store: { parts: [/^src\/(store|domain)\//], packages: [/^(kysely(\/.*)?|better-sqlite3|sqlite-vec|pg)$/] },
  agent: {
    parts: [/^src\/(agent|domain|wire)\//, /^src\/store\/store\.ts$/],
    packages: [/^(zod|yaml|unbash|openai(\/.*)?|@modelcontextprotocol\/sdk\/.*)$/],
  },
  gateway: {
    parts: [/^src\/(gateway|domain|agent)\//, /^src\/store\/store\.ts$/, /^src\/channels\/adapter\.ts$/],
    packages: [],
  },
  config: { parts: [/^src\/(config|domain)\//, /^src\/channels\/registry\.ts$/], packages: [/^(zod|yaml)$/] },
  http: {
    parts: [
      /^src\/(http|domain|gateway|config)\//,
      /^src\/store\/store\.ts$/,
      /^src\/channels\/adapter\.ts$/,
    ],
    packages: [/^fastify$/],
  },
  wire: { parts: [/^src\/wire\//], packages: [/^undici$/] },
  runtime: { parts: [/^src\/(runtime|domain)\//], packages: [/^(pino|prom-client)$/] },
};

const channelPackages: Readonly<Record<string, RegExp>> = {
  web: /^(marked|zod)$/,
  discord: /^(discord\.js|@discordjs\/(rest|ws)|discord-api-types\/v10|marked|zod)$/,
  slack: /^(@slack\/(bolt|socket-mode)|marked|zod)$/,
  telegram: /^(grammy(\/types)?|marked|zod)$/,
};

function mayImport({ from, to }: Import): boolean {
  const folder = folderOf(from);
  // Where Parley is installed, for those who read files of their own.
  if (to === 'src/root.ts') return true;
  if (folder === 'channels') {
    const channel = from.split('/').length > 3 ? (from.split('/')[2] ?? '') : null;
    if (isBuiltIn(to) || /^src\/(domain|wire)\//.test(to)) return true;
    if (isPackage(to))
      return channel === null ? /^(zod|marked)$/.test(to) : (channelPackages[channel]?.test(to) ?? false);
    if (/^src\/channels\/[^/]+\.ts$/.test(to)) return true;
    return from === 'src/channels/registry.ts'
      ? /\/index\.ts$/.test(to)
      : to.startsWith(`src/channels/${channel}/`);
  }
  const rule = rules[folder];
  if (rule === undefined || isBuiltIn(to)) return true;
  return (isPackage(to) ? rule.packages : rule.parts).some((pattern) => pattern.test(to));
}

describe('architecture', () => {
  it('imports follow the dependency rules', () => {
    const broken = imports.filter((one) => !mayImport(one)).map(({ from, to }) => `${from} → ${to}`);
    expect(broken).toEqual([]);
  });

  it('only agent/model/openai.ts imports openai, and only the store its drivers', () => {
    const of = (pattern: RegExp) => [
      ...new Set(imports.filter((one) => pattern.test(one.to)).map((one) => one.from)),
    ];
    expect(of(/^openai/)).toEqual(['src/agent/model/openai.ts']);
    expect(of(/^(pg|better-sqlite3|sqlite-vec|kysely)$/).every((file) => file.startsWith('src/store/'))).toBe(
      true,
    );
  });

  it('only the configuration and the command line read process.env', () => {
    const readers = files.filter((file) => /process\.env\b/.test(readFileSync(join(ROOT, file), 'utf8')));
    expect(readers).toEqual(['src/cli/command-line.ts']);
  });

  it(`no file is longer than ${MAX_LINES} lines`, () => {
    const tests = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join('test', name));
    const lines = (file: string) => readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1;
    expect(
      [...files, ...tests].filter((file) => lines(file) > MAX_LINES).map((file) => `${file}: ${lines(file)}`),
    ).toEqual([]);
  });

  it('every file says in its first lines what it is for', () => {
    const silent = files.filter(
      (file) => !/^(#!.*\n)?\s*(\/\*\*|\/\/)/.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    expect(silent).toEqual([]);
  });

  it('has no circle of imports', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to, typeOnly } of imports) {
      if (to.startsWith('src/') && !typeOnly) edges.set(from, [...(edges.get(from) ?? []), to]);
    }
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      if (done.has(file) || path.includes(file)) return;
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });
});
