import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../src/domain/errors.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('the documents', () => {
  it('list every error code as the table has it', async () => {
    const rows = Object.entries(errorCodes).map(
      ([code, { about, user, retryable }]) =>
        `| \`${code}\` | ${about} | ${user ?? '(not shown in chat)'} | ${retryable ? 'yes' : 'no'} |`,
    );
    const text = [
      '# Error codes',
      '',
      'Generated from `src/domain/errors.ts`. A person in chat reads the third column with an 8-character reference; the log and the events of the turn hold the details under it.',
      '',
      '| Code | What happened | What people read | Tried again |',
      '|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
    await expect(text).toMatchFileSnapshot('../../docs/errors.md');
  });

  it('link only to files that exist', () => {
    const pages = [
      'README.md',
      'ARCHITECTURE.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'CHANGELOG.md',
      ...readdirSync(join(ROOT, 'docs/channels')).map((name) => `docs/channels/${name}`),
      'docs/operations.md',
      'docs/memory.md',
      'docs/skills.md',
    ];
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map((match) => join(page, '..', match[1] ?? ''))
        .filter((path) => !existsSync(join(ROOT, path))),
    );
    expect(broken).toEqual([]);
  });

  it('the README names the two commands and every channel guide', () => {
    const readme = read('README.md');
    expect(readme).toContain('npm ci && npm start');
    expect(readme).toContain('npm ci && npm test');
    for (const name of readdirSync(join(ROOT, 'docs/channels')))
      expect(readme).toContain(`docs/channels/${name}`);
  });
});
