/** What role `reflection` answers, read. Pure. */
import { z } from 'zod';
import { parseJsonAnswer } from '../model/json.ts';

const memoryProposal = z.object({
  op: z.enum(['add', 'update', 'remove', 'merge']),
  name: z.string(),
  description: z.string().nullish(),
  type: z.string().nullish(),
  body: z.string().nullish(),
  mergeTarget: z.string().nullish(),
});
export type MemoryProposal = z.infer<typeof memoryProposal>;

const skillProposal = z.object({ name: z.string(), body: z.string() });

const proposal = z.object({
  reasoning: z.string().nullish().catch(null),
  abstain: z.boolean().nullish(),
  // Each is looked at alone: one that makes no sense does not take the others with it.
  memory: z.unknown().optional(),
  skill: z.unknown().optional(),
  lesson: z
    .object({ summary: z.string().trim().min(1), reusableLesson: z.string().trim().min(1) })
    .nullish()
    .catch(null),
  lessons: z
    .array(z.object({ name: z.string(), effect: z.string() }))
    .nullish()
    .catch(null),
});

/** Something was proposed, and nobody can say what. */
export type Malformed = { readonly malformed: true };

export type Proposal = {
  readonly reasoning: string | null;
  readonly abstain: boolean;
  readonly memory: readonly (MemoryProposal | Malformed)[];
  readonly skill: z.infer<typeof skillProposal> | Malformed | null;
  readonly lesson: { readonly summary: string; readonly reusableLesson: string } | null;
  readonly lessons: readonly { readonly name: string; readonly effect: string }[];
};

/** Null: not what was asked for. */
export function parseProposal(text: string): Proposal | null {
  let value: unknown;
  try {
    value = parseJsonAnswer(text);
  } catch {
    return null;
  }
  const parsed = proposal.safeParse(value);
  if (!parsed.success) return null;
  const { reasoning, abstain, memory, skill, lesson, lessons } = parsed.data;
  return {
    reasoning: reasoning ?? null,
    abstain: abstain === true,
    memory: (Array.isArray(memory) ? memory : memory == null ? [] : [memory]).map((one) =>
      orMalformed(memoryProposal, one),
    ),
    skill: skill == null ? null : orMalformed(skillProposal, skill),
    lesson: lesson ?? null,
    lessons: lessons ?? [],
  };
}

function orMalformed<T>(schema: z.ZodType<T>, value: unknown): T | Malformed {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : { malformed: true };
}
