/** Skills: the files as they are written, the catalog, and what one person sees of it. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { everySkillOf, readCatalog, skillsFor } from '../../../../src/agent/skills/catalog.ts';
import { parseSkillFile, withBody } from '../../../../src/agent/skills/skill-file.ts';
import { isSkillName, type OwnSkill } from '../../../../src/domain/skill.ts';
import { silent } from '../../../contract/store/support.ts';

const file = (head: string, body = 'Do it.\n') => `---\n${head}\n---\n${body}`;
const valid = file('name: tea\ndescription: Makes tea.');

describe('SKILL.md', () => {
  it('has a description of one line, however it is written', () => {
    const parsed = parseSkillFile(file('name: tea\ndescription: |\n  Makes\n    tea.\n\n  Twice.'), 'tea');
    expect(parsed).toMatchObject({ skill: { description: 'Makes tea. Twice.' } });
  });

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

  const copy = (place: string, body: string, editedAt: number | null = null) => ({
    place,
    text: withBody(valid, body),
    editedAt,
  });
  const skilled = (own: readonly Omit<OwnSkill, 'owner'>[]) => {
    const root = folder();
    for (const name of ['tea', 'coffee'])
      write(root, name, file(`name: ${name}\ndescription: Makes ${name}.`));
    const store = { ofOwner: async (owner: string) => own.map((one) => ({ owner, ...one })) };
    return { catalog: readCatalog([root], silent), store };
  };
  const seen = async (own: readonly Omit<OwnSkill, 'owner'>[], conversation: string, direct = false) => {
    const { catalog, store } = skilled(own);
    return skillsFor(catalog, store, { user: 'web:a', conversation, direct });
  };

  it('shows a person their own copy above the built-in one, and what they switched off', async () => {
    const own = [
      { name: 'coffee', enabled: false, copies: [] },
      { name: 'tea', enabled: true, copies: [copy('private', 'Mine.', 5)] },
      { name: 'gone', enabled: true, copies: [] },
    ];
    const found = await seen(own, 'home', true);
    expect(found.map(({ name, body, origin, enabled }) => [name, body, origin, enabled])).toEqual([
      ['coffee', 'Do it.\n', 'built-in', false],
      ['tea', 'Mine.', 'own', true],
    ]);
  });

  it('A35: a private copy is used in private alone, one of a shared conversation there and in private', async () => {
    const gone = { place: 'private', text: null, editedAt: 9 };
    const [inX, inY, atHome] = [copy('x', 'X.', 5), copy('y', 'Y.', 7), copy('private', 'Home.', 3)];
    const tea = async (copies: OwnSkill['copies'], conversation: string, direct = false) =>
      (await seen([{ name: 'tea', enabled: true, copies }], conversation, direct))[1];
    const all = [inX, inY, atHome];
    // `here` is what an edit replaces, and any edit, wherever it was made, holds up the next one.
    expect(await tea(all, 'home', true)).toMatchObject({ body: 'Home.', editedAt: 7, here: { editedAt: 3 } });
    expect(await tea(all, 'x')).toMatchObject({ body: 'X.', place: 'x', here: { text: inX.text } });
    expect(await tea(all, 'y')).toMatchObject({ body: 'Y.', place: 'y' });
    const elsewhere = { body: 'Do it.\n', place: null, here: { text: null, editedAt: null }, editedAt: 7 };
    expect(await tea(all, 'z')).toMatchObject(elsewhere);
    // Of several that were learned in shared conversations the latest counts.
    expect(await tea([inX, inY, gone], 'home', true)).toMatchObject({
      body: 'Y.',
      place: 'y',
      editedAt: 9,
      here: { text: null, editedAt: 9 },
    });
  });

  it('gives the same list until something of it has changed, and one list to all who have changed nothing', async () => {
    let own: readonly Omit<OwnSkill, 'owner'>[] = [];
    const { catalog } = skilled([]);
    const store = {
      ofOwner: async (owner: string) => structuredClone(own.map((one) => ({ owner, ...one }))),
    };
    const seenBy = (user: string, conversation = 'x') =>
      skillsFor(catalog, store, { user, conversation, direct: false });
    const untouched = await seenBy('web:a');
    expect(await seenBy('web:b', 'y')).toBe(untouched);

    own = [{ name: 'tea', enabled: true, copies: [copy('x', 'X.', 5)] }];
    const changed = await seenBy('web:a');
    expect(changed[1]?.body).toBe('X.');
    expect(await seenBy('web:a')).toBe(changed);
    expect((await seenBy('web:a', 'y'))[1]?.body).toBe('Do it.\n');
    expect((await seenBy('web:b'))[1]?.body).toBe('X.');

    own = [{ name: 'tea', enabled: false, copies: [copy('x', 'X.', 5)] }];
    expect((await seenBy('web:a'))[1]?.enabled).toBe(false);
    own = [{ name: 'tea', enabled: true, copies: [copy('x', 'X.', 6)] }];
    expect((await seenBy('web:a'))[1]).toMatchObject({ enabled: true, editedAt: 6 });
    own = [];
    expect(await seenBy('web:a')).toBe(untouched);
  });

  it('lists every copy of a person with its place', async () => {
    const copies = [copy('x', 'X.', 5), { place: 'y', text: null, editedAt: 9 }, copy('private', 'Home.')];
    const { catalog, store } = skilled([{ name: 'tea', enabled: false, copies }]);
    const found = await everySkillOf(catalog, store, 'web:a');
    expect(found.map(({ name, place, body, enabled }) => [name, place, body, enabled])).toEqual([
      ['coffee', null, 'Do it.\n', true],
      ['tea', 'private', 'Home.', false],
      ['tea', 'x', 'X.', false],
    ]);
  });
});
