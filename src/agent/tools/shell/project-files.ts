/** Programs that run what a file of the project tells them to (pure). Agreeing to one is agreeing to that file (A21). */
import { describeEffect } from './effects.ts';
import type { Finding } from './finding.ts';
import type { Arg } from './word.ts';

const files = new Map<string, readonly string[]>([
  ...['npm', 'yarn', 'pnpm'].map((name) => [name, ['package.json']] as const),
  ...['make', 'gmake'].map((name) => [name, ['GNUmakefile', 'makefile', 'Makefile']] as const),
  ['cargo', ['Cargo.toml', 'build.rs', '.cargo/config.toml']],
  ['composer', ['composer.json']],
  ['tox', ['tox.ini', 'pyproject.toml', 'setup.cfg']],
  ['pytest', ['pytest.ini', 'pyproject.toml', 'setup.cfg', 'conftest.py', 'tox.ini']],
  ['rake', ['Rakefile', 'rakefile']],
  ['just', ['justfile', 'Justfile', '.justfile']],
  ['gradle', ['build.gradle', 'build.gradle.kts', 'settings.gradle', 'settings.gradle.kts']],
]);

/** Options with which another file, or another folder's, is read instead. */
const elsewhere =
  /^(-C|-f|-I|--?prefix|--cwd|--dir|--directory|--file|--makefile|--manifest-path|--eval|-E|--rootdir|-c|-p)/;

/** Null when `name` is none of them. */
export function projectFile(
  name: string,
  args: readonly Arg[],
): { readonly files: readonly string[]; readonly finding: Finding } | null {
  const consulted = files.get(name);
  if (consulted === undefined) return null;
  const finding = describeEffect(name, false);
  const isElsewhere = args.some((arg) => elsewhere.test(arg.value) || /^\w+=/.test(arg.value));
  return { files: consulted, finding: isElsewhere ? { ...finding, grantable: false } : finding };
}
