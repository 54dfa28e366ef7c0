/** `review_mcp_tools`: shows a person what a server changed about its tools, and takes their yes for all of it. */
import { z } from 'zod';
import { unifiedDiff } from '../files/diff.ts';
import { type AnyTool, type Assessment, defineTool } from '../tool.ts';
import { definitionText } from './definition.ts';
import type { ServerHandle } from './hub.ts';
import { REVIEW } from './names.ts';

const input = z.strictObject({ server: z.string().min(1).describe('The name of the MCP server.') });

function changesText(server: ServerHandle): string {
  const { added, changed, removed } = server.changes();
  return [
    ...changed.map(({ before, after }) =>
      unifiedDiff(before.name, definitionText(before), definitionText(after)),
    ),
    ...added.map((tool) => unifiedDiff(tool.name, '', definitionText(tool))),
    ...removed.map((tool) => unifiedDiff(tool.name, definitionText(tool), '')),
  ].join('\n');
}

function assess(name: string, server: ServerHandle | undefined): Assessment {
  const display = { question: 'Agree to these changes?', language: 'diff', title: `Reviewed ${name}` };
  if (server === undefined) {
    const reasons = [`there is nothing to review of "${name}"`];
    return {
      decision: 'deny',
      risk: 'blocked',
      reasons,
      alwaysKey: null,
      display: { ...display, text: name },
    };
  }
  const text = changesText(server);
  const change =
    text === ''
      ? `agrees to what the MCP server "${name}" changes about its tools; now it is not known to have changed any`
      : `the MCP server "${name}" changed what it says about its tools`;
  return {
    decision: 'ask',
    insists: true,
    risk: 'high',
    reasons: [change, 'the model will read the new text and may use the new tools'],
    alwaysKey: null,
    display: { ...display, text },
    files: { [`mcp:${name}`]: server.presentHash() },
  };
}

export function createReviewTool(servers: readonly ServerHandle[]): AnyTool {
  const find = (name: string) => servers.find((server) => server.name === name);
  const names = servers.map((server) => `"${server.name}"`).join(', ');
  return defineTool({
    name: REVIEW,
    description:
      `Asks a person to agree to changed or new tools of an MCP server; until then they are unavailable. ` +
      `Waiting: ${names}.`,
    input,
    effect: 'idempotent',
    risks: ['high'],
    timeoutMs: 10_000,
    assess: async ({ server }) => assess(server, find(server)),
    async run({ server: name }) {
      const server = find(name);
      if (server === undefined)
        return {
          ok: false,
          output: `There is nothing to review of "${name}".`,
          metadata: {},
          ownWords: true,
        };
      await server.accept();
      const output = `Agreed: the tools of "${name}" can be used as they are now.`;
      return { ok: true, output, metadata: { server: name }, ownWords: true };
    },
  });
}
