/** Loads the instructions of a skill, or a file beside them: only then do they take room in the prompt. */
import { z } from 'zod';
import { defineTool } from './tool.ts';

const TIMEOUT_MS = 5_000;

export const runSkill = defineTool({
  name: 'run_skill',
  description:
    'Loads a skill: step-by-step instructions for a kind of task, listed by name under "Skills". Load it before you begin such a task, then follow it.',
  input: z.strictObject({
    name: z.string().describe('Name of the skill.'),
    file: z.string().optional().describe('A file that belongs to it, named in its instructions.'),
  }),
  effect: 'read',
  risks: ['low'],
  timeoutMs: TIMEOUT_MS,
  assess: async ({ name, file }) => ({
    decision: 'allow',
    risk: 'low',
    reasons: [],
    alwaysKey: null,
    display: {
      question: 'Load this skill?',
      text: file === undefined ? name : `${name}/${file}`,
      language: 'text',
      title: `Loaded the skill ${name}`,
    },
  }),
  async run({ name, file }, { skills }) {
    const found = await skills.load(name, file);
    if ('problem' in found) return { ok: false, output: found.problem, metadata: {}, ownWords: true };
    // Written by an admin, or learned from the person's own words: instructions, not data.
    return { ok: true, output: found.text, metadata: { skill: name }, ownWords: true };
  },
});
