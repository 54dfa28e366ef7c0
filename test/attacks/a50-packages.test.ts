/** A50: what is installed is what the lock file holds, and no package runs a script of its own that nobody allowed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const read = (name: string): string => readFileSync(join(import.meta.dirname, '../..', name), 'utf8');
const json = <T>(name: string): T => JSON.parse(read(name)) as T;

type Locked = {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly os?: readonly string[];
};
const { packages } = json<{ packages: Record<string, Locked> }>('package-lock.json');
const installed = Object.entries(packages).filter(([path]) => path !== '');
const { allowScripts } = json<{ allowScripts: Record<string, boolean> }>('package.json');

it('A50: each package is held by a SHA-512 of its content, and comes from the registry alone', () => {
  expect(installed.length).toBeGreaterThan(100);
  expect(installed.filter(([, one]) => one.integrity?.startsWith('sha512-') !== true)).toEqual([]);
  // No address of its own: neither a repository nor some server.
  expect(installed.filter(([, one]) => one.resolved !== undefined)).toEqual([]);
});

it('A50: each package with a script of its own was allowed to run it, or is for another machine', () => {
  const here = installed.filter(
    ([path, one]) => one.hasInstallScript === true && !/darwin|windows|ia32|ppc64|arm/.test(path),
  );
  const names = here.map(([path]) => path.replace('node_modules/', ''));
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => allowScripts[name] !== true)).toEqual([]);
});

it('A50: what is deployed and what is tested install by the lock file, never anew', () => {
  for (const file of ['Dockerfile', '.ci/run']) {
    expect(read(file)).toMatch(/npm ci/);
    expect(read(file)).not.toMatch(/npm (install|i|update)\b/);
  }
});
