/**
 * What a server says about its tools, made safe to keep and to show (pure). None of it is believed: it is shown to the
 * model as somebody else's words, and only after a person has agreed to exactly these words (A42).
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../domain/approval.ts';
import { showInvisible } from '../../../domain/visible.ts';

export type ToolDefinition = {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments, as the server gave it. */
  readonly parameters: Readonly<Record<string, unknown>>;
};

/** Longer texts are not descriptions; a prompt has to carry all of them. */
const MAX_DESCRIPTION = 8_000;
const MAX_SCHEMA = 32_000;
/** OpenAI takes at most 128 tools in all. */
const MAX_TOOLS = 100;

const NAME = /^[A-Za-z0-9_./-]{1,96}$/;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Null for what is not usable: the reason is the same for all, so only the name is reported. */
function parseTool(value: unknown): ToolDefinition | null {
  if (!isObject(value) || typeof value.name !== 'string' || !NAME.test(value.name)) return null;
  const { name, description = '', inputSchema } = value;
  if (typeof description !== 'string' || description.length > MAX_DESCRIPTION) return null;
  if (!isObject(inputSchema) || inputSchema.type !== 'object') return null;
  const { $schema: _, ...parameters } = inputSchema;
  return JSON.stringify(parameters).length > MAX_SCHEMA
    ? null
    : { name, description: showInvisible(description).trim(), parameters };
}

export type ParsedTools = {
  readonly tools: ReadonlyMap<string, ToolDefinition>;
  /** Left out: bad or doubled names, oversized texts, more than can be offered. */
  readonly refused: readonly string[];
};

/** @param list what `tools/list` gave, all pages */
export function parseTools(list: readonly unknown[]): ParsedTools {
  const tools = new Map<string, ToolDefinition>();
  const refused: string[] = [];
  for (const entry of list) {
    const tool = parseTool(entry);
    const name = isObject(entry) ? String(entry.name).slice(0, 96) : 'unnamed';
    if (tool === null || tools.has(tool.name) || tools.size >= MAX_TOOLS) refused.push(showInvisible(name));
    else tools.set(tool.name, tool);
  }
  return { tools, refused };
}

/** Everything that the model would be told is in it. */
export const definitionHash = (tool: ToolDefinition): string =>
  createHash('sha256').update(canonicalJson(tool)).digest('hex');

/** Of a whole list, whatever its order. */
export const listHash = (tools: ReadonlyMap<string, ToolDefinition>): string =>
  createHash('sha256')
    .update([...tools.values()].map(definitionHash).sort().join('\n'))
    .digest('hex');

export type Changes = {
  readonly added: readonly ToolDefinition[];
  readonly changed: readonly { readonly before: ToolDefinition; readonly after: ToolDefinition }[];
  readonly removed: readonly ToolDefinition[];
};

export type ToolList = ReadonlyMap<string, ToolDefinition>;

/** @param agreed what a person agreed to  @param present what the server says now */
export function changesBetween(agreed: ToolList, present: ToolList): Changes {
  const after = [...present.values()];
  return {
    added: after.filter((tool) => !agreed.has(tool.name)),
    changed: after.flatMap((tool) => {
      const before = agreed.get(tool.name);
      return before === undefined || definitionHash(before) === definitionHash(tool)
        ? []
        : [{ before, after: tool }];
    }),
    removed: [...agreed.values()].filter((tool) => !present.has(tool.name)),
  };
}

/** The definition in lines, for a diff. */
export const definitionText = ({ name, description, parameters }: ToolDefinition): string =>
  `${name}\n${description}\n${showInvisible(JSON.stringify(parameters, null, 2))}\n`;
