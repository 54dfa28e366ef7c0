/**
 * From what was proposed to what changes: each proposal on its own, accepted or rejected with a code. Pure; the result
 * holds everything touched before and after, so that it can be taken back exactly.
 */
import { homeFor, type Memory, toMemoryName, toMemoryType, type Viewer } from '../../domain/memory.ts';
import {
  LESSON_TYPE,
  type Lesson,
  type LessonCount,
  type LessonMark,
  type ReflectedChange,
} from '../../domain/reflection.ts';
import { isSkillName, placeOf, type SkillState } from '../../domain/skill.ts';
import { firstLine } from '../memory/keep.ts';
import { secretIn } from '../memory/secrets.ts';
import { withBody } from '../skills/skill-file.ts';
import type { MemoryProposal, Proposal } from './proposal.ts';

/** Why a proposal was not taken; counted in the metrics of a reflection. */
export type RejectionCode =
  | 'bad_name'
  | 'body_too_large'
  | 'cooldown'
  | 'elsewhere'
  | 'empty_body'
  | 'malformed'
  | 'name_taken'
  | 'pinned'
  | 'secret_found'
  | 'too_many'
  | 'unchanged'
  | 'unknown_name';

export type EditableSkill = {
  readonly text: string;
  /** The copy of the viewer's place. */
  readonly here: SkillState;
  /** When a copy of any place was edited last. */
  readonly editedAt: number | null;
};

export type PlanInput = {
  readonly proposal: Proposal;
  readonly viewer: Viewer;
  /** What the model was shown, and may change. */
  readonly entries: readonly Memory[];
  /** Names of all entries of the person, wherever they were told: each is there once. */
  readonly takenNames: ReadonlySet<string>;
  readonly lessons: readonly Memory[];
  readonly counts: ReadonlyMap<string, LessonCount>;
  readonly skills: ReadonlyMap<string, EditableSkill>;
  readonly maxBodyBytes: number;
  readonly cooldownMs: number;
  readonly source: NonNullable<Memory['source']>;
  readonly redact: (text: string) => string;
  readonly newId: () => string;
  readonly now: number;
};

export type ReflectionPlan = {
  readonly changes: readonly ReflectedChange[];
  readonly memoryChanges: number;
  readonly skillEdited: boolean;
  readonly rejected: Readonly<Record<string, number>>;
  readonly marks: readonly LessonMark[];
  /** As proposed, unless it was rejected. */
  readonly lesson: Lesson | null;
};

/** Of one turn: whoever proposes more has not understood what is asked. */
const MAX_MEMORY_CHANGES = 20;

/** A lesson that hurts, not for the first time and more often than it helped, is forgotten. */
const HARM_ENOUGH = 2;
/** Of memory names: words and hyphens of any script, nothing that a path is made of. */
const MEMORY_NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_-]{0,59}$/u;

/** The entries as they come to be, by id. */
type Draft = {
  readonly byId: Map<string, Memory | null>;
  readonly names: Set<string>;
};

export function planReflection(input: PlanInput): ReflectionPlan {
  const rejected: Record<string, number> = {};
  const reject = (code: RejectionCode | null): boolean => {
    if (code !== null) rejected[code] = (rejected[code] ?? 0) + 1;
    return code === null;
  };
  const draft: Draft = {
    byId: new Map(input.entries.map((entry) => [entry.id, entry])),
    names: new Set(input.takenNames),
  };
  let memoryChanges = 0;
  for (const one of input.proposal.memory) {
    const code =
      memoryChanges >= MAX_MEMORY_CHANGES
        ? 'too_many'
        : 'malformed' in one
          ? 'malformed'
          : applyMemory(input, draft, one);
    if (reject(code)) memoryChanges += 1;
  }
  const { lesson } = input.proposal;
  const isLearned = lesson !== null && reject(learn(input, draft, lesson));
  const marks = marksOf(input);
  retire(input, draft, marks);
  const skill = input.proposal.skill === null ? null : planSkill(input, input.proposal.skill);
  if (skill !== null && 'code' in skill) reject(skill.code);
  const edited = skill !== null && 'change' in skill ? [skill.change] : [];
  return {
    changes: [...memoryDifferences(input.entries, draft), ...edited],
    memoryChanges,
    skillEdited: edited.length > 0,
    rejected,
    marks,
    lesson: isLearned ? lesson : null,
  };
}

const find = ({ byId }: Draft, name: string | null | undefined): Memory | undefined =>
  [...byId.values()].find((entry) => entry?.name === name) ?? undefined;

/** @returns why not; null when it is done. */
function applyMemory(input: PlanInput, draft: Draft, one: MemoryProposal): RejectionCode | null {
  if (!MEMORY_NAME.test(one.name)) return 'bad_name';
  if (one.op === 'add') {
    if (draft.names.has(one.name)) return 'name_taken';
    const code = bodyProblem(input, one.body, one.description, one.type);
    if (code !== null) return code;
    put(draft, newEntry(input, one.name, one.body ?? '', one));
    return null;
  }
  const entry = find(draft, one.name);
  if (entry === undefined) return 'unknown_name';
  if (isPinned(entry)) return 'pinned';
  if (one.op === 'remove') {
    take(draft, entry);
    return null;
  }
  const target = one.op === 'update' ? entry : find(draft, one.mergeTarget);
  if (target === undefined || (one.op === 'merge' && target === entry)) return 'unknown_name';
  if (isPinned(target)) return 'pinned';
  // Told elsewhere, it comes back there: the new text, from here, must not.
  if (target.place !== homeFor(input.viewer, 'user').place) return 'elsewhere';
  const code = bodyProblem(input, one.body, one.description, one.type);
  if (code !== null) return code;
  const body = one.body ?? '';
  draft.byId.set(target.id, {
    ...target,
    body,
    description: firstLine(one.description ?? body),
    type: one.type == null ? target.type : toMemoryType(one.type),
    source: input.source,
    updatedAt: input.now,
  });
  if (one.op === 'merge') take(draft, entry);
  return null;
}

/** What a person or an operator wrote by hand says what it says. */
const isPinned = (entry: Memory): boolean => entry.source === null;

function bodyProblem(
  { maxBodyBytes, redact }: PlanInput,
  body: string | null | undefined,
  ...more: readonly (string | null | undefined)[]
): RejectionCode | null {
  if (body == null || body.trim() === '') return 'empty_body';
  if (Buffer.byteLength(body) > maxBodyBytes) return 'body_too_large';
  const text = [...more, body].join('\n');
  return redact(text) !== text || secretIn(text) !== null ? 'secret_found' : null;
}

function newEntry(
  { viewer, source, newId, now }: PlanInput,
  name: string,
  body: string,
  more: { readonly description?: string | null | undefined; readonly type?: string | null | undefined },
): Memory {
  return {
    id: newId(),
    name,
    description: firstLine(more.description ?? body),
    type: toMemoryType(more.type),
    body,
    ...homeFor(viewer, 'user'),
    importance: 0.5,
    source,
    author: viewer.user,
    createdAt: now,
    updatedAt: now,
  };
}

function put(draft: Draft, entry: Memory): void {
  draft.byId.set(entry.id, entry);
  draft.names.add(entry.name);
}

function take(draft: Draft, entry: Memory): void {
  draft.byId.set(entry.id, null);
  draft.names.delete(entry.name);
}

/** A lesson is an entry like others: it comes back when a message calls it to mind. */
function learn(input: PlanInput, draft: Draft, lesson: Lesson): RejectionCode | null {
  const code = bodyProblem(input, lesson.reusableLesson, lesson.summary);
  if (code !== null) return code;
  if ([...draft.byId.values()].some((entry) => entry?.body === lesson.reusableLesson)) return null;
  const name = freeName(draft, toMemoryName(lesson.summary));
  if (name === undefined) return 'name_taken';
  const more = { description: lesson.summary, type: LESSON_TYPE };
  put(draft, newEntry(input, name, lesson.reusableLesson, more));
  return null;
}

function freeName({ names }: Draft, wanted: string): string | undefined {
  const tries = [wanted, ...Array.from({ length: 20 }, (_, i) => `${wanted}-${i + 2}`)];
  return tries.find((name) => !names.has(name));
}

function marksOf({ proposal, lessons }: PlanInput): LessonMark[] {
  return lessons.flatMap((lesson) => {
    const effect = proposal.lessons.find((one) => one.name === lesson.name)?.effect;
    return effect === 'helpful' || effect === 'harmful' ? [{ memoryId: lesson.id, effect }] : [];
  });
}

function retire({ lessons, counts }: PlanInput, draft: Draft, marks: readonly LessonMark[]): void {
  for (const lesson of lessons) {
    const before = counts.get(lesson.id) ?? { helpful: 0, harmful: 0 };
    const mark = marks.find((one) => one.memoryId === lesson.id)?.effect;
    const harmful = before.harmful + 1;
    const current = draft.byId.get(lesson.id);
    // One that a person brought back stays until it hurts again.
    if (mark !== 'harmful' || harmful < HARM_ENOUGH || harmful <= before.helpful || current == null) continue;
    take(draft, current);
  }
}

function planSkill(
  input: PlanInput,
  proposed: NonNullable<Proposal['skill']>,
): { readonly code: RejectionCode } | { readonly change: ReflectedChange } {
  if ('malformed' in proposed) return { code: 'malformed' };
  const { name, body } = proposed;
  if (!isSkillName(name)) return { code: 'bad_name' };
  const skill = input.skills.get(name);
  if (skill === undefined) return { code: 'unknown_name' };
  const code = bodyProblem(input, body);
  if (code !== null) return { code };
  const { here, editedAt } = skill;
  if (editedAt !== null && input.now - editedAt < input.cooldownMs) return { code: 'cooldown' };
  const text = withBody(skill.text, body);
  if (text === skill.text) return { code: 'unchanged' };
  const after = { text, editedAt: input.now };
  return { change: { kind: 'skill', name, place: placeOf(input.viewer), before: here, after } };
}

/** Removals first: a name that one entry gives up is free for another. */
function memoryDifferences(entries: readonly Memory[], { byId }: Draft): ReflectedChange[] {
  const before = new Map(entries.map((entry) => [entry.id, entry]));
  return [...byId]
    .map(([id, after]) => ({ kind: 'memory', before: before.get(id) ?? null, after }) as const)
    .filter((change) => change.before !== change.after)
    .sort((a, b) => Number(a.after !== null) - Number(b.after !== null));
}
