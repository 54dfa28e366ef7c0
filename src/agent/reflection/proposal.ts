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

const proposal = z.object({
  reasoning: z.string().nullish().catch(null),
  abstain: z.boolean().nullish(),
  // Each is looked at alone: one that makes no sense does not take the others with it.
  memory: z.array(z.unknown()).nullish(),
  skill: z.object({ name: z.string(), body: z.string() }).nullish(),
  lesson: z
    .object({ summary: z.string().trim().min(1), reusableLesson: z.string().trim().min(1) })
    .nullish()
    .catch(null),
  lessons: z
    .array(z.object({ name: z.string(), effect: z.string() }))
    .nullish()
    .catch(null),
});

export type Proposal = {
  readonly reasoning: string | null;
  readonly abstain: boolean;
  readonly memory: readonly (MemoryProposal | { readonly malformed: true })[];
  readonly skill: { readonly name: string; readonly body: string } | null;
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
    memory: (memory ?? []).map((one) => {
      const item = memoryProposal.safeParse(one);
      return item.success ? item.data : { malformed: true };
    }),
    skill: skill ?? null,
    lesson: lesson ?? null,
    lessons: lessons ?? [],
  };
}
