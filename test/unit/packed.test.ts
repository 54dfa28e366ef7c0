import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** A package of two sources, and a pack of them that is as old as the test says. */
describe('what is started', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-packed-'));
  const file = (name: string, at: number): void => {
    writeFileSync(join(folder, name), '');
    utimesSync(join(folder, name), at, at);
  };
  let program: () => string;

  beforeAll(async () => {
    for (const name of ['bin', 'src/deeper', 'dist']) mkdirSync(join(folder, name), { recursive: true });
    cpSync(join(ROOT, 'bin/packed.js'), join(folder, 'bin/packed.mjs'));
    ({ program } = await import(pathToFileURL(join(folder, 'bin/packed.mjs')).href));
    file('src/main.ts', 100);
    file('src/deeper/part.ts', 200);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is the sources where nothing is packed', () => {
    expect(program()).toBe(join(folder, 'src/main.ts'));
  });

  it('is the packed program while no source is newer', () => {
    file('dist/main.js', 200);
    expect(program()).toBe(join(folder, 'dist/main.js'));
  });

  it('is the sources as soon as one of them changed, however deep', () => {
    file('src/deeper/part.ts', 201);
    expect(program()).toBe(join(folder, 'src/main.ts'));
  });

  it('is the sources when a package may have changed', () => {
    file('src/deeper/part.ts', 200);
    file('package-lock.json', 201);
    expect(program()).toBe(join(folder, 'src/main.ts'));
  });

  it('is the packed program in a test run, so that is what all tests of the whole program prove', async () => {
    const own = await import(pathToFileURL(join(ROOT, 'bin/packed.js')).href);
    expect(own.program()).toBe(join(ROOT, 'dist/main.js'));
  });

  it('leaves out what packages load at once for nothing, also in their next versions', () => {
    const dist = join(ROOT, 'dist');
    const texts = readdirSync(dist).map((name) => readFileSync(join(dist, name), 'utf8'));
    const discord = texts.filter((text) => text.includes('// node_modules/@discordjs/rest/'));
    expect(discord).toHaveLength(1);
    expect(discord[0]).not.toContain('globalThis.FormData ??=');
    expect(discord[0]).not.toContain('require_inspect()');
    expect(texts.filter((text) => /\/\/ node_modules\/(express|magic-bytes\.js)\//.test(text))).toEqual([]);
    const calls = texts.filter((text) => text.includes('// node_modules/undici/lib/dispatcher/agent.js'));
    expect(calls).toHaveLength(1);
    expect(calls[0]).not.toMatch(/\/\/ node_modules\/undici\/lib\/(api|mock|milo|dispatcher\/client-h2)/);
  });
});
