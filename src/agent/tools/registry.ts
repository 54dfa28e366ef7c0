/** The tools of a profile: what the configuration turns on, by name and as the model is told about them. */
import { z } from 'zod';
import { memoize } from '../memoize.ts';
import type { ToolSpec } from '../model/client.ts';
import { listFiles } from './files/list-files.ts';
import { readFile } from './files/read-file.ts';
import { searchFiles } from './files/search-files.ts';
import { writeFile } from './files/write-file.ts';
import { createFetchTool } from './http/fetch-url.ts';
import type { McpTools } from './mcp/tools.ts';
import { recall } from './memory/recall.ts';
import { remember } from './memory/remember.ts';
import { searchHistory } from './memory/search-history.ts';
import { createOwnFiles, keepOut } from './own-files.ts';
import { readOutput } from './read-output.ts';
import { runSkill } from './run-skill.ts';
import type { Network, Sandbox, SandboxMode } from './sandbox.ts';
import { createShellTool } from './shell/tool.ts';
import type { AnyTool } from './tool.ts';

export type ToolsConfig = {
  readonly shell: {
    readonly enabled: boolean;
    readonly sandbox: SandboxMode;
    readonly timeoutMs: number;
    /** Of the prompt; the full output is kept apart. */
    readonly maxOutputBytes: number;
    readonly network: Network;
    /** Hosts beyond it that rules open for some commands. */
    readonly opened?: readonly string[];
  };
  readonly files: { readonly enabled: boolean };
  readonly http: { readonly enabled: boolean; readonly allow: readonly string[] };
  /** `keeps`: whether anything is remembered at all. */
  readonly memory: { readonly enabled: boolean; readonly keeps: boolean };
};

export type Tools = {
  get(name: string): AnyTool | undefined;
  list(): readonly AnyTool[];
  /** For the model: name, description and the JSON Schema of the arguments. */
  specs(): readonly ToolSpec[];
};

/** Output of one command, all of which is stored: what says more runs away, and would fill the disk. */
const MAX_OUTPUT_BYTES = 2 ** 30;

/** Endpoints take no more. */
const MOST_TOOLS = 128;

const toSpec = memoize(({ name, description, input, parameters }: AnyTool): ToolSpec => {
  if (parameters !== undefined) return { name, description, parameters };
  const { $schema: _, ...own } = z.toJSONSchema(input, { io: 'input' });
  return { name, description, parameters: own };
});

const ownSpecs = memoize((tools: readonly AnyTool[]) => tools.map(toSpec));

/** @param deps.sandbox from `openSandbox`, for the mode that `config.shell` names */
export function createTools(deps: {
  readonly config: ToolsConfig;
  readonly sandbox: Sandbox;
  readonly mcp: McpTools;
  /** Files and folders of the gateway itself. */
  readonly hide: readonly string[];
}): Tools {
  const { config, sandbox, mcp } = deps;
  const ownFiles = createOwnFiles(deps.hide);
  const { enabled, timeoutMs, network, opened = [] } = config.shell;
  const tools: AnyTool[] = [
    ...(enabled
      ? [createShellTool({ sandbox, network, opened, timeoutMs, ownFiles, maxOutputBytes: MAX_OUTPUT_BYTES })]
      : []),
    ...(config.files.enabled
      ? [readFile, writeFile, listFiles, searchFiles].map((tool) => keepOut(tool, ownFiles))
      : []),
    ...(config.http.enabled ? [createFetchTool({ allow: config.http.allow })] : []),
    ...(config.memory.enabled && config.memory.keeps ? [remember, recall] : []),
    ...(config.memory.enabled ? [searchHistory] : []),
  ];
  if (tools.length > 0) tools.push(readOutput, runSkill);
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  return {
    get: (name) => byName.get(name) ?? mcp.get(name),
    list: () => [...tools, ...mcp.list()],
    specs: () => [...ownSpecs(tools), ...mcp.list().map(toSpec)].slice(0, MOST_TOOLS),
  };
}
