/** Remembers something at once, because the person said so. Like all that changes something it asks first. */
import { z } from 'zod';
import { memoryScopes } from '../../../domain/memory.ts';
import { secretIn } from '../../memory/secrets.ts';
import { defineTool } from '../tool.ts';

const MAX_CHARACTERS = 2_000;

const input = z.strictObject({
  text: z
    .string()
    .trim()
    .min(3)
    .max(MAX_CHARACTERS)
    .describe(
      'What to remember: one or two sentences that stand for themselves and name whom they are about.',
    ),
  scope: z
    .enum(memoryScopes)
    .default('user')
    .describe(
      'For whom: "user", the person who asks; "conversation", the people here; "workspace", the whole team. In a private conversation it is always kept for the person alone.',
    ),
  type: z
    .string()
    .regex(/^[\w-]{1,40}$/)
    .default('fact')
    .describe('One word: preference, fact, decision, person …'),
  importance: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('From 0, trivial, to 1, must never be forgotten.'),
});

const forWhom = {
  user: 'for the person who asks',
  conversation: 'for everybody in this conversation',
  workspace: 'for everybody in this workspace',
};

export const remember = defineTool({
  name: 'remember',
  description:
    'Keeps something for later conversations. Use it when the person asks you to remember; what matters otherwise is noticed without it. Never for passwords, keys or tokens.',
  input,
  // The same text again brings the entry up to date.
  effect: 'idempotent',
  risks: ['low', 'medium'],
  timeoutMs: 10_000,
  assess: async ({ text, scope }) => {
    const secret = secretIn(text);
    return {
      decision: secret === null ? 'ask' : 'deny',
      risk: scope === 'user' ? 'low' : 'medium',
      reasons: [secret === null ? `will be recalled later ${forWhom[scope]}` : `it holds ${secret}`],
      alwaysKey: null,
      display: {
        question: 'Remember this?',
        text: `${text}\n\nKept ${forWhom[scope]}.`,
        language: 'text',
        title: 'Remembered something',
      },
    };
  },
  run: async (entry, { memory }) => {
    const kept = await memory.remember(entry);
    if ('refusal' in kept)
      return {
        ok: false,
        output: `Not stored: ${kept.refusal}.`,
        metadata: { errorCode: 'tool.refused' },
        ownWords: true,
      };
    const { id, name, scope } = kept.memory;
    const output = `${kept.updated ? 'Brought up to date' : 'Remembered'} as ${name}, ${forWhom[scope]}. /memory shows it and forgets it.`;
    return { ok: true, output, metadata: { memoryId: id, scope, updated: kept.updated }, ownWords: true };
  },
});
