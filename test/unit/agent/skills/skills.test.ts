/** Skills: the files as they are written, the catalog, and what one person sees of it. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readCatalog, skillsFor } from '../../../../src/agent/skills/catalog.ts';
import { parseSkillFile, withBody } from '../../../../src/agent/skills/skill-file.ts';
import { isSkillName, type OwnSkill } from '../../../../src/domain/skill.ts';
import { silent } from '../../../contract/store/support.ts';

const file = (head: string, body = 'Do it.\n') => `---\n${head}\n---\n${body}`;
const valid = file('name: tea\ndescription: Makes tea.');

describe('SKILL.md', () => {
  it('gives name, description and body, whatever else the front matter holds', () => {
    expect(
      parseSkillFile(file('name: tea\ndescription: Makes tea.\nlicense: MIT', 'Boil.\n---\nPour.'), 'tea'),
    ).toEqual({
      skill: { name: 'tea', description: 'Makes tea.', body: 'Boil.\n---\nPour.' },
    });
  });

  it.each([
    ['no front matter', '# Tea', 'does not begin with front matter'],
    ['front matter that is no YAML', file('name: a: b'), 'not YAML'],
    ['no description', file('name: tea'), 'description'],
    ['an empty description', file('name: tea\ndescription: ""'), 'must say what the skill does'],
    ['another name than its folder', file('name: coffee\ndescription: x'), 'its folder "tea"'],
    ['a name that is a path', file('name: ../tea\ndescription: x'), 'lower-case letters'],
  ])('says what is wrong: %s', (_name, text, problem) => {
    expect(parseSkillFile(text, 'tea')).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('A30, E72: takes another body without touching the front matter, whatever the body holds', () => {
    fc.assert(
      fc.property(fc.string(), (body) => {
        const text = withBody(valid, body);
        expect(text.startsWith('---\nname: tea\ndescription: Makes tea.\n---\n')).toBe(true);
        expect(parseSkillFile(text, 'tea')).toEqual({
          skill: { name: 'tea', description: 'Makes tea.', body },
        });
      }),
    );
  });

  it('E72: a name is never a path', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        if (isSkillName(name)) expect(name).toMatch(/^[a-z0-9-]+$/);
      }),
    );
    for (const name of ['..', 'a/b', 'a\\b', '', 'A', '-a', 'a--b', 'a'.repeat(65)])
      expect(isSkillName(name)).toBe(false);
  });
});

describe('the catalog', () => {
  const folder = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'parley-skills-'));
    onTestFinished(() => rmSync(path, { recursive: true, force: true }));
    return path;
  };
  const write = (root: string, name: string, text: string): void => {
    mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, name, 'SKILL.md'), text);
  };

  it('comes with five skills that can be read, with no warning', () => {
    const warnings: string[] = [];
    const log = { ...silent, warn: (_fields: object, text: string) => void warnings.push(text) };
    const catalog = readCatalog([join(import.meta.dirname, '../../../../config/skills')], log);
    expect([...catalog.keys()]).toEqual([
      'code-review',
      'incident-report',
      'meeting-minutes',
      'release-notes',
      'weekly-update',
    ]);
    expect(warnings).toEqual([]);
    expect(catalog.get('incident-report')?.read('template.md')).toContain('# TITLE');
  });

  it('A22: reads files beside a skill by their listed name only', () => {
    const root = folder();
    write(root, 'tea', valid);
    writeFileSync(join(root, 'secret'), 'secret');
    symlinkSync(join(root, 'secret'), join(root, 'tea', 'link'));
    const skill = readCatalog([root], silent).get('tea');
    for (const name of ['../secret', 'link', '/etc/passwd', 'SKILL.md', ''])
      expect(skill?.read(name)).toBeUndefined();
  });

  it('lets a later folder replace a skill, and leaves out what cannot be read', () => {
    const [first, second] = [folder(), folder()];
    write(first, 'tea', valid);
    write(first, 'broken', 'nothing');
    write(second, 'tea', file('name: tea\ndescription: Another tea.'));
    const catalog = readCatalog([first, second, join(first, 'not-there')], silent);
    expect([...catalog.keys()]).toEqual(['tea']);
    expect(catalog.get('tea')?.description).toBe('Another tea.');
  });

  it('keeps what was read before where a file cannot be read any more, and drops what is gone', () => {
    const root = folder();
    for (const name of ['tea', 'coffee']) write(root, name, file(`name: ${name}\ndescription: First.`));
    const before = readCatalog([root], silent);
    write(root, 'tea', 'nothing');
    rmSync(join(root, 'coffee'), { recursive: true });
    const warnings: string[] = [];
    const log = { warn: (_fields: object, text: string) => void warnings.push(text) };
    const after = readCatalog([root], log, before);
    expect([...after.keys()]).toEqual(['tea']);
    expect(after.get('tea')?.description).toBe('First.');
    expect(warnings).toEqual([expect.stringMatching(/^a skill stays as it was: .*front matter/)]);
  });

  it('shows a person their own copy above the built-in one, and what they switched off', async () => {
    const root = folder();
    write(root, 'tea', valid);
    write(root, 'coffee', file('name: coffee\ndescription: Makes coffee.'));
    const own: OwnSkill[] = [
      { owner: 'web:a', name: 'coffee', text: null, enabled: false, editedAt: null },
      { owner: 'web:a', name: 'tea', text: withBody(valid, 'Mine.'), enabled: true, editedAt: 5 },
      { owner: 'web:a', name: 'gone', text: null, enabled: true, editedAt: null },
    ];
    const found = await skillsFor(readCatalog([root], silent), { ofOwner: async () => own }, 'web:a');
    expect(found.map(({ name, body, origin, enabled }) => [name, body, origin, enabled])).toEqual([
      ['coffee', 'Do it.\n', 'built-in', false],
      ['tea', 'Mine.', 'own', true],
    ]);
  });
});
