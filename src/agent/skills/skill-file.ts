/** `SKILL.md`, read and written: YAML front matter with name and description, then the instructions. Pure. */
import { parse } from 'yaml';
import { z } from 'zod';
import { isSkillName } from '../../domain/skill.ts';

export type SkillFile = { readonly name: string; readonly description: string; readonly body: string };

/** Of the Agent Skills format. */
const MAX_DESCRIPTION = 1024;

/** More fields are allowed by the format, and mean nothing here. */
const frontMatter = z.object({
  name: z.string().refine(isSkillName, 'must be lower-case letters, digits and hyphens, at most 64 of them'),
  description: z
    .string()
    .trim()
    .min(1, 'must say what the skill does and when to use it')
    .max(MAX_DESCRIPTION)
    // It is one line of a list, whatever YAML made of it.
    .transform((text) => text.replaceAll(/\s+/g, ' ')),
});

export type ParsedSkill = { readonly skill: SkillFile } | { readonly problem: string };

/** @param folder the name of its folder, which the format wants to be that of the skill */
export function parseSkillFile(text: string, folder: string): ParsedSkill {
  const match = /^\ufeff?---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)([\s\S]*)$/.exec(text);
  if (match?.[1] === undefined)
    return { problem: 'it does not begin with front matter between two lines of ---' };
  let fields: unknown;
  try {
    fields = parse(match[1], { merge: false, maxAliasCount: 0 });
  } catch (error) {
    return {
      problem: `its front matter is not YAML: ${error instanceof Error ? error.message : 'unreadable'}`,
    };
  }
  const parsed = frontMatter.safeParse(fields);
  if (!parsed.success) return { problem: z.prettifyError(parsed.error).replaceAll('\n', ' ') };
  const { name, description } = parsed.data;
  if (name !== folder)
    return { problem: `its name is "${name}" and its folder "${folder}"; they have to be the same` };
  return { skill: { name, description, body: match[2] ?? '' } };
}

/** The same file with another body: front matter and all it holds stay to the byte. */
export function withBody(text: string, body: string): string {
  const head = /^\ufeff?---\r?\n[\s\S]*?\r?\n---[ \t]*(?:\r?\n|$)/.exec(text)?.[0] ?? '';
  return `${head.endsWith('\n') ? head : `${head}\n`}${body}`;
}
