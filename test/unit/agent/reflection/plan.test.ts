/** From proposals to changes: what is taken, what is rejected and why, and that it can be taken back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlanInput, planReflection } from '../../../../src/agent/reflection/plan.ts';
import {
  type MemoryProposal,
  type Proposal,
  parseProposal,
} from '../../../../src/agent/reflection/proposal.ts';
import type { Memory } from '../../../../src/domain/memory.ts';
import { LESSON_TYPE } from '../../../../src/domain/reflection.ts';

const viewer = { user: 'web:ana', conversation: 'c', workspace: '/w', direct: true };
const entry = (name: string, more: Partial<Memory> = {}): Memory => ({
  id: `id-${name}`,
  name,
  description: name,
  type: 'fact',
  body: `body of ${name}`,
  scope: 'user',
  owner: 'web:ana',
  place: null,
  importance: 0.5,
  source: { turnId: 't', seq: 1 },
  author: 'web:ana',
  createdAt: 1,
  updatedAt: 1,
  ...more,
});
const nothing: Proposal = {
  reasoning: null,
  abstain: false,
  memory: [],
  skill: null,
  lesson: null,
  lessons: [],
};
const NO_COPY = { text: null, editedAt: null };
const skillText = '---\nname: tea\ndescription: x\n---\nOld.';
let ids = 0;
const plan = (proposal: Partial<Proposal>, more: Partial<PlanInput> = {}) => {
  const entries = more.entries ?? [entry('one'), entry('two')];
  return planReflection({
    proposal: { ...nothing, ...proposal },
    viewer,
    entries,
    takenNames: new Set(entries.map((one) => one.name)),
    lessons: [],
    counts: new Map(),
    skills: new Map([['tea', { text: skillText, here: NO_COPY, editedAt: null }]]),
    maxBodyBytes: 8192,
    cooldownMs: 1_000,
    source: { turnId: 'now', seq: 9 },
    redact: (text) => text.replaceAll('gateway-secret', '[redacted]'),
    newId: () => `new-${++ids}`,
    now: 10_000,
    ...more,
  });
};
const op = (of: MemoryProposal['op'], name: string, more: Partial<MemoryProposal> = {}): MemoryProposal => ({
  op: of,
  name,
  body: 'text',
  ...more,
});

describe('planReflection', () => {
  it('adds, updates, removes and merges, each with what was there before', () => {
    const { changes, memoryChanges, rejected } = plan({
      memory: [
        op('add', 'three', { type: 'preference', description: 'the third' }),
        op('update', 'one', { body: 'new text' }),
        op('remove', 'two'),
      ],
    });
    expect({ memoryChanges, rejected }).toEqual({ memoryChanges: 3, rejected: {} });
    expect(changes).toEqual([
      { kind: 'memory', before: entry('two'), after: null },
      {
        kind: 'memory',
        before: entry('one'),
        after: {
          ...entry('one'),
          body: 'new text',
          description: 'new text',
          source: { turnId: 'now', seq: 9 },
          updatedAt: 10_000,
        },
      },
      {
        kind: 'memory',
        before: null,
        after: expect.objectContaining({
          name: 'three',
          type: 'preference',
          description: 'the third',
          owner: 'web:ana',
          author: 'web:ana',
        }),
      },
    ]);
    const merged = plan({ memory: [op('merge', 'one', { mergeTarget: 'two', body: 'both' })] }).changes;
    expect(
      merged.map((change) => change.kind === 'memory' && [change.before?.name, change.after?.body ?? null]),
    ).toEqual([
      ['one', null],
      ['two', 'both'],
    ]);
  });

  it('A34: what is learned in a shared conversation stays with the person in that conversation', () => {
    const { changes } = plan({ memory: [op('add', 'new')] }, { viewer: { ...viewer, direct: false } });
    expect(changes[0]).toMatchObject({ after: { scope: 'user', owner: 'web:ana', place: 'c' } });
  });

  it.each<[string, MemoryProposal]>([
    ['bad_name', op('add', 'a/b')],
    ['bad_name', op('add', '..')],
    ['bad_name', op('add', '')],
    ['name_taken', op('add', 'one')],
    ['empty_body', op('add', 'new', { body: null })],
    ['empty_body', op('update', 'one', { body: ' \n' })],
    ['body_too_large', op('add', 'new', { body: 'ü'.repeat(4_097) })],
    ['secret_found', op('add', 'new', { body: 'it is gateway-secret' })],
    ['secret_found', op('add', 'new', { description: 'api_key: abcdef123456' })],
    ['unknown_name', op('update', 'nine')],
    ['unknown_name', op('remove', 'nine')],
    ['unknown_name', op('merge', 'one', { mergeTarget: 'nine' })],
    ['unknown_name', op('merge', 'one', { mergeTarget: 'one' })],
    ['unknown_name', op('merge', 'one')],
  ])('rejects with %s, and changes nothing', (code, proposal) => {
    expect(plan({ memory: [proposal] })).toMatchObject({
      changes: [],
      memoryChanges: 0,
      rejected: { [code]: 1 },
    });
  });

  it('E65: takes bodies of exactly the limit', () => {
    const body = 'ü'.repeat(4_096);
    expect(plan({ memory: [op('add', 'new', { body })] })).toMatchObject({ memoryChanges: 1, rejected: {} });
    expect(plan({ skill: { name: 'tea', body } })).toMatchObject({ skillEdited: true });
    expect(plan({ skill: { name: 'tea', body: `${body}a` } })).toMatchObject({
      rejected: { body_too_large: 1 },
    });
  });

  it('leaves alone what a person wrote by hand', () => {
    const entries = [entry('one', { source: null }), entry('two')];
    for (const proposal of [
      op('update', 'one'),
      op('remove', 'one'),
      op('merge', 'two', { mergeTarget: 'one' }),
    ])
      expect(plan({ memory: [proposal] }, { entries })).toMatchObject({
        changes: [],
        rejected: { pinned: 1 },
      });
  });

  it('sees a name as taken although its entry is not shown', () => {
    const takenNames = new Set(['hidden']);
    expect(plan({ memory: [op('add', 'hidden')] }, { takenNames }).rejected).toEqual({ name_taken: 1 });
  });

  it('lets a later proposal build on an earlier one: one change an entry, from first to last', () => {
    const { changes } = plan({
      memory: [
        op('update', 'one', { body: 'a' }),
        op('update', 'one', { body: 'b' }),
        op('add', 'x'),
        op('remove', 'x'),
      ],
    });
    expect(changes).toMatchObject([{ before: entry('one'), after: { body: 'b' } }]);
  });

  it.each([
    ['bad_name', { name: '../tea', body: 'x' }, null],
    ['unknown_name', { name: 'coffee', body: 'x' }, null],
    ['cooldown', { name: 'tea', body: 'x' }, 9_001],
    ['unchanged', { name: 'tea', body: 'Old.' }, null],
    ['empty_body', { name: 'tea', body: '' }, null],
    ['secret_found', { name: 'tea', body: 'password: abcdefgh' }, null],
  ])('E66: rejects a skill edit with %s, and keeps the memory changes', (code, skill, editedAt) => {
    // A copy of another place counts as much as one of this.
    const skills = new Map([['tea', { text: skillText, here: NO_COPY, editedAt }]]);
    const planned = plan({ skill, memory: [op('add', 'new')] }, { skills });
    expect(planned).toMatchObject({ skillEdited: false, memoryChanges: 1, rejected: { [code]: 1 } });
  });

  it('E66: edits a skill again once the cooldown is over, keeping its front matter', () => {
    const here = { text: skillText, editedAt: 9_000 };
    const planned = plan(
      { skill: { name: 'tea', body: 'New.' } },
      { skills: new Map([['tea', { text: skillText, here, editedAt: 9_000 }]]) },
    );
    expect(planned.changes).toEqual([
      {
        kind: 'skill',
        name: 'tea',
        place: 'private',
        before: here,
        after: { text: '---\nname: tea\ndescription: x\n---\nNew.', editedAt: 10_000 },
      },
    ]);
  });

  it('A35: an edit after work in a shared conversation is for that conversation', () => {
    const skill = { name: 'tea', body: 'New.' };
    const { changes } = plan({ skill }, { viewer: { ...viewer, direct: false } });
    expect(changes).toMatchObject([{ kind: 'skill', place: 'c', before: NO_COPY }]);
  });

  it('keeps a lesson once, under a name of its own', () => {
    const lesson = { summary: 'One', reusableLesson: 'Check twice.' };
    const learned = plan({ lesson });
    expect(learned).toMatchObject({
      memoryChanges: 0,
      changes: [{ before: null, after: { name: 'one-2', type: LESSON_TYPE, body: 'Check twice.' } }],
    });
    const entries = [entry('known', { body: 'Check twice.', type: LESSON_TYPE })];
    expect(plan({ lesson }, { entries }).changes).toEqual([]);
    expect(plan({ lesson }, { entries }).rejected).toEqual({});
  });

  it('E65 P10: a lesson is held to what other bodies are, and is not recorded when it is rejected', () => {
    const lesson = { summary: 'One', reusableLesson: 'Check twice.' };
    const rejected = (more: Partial<typeof lesson>, code: string) =>
      expect(plan({ lesson: { ...lesson, ...more } })).toMatchObject({
        changes: [],
        lesson: null,
        rejected: { [code]: 1 },
      });
    rejected({ reusableLesson: 'token: abcdef123456' }, 'secret_found');
    rejected({ summary: 'the gateway-secret' }, 'secret_found');
    rejected({ reusableLesson: 'x'.repeat(8193) }, 'body_too_large');
    expect(plan({ lesson }).lesson).toEqual(lesson);
  });

  it('E65 P13: takes twenty changes of one turn, and a type that is one word', () => {
    const memory = Array.from({ length: 25 }, (_, i) => op('add', `n-${i}`));
    expect(plan({ memory })).toMatchObject({ memoryChanges: 20, rejected: { too_many: 5 } });
    const typed = (type: string) => plan({ memory: [op('add', 'n', { type })] });
    expect(typed(`Work </untrusted> ${'x'.repeat(99)}`).changes).toMatchObject([{ after: { type: 'work' } }]);
    expect(typed('password: hunter22').rejected).toEqual({ secret_found: 1 });
    expect(plan({ skill: { malformed: true }, memory: [op('add', 'n')] })).toMatchObject({
      memoryChanges: 1,
      rejected: { malformed: 1 },
    });
  });

  it('counts what lessons did, and drops one that hurt twice and more often than it helped', () => {
    const lesson = entry('lesson', { type: LESSON_TYPE });
    const judged = (effect: string, helpful: number, harmful: number) =>
      plan(
        {
          lessons: [
            { name: 'lesson', effect },
            { name: 'stranger', effect: 'harmful' },
          ],
        },
        { entries: [lesson], lessons: [lesson], counts: new Map([[lesson.id, { helpful, harmful }]]) },
      );
    expect(judged('helpful', 0, 0)).toMatchObject({
      marks: [{ memoryId: lesson.id, effect: 'helpful' }],
      changes: [],
    });
    expect(judged('harmful', 0, 0)).toMatchObject({ marks: [{ effect: 'harmful' }], changes: [] });
    expect(judged('harmful', 2, 1).changes).toEqual([]);
    expect(judged('harmful', 1, 1).changes).toEqual([{ kind: 'memory', before: lesson, after: null }]);
    // Brought back by a person after it hurt: it takes another time.
    for (const effect of ['made tea', 'helpful']) expect(judged(effect, 0, 2).changes).toEqual([]);
    expect(judged('made tea', 0, 0)).toMatchObject({ marks: [], changes: [] });
  });

  it('A34: what was told in a shared conversation gets no text from a private one, but may go', () => {
    const entries = [entry('one', { place: 'room' }), entry('two')];
    const { rejected, changes } = plan(
      {
        memory: [
          op('update', 'one'),
          op('merge', 'two', { mergeTarget: 'one' }),
          op('merge', 'one', { mergeTarget: 'two' }),
        ],
      },
      { entries },
    );
    expect(rejected).toEqual({ elsewhere: 2 });
    expect(changes).toEqual([
      { kind: 'memory', before: entries[0], after: null },
      { kind: 'memory', before: entries[1], after: expect.objectContaining({ body: 'text', place: null }) },
    ]);
  });

  it('E69: holds for whatever is proposed: names stay one of a kind, nothing foreign is touched', () => {
    const name = fc.constantFrom('one', 'two', 'three', 'bad/name', 'hidden');
    const proposal = fc.record({
      op: fc.constantFrom('add', 'update', 'remove', 'merge'),
      name,
      mergeTarget: name,
      body: fc.constantFrom('a', 'b', ''),
    }) satisfies fc.Arbitrary<MemoryProposal>;
    fc.assert(
      fc.property(fc.array(proposal), (memory) => {
        const entries = [entry('one'), entry('two')];
        const { changes } = plan({ memory }, { entries, takenNames: new Set(['one', 'two', 'hidden']) });
        const after = new Map(entries.map((one) => [one.id, one]));
        for (const change of changes) {
          if (change.kind !== 'memory') continue;
          const id = (change.before ?? change.after)?.id ?? '';
          expect(after.get(id) ?? null).toEqual(change.before);
          if (change.after === null) after.delete(id);
          else after.set(id, change.after);
        }
        const names = ['hidden', ...[...after.values()].map((one) => one.name)];
        expect(new Set(names).size).toBe(names.length);
        for (const one of after.values()) expect(one.owner).toBe('web:ana');
      }),
    );
  });
});

describe('parseProposal', () => {
  it('reads what can be read, and says where something makes no sense', () => {
    expect(parseProposal('```json\n{"memory":[{"op":"add","name":"a","body":"b"},7]}\n```')).toMatchObject({
      abstain: false,
      memory: [{ op: 'add', name: 'a', body: 'b' }, { malformed: true }],
    });
    expect(parseProposal('{"abstain":true,"reasoning":7}')).toMatchObject({ abstain: true, reasoning: null });
    expect(parseProposal('{"skill":{"name":7},"memory":"x"}')).toMatchObject({
      skill: { malformed: true },
      memory: [{ malformed: true }],
    });
    for (const text of ['', 'no', '[]', '{"abstain":7}']) expect(parseProposal(text)).toBeNull();
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseProposal(text)));
  });
});
