/**
 * The tools of MCP servers as tools of the agent, named `server.tool`. Whatever a server claims about itself, each asks
 * unless a rule of the operator says otherwise (A13), and their words are marked as somebody else's.
 */
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { canonicalJson } from '../../../domain/approval.ts';
import { errorMessage } from '../../../domain/errors.ts';
import { type AnyTool, type Assessment, defineTool, type ToolResult } from '../tool.ts';
import { argumentProblems } from './arguments.ts';
import { definitionHash, type ToolDefinition } from './definition.ts';
import type { ServerHandle } from './hub.ts';
import { REVIEW } from './names.ts';
import { createReviewTool } from './review.ts';

/** The longest a call of a server may take. */
const CALL_MS = 120_000;

/** What one call may put into the database; the prompt holds less. */
const KEEP_CHARACTERS = 8 * 1024 * 1024;

/** Before the first contact nothing is known of the arguments. */
const unknown = (name: string): ToolDefinition => ({ name, description: '', parameters: { type: 'object' } });

function inputOf(definition: ToolDefinition): z.ZodType {
  return z.record(z.string(), z.unknown()).superRefine((args, context) => {
    for (const message of argumentProblems(args, definition.parameters))
      context.addIssue({ code: 'custom', message });
  });
}

type Block = CallToolResult['content'][number];

function toText(block: Block): string {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'resource':
      return 'text' in block.resource ? block.resource.text : `[data: ${block.resource.uri}]`;
    case 'resource_link':
      return `[link: ${block.name} ${block.uri}]`;
    default:
      return `[${block.type}, ${block.mimeType}, ${block.data.length} characters of base64; not shown]`;
  }
}

function toResult(result: CallToolResult): ToolResult {
  const parts = result.content.map(toText);
  if (parts.length === 0 && result.structuredContent !== undefined)
    parts.push(JSON.stringify(result.structuredContent));
  const text = parts.join('\n');
  const output =
    text.length > KEEP_CHARACTERS ? `${text.slice(0, KEEP_CHARACTERS).toWellFormed()}\n[cut off]` : text;
  return {
    ok: result.isError !== true,
    output: output === '' ? '[no output]' : output,
    metadata: { blocks: result.content.length, characters: text.length },
  };
}

export function createMcpTool(server: ServerHandle, definition: ToolDefinition): AnyTool {
  const name = `${server.name}.${definition.name}`;
  const hash = definitionHash(definition);
  const shownAs = { question: 'Call this tool?', language: 'json', title: `Called ${name}` };

  function assess(args: unknown): Assessment {
    const display = { ...shownAs, text: `${name}\n${JSON.stringify(args, null, 2)}` };
    const base = { display, ...(server.sandbox === null ? {} : { sandbox: () => server.sandbox ?? '' }) };
    if (server.isKnown() && !server.isUsable(definition.name)) {
      const reason = `the server changed what ${name} says it does; ${REVIEW} asks a person to agree`;
      return { ...base, decision: 'deny', risk: 'blocked', reasons: [reason], alwaysKey: null };
    }
    return {
      ...base,
      decision: 'ask',
      risk: 'medium',
      reasons: [`hands this to the MCP server "${server.name}" (${server.about}), which may change things`],
      alwaysKey: `mcp:${canonicalJson([name, hash, args])}`,
      files: { [`mcp:${name}`]: hash },
      sendsOut: true,
    };
  }

  return {
    ...defineTool({
      name,
      description: `Of the MCP server "${server.name}", which says: ${definition.description}`,
      input: inputOf(definition),
      effect: 'once',
      risks: ['medium'],
      timeoutMs: CALL_MS,
      assess: async (args) => assess(args),
      async run(args, { signal }) {
        try {
          return toResult(await server.call(definition.name, args as Record<string, unknown>, signal));
        } catch (error) {
          const errorCode = signal.aborted ? 'tool.cancelled' : 'tool.unreachable';
          const output = `The MCP server "${server.name}" did not do this: ${errorMessage(error)}`;
          return { ok: false, output, metadata: { errorCode } };
        }
      },
    }),
    parameters: definition.parameters,
  };
}

export type McpTools = { get(name: string): AnyTool | undefined; list(): readonly AnyTool[] };

/** @param live false: what the servers say now is not known, so each may have to be reviewed. */
export function createMcpTools(servers: readonly ServerHandle[], live: boolean): McpTools {
  const changed = (): ServerHandle[] =>
    servers.filter((server) => {
      const { added, changed: altered } = server.changes();
      return added.length + altered.length > 0;
    });
  const reviewing = (): AnyTool[] => (changed().length === 0 ? [] : [createReviewTool(changed())]);
  return {
    get(name) {
      if (name === REVIEW) return live ? reviewing()[0] : createReviewTool(servers);
      const server = servers.find((one) => name.startsWith(`${one.name}.`));
      if (server === undefined) return undefined;
      const tool = name.slice(server.name.length + 1);
      const definition = server.agreed(tool) ?? (server.isKnown() ? undefined : unknown(tool));
      return definition === undefined ? undefined : createMcpTool(server, definition);
    },
    list: () => [
      ...servers.flatMap((server) => server.usable().map((definition) => createMcpTool(server, definition))),
      ...reviewing(),
    ],
  };
}
