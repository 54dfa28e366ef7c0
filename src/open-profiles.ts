/** From the sections of a profile to what the engine works with. Built once for each configuration in force. */
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { createModelClient, type ModelClient } from './agent/model/client.ts';
import { createEmbedder, type Embedder } from './agent/model/embedder.ts';
import { createEndpoints, type EndpointSettings } from './agent/model/endpoints.ts';
import { withRedaction } from './agent/model/redacting.ts';
import { decidePolicy } from './agent/policy.ts';
import type { TurnSettings } from './agent/run.ts';
import type { Proxies } from './agent/tools/http/proxies.ts';
import type { McpServers } from './agent/tools/mcp/servers.ts';
import { createTools, type Tools, type ToolsConfig } from './agent/tools/registry.ts';
import { openSandbox, type Sandbox } from './agent/tools/sandbox.ts';
import type { AnyTool } from './agent/tools/tool.ts';
import type { LoadedConfig, Profile } from './config/load.ts';
import { DEFAULT_BASE_URL } from './config/sections.ts';
import type { ApprovalTerms } from './domain/approval.ts';
import { AppError, errorMessage } from './domain/errors.ts';
import type { ModelRole } from './domain/event.ts';
import type { Clock, Logger, Metrics } from './domain/runtime.ts';
import { rolesOf } from './gateway/access.ts';
import { createRedact } from './runtime/redact.ts';

export type ProfileRuntime = {
  readonly settings: TurnSettings;
  readonly models: ModelClient;
  /** Null: no vectors are made. */
  readonly embedder: Embedder | null;
  /** Absolute and canonical. */
  readonly workspace: string;
  readonly sandbox: Sandbox;
};

export type Profiles = {
  /** The profile of that name; the default one when a reload has removed it. */
  get(name: string): ProfileRuntime;
};

export type ProfileDeps = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Files and folders no tool may see: database, configuration, secrets. */
  readonly hidden: readonly string[];
  readonly dryRun: boolean;
  readonly mcp: McpServers;
  readonly proxies: Proxies;
};

/** Rounds of actions when the file does not say; a directive costs two calls each, and small models wander. */
const DEFAULT_ROUNDS = { native: 16, directive: 4 } as const;

export async function openProfiles(loaded: LoadedConfig, deps: ProfileDeps): Promise<Profiles> {
  const runtimes = new Map<string, ProfileRuntime>();
  for (const [name, profile] of loaded.profiles) runtimes.set(name, await openProfile(loaded, profile, deps));
  return {
    get(name) {
      const found = runtimes.get(name) ?? runtimes.get('default');
      if (found === undefined) throw new Error('the default profile is always there');
      return found;
    },
  };
}

async function openProfile(
  loaded: LoadedConfig,
  profile: Profile,
  deps: ProfileDeps,
): Promise<ProfileRuntime> {
  const models = withRedaction(
    createModels(profile, deps),
    createRedact(() => loaded.secrets),
  );
  const workspace = makeFolder(resolve(profile.agent.workspace));
  const { shell } = profile.tools;
  const sandbox = await openSandbox({
    mode: shell.sandbox,
    hide: deps.hidden,
    proxies: deps.proxies,
  });
  const place = { sandbox, workspace, live: !deps.dryRun };
  const real = createTools({
    config: toolSettings(profile, loaded),
    sandbox,
    mcp: await deps.mcp.toolsOf(profile.tools.mcp.servers, place),
    hide: deps.hidden,
  });
  const tools = deps.dryRun ? withoutEffect(real) : real;
  const { planner } = profile.agent;
  const settings: TurnSettings = {
    instructions: instructionsOf(profile),
    planner,
    maxRounds: profile.agent.max_rounds ?? DEFAULT_ROUNDS[planner],
    historyMessages: profile.agent.history_messages,
    contextTokens: profile.agent.context_tokens,
    promptOutputBytes: shell.max_output,
    approvalExpiresMs: profile.approvals.expires_after,
    remindAfterMs: profile.approvals.remind_after,
    maxCards: profile.approvals.max_cards,
    cardsPerMinute: profile.approvals.cards_per_minute,
    tools,
    models,
    recall: loaded.config.memory.enabled ? loaded.config.memory.recall : 0,
    decide: ({ tool, args, assessment, user, where, granted, untrusted }) =>
      decidePolicy({
        tool,
        args,
        assessment,
        rules: profile.approvals.rules,
        terms: termsOf(profile),
        actor: { user, roles: rolesOf(accessOf(loaded), { id: user, kind: 'person' }) },
        where,
        granted,
        untrusted,
      }),
  };
  return { settings, models, embedder: openEmbedder(loaded, profile, deps), workspace, sandbox };
}

/** Of requests that no rule says more about. */
export const termsOf = ({ approvals }: Pick<Profile, 'approvals'>): ApprovalTerms => ({
  approvers: null,
  required: approvals.required,
  secondPerson: approvals.second_person,
});

export const accessOf = ({ config }: LoadedConfig) => ({
  ...config.access,
  // Pairing is refused by the configuration check until it is built.
  unknown: config.access.unknown === 'refuse' ? ('refuse' as const) : ('ignore' as const),
});

function makeFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true });
    return realpathSync(path);
  } catch (error) {
    const text = `agent.workspace ${path} cannot be used as a folder: ${errorMessage(error)}. Name another one.`;
    throw new AppError('config.invalid', text, { cause: error });
  }
}

function instructionsOf({ agent }: Profile): string {
  const file = agent.instructions_file;
  if (file === null) return agent.instructions;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const text = `agent.instructions_file ${file} cannot be read: ${errorMessage(error)}`;
    throw new AppError('config.invalid', text, { cause: error });
  }
}

const toolSettings = (
  { tools: { shell, files, http, memory }, approvals }: Profile,
  { config }: LoadedConfig,
): ToolsConfig => ({
  shell: {
    enabled: shell.enabled,
    sandbox: shell.sandbox,
    timeoutMs: shell.timeout,
    maxOutputBytes: shell.max_output,
    network: shell.network,
    opened: [...new Set(approvals.rules.flatMap((rule) => rule.network ?? []))],
  },
  files,
  http,
  memory: { ...memory, keeps: config.memory.enabled },
});

function endpointOf({ models }: Profile, over: Overrides<Profile['models']['default']>): EndpointSettings {
  const own = { ...models.default, ...withoutUndefined<Profile['models']['default']>(over) };
  return {
    baseUrl: own.base_url,
    apiKey: own.api_key,
    model: own.model,
    timeoutMs: own.timeout,
    maxTokens: own.max_tokens,
    reasoning: own.reasoning,
    price: own.price,
  };
}

function openEmbedder(loaded: LoadedConfig, profile: Profile, deps: ProfileDeps): Embedder | null {
  const { embedding } = profile.models.roles;
  if (embedding === null || !loaded.config.memory.enabled) return null;
  const options = endpointOf(profile, embedding);
  // The demo model makes no vectors: words are enough to show what memory does.
  if (isDemo(options)) return null;
  return createEmbedder({
    options: { ...options, price: embedding.price ?? { input: 0, output: 0 } },
    metrics: deps.metrics,
  });
}

function createModels(profile: Profile, deps: ProfileDeps): ModelClient {
  const merged = (over: Parameters<typeof endpointOf>[1]) => endpointOf(profile, over);
  const of = (role: ModelRole) =>
    [merged(profile.models.roles[role] ?? {}), ...profile.models.fallbacks.map(merged)] as const;
  return createModelClient({
    endpoints: createEndpoints((role) => {
      const [first, ...rest] = of(role);
      return [first, ...rest];
    }, isDemo),
    clock: deps.clock,
    log: deps.log,
    metrics: deps.metrics,
    random: Math.random,
  });
}

/** Tools that judge as always and then do nothing. */
function withoutEffect(tools: Tools): Tools {
  const inert = (tool: AnyTool): AnyTool => ({
    ...tool,
    run: async () => ({ ok: true, output: 'Dry run: this was not done.', metadata: { dryRun: true } }),
  });
  return {
    ...tools,
    get(name) {
      const tool = tools.get(name);
      return tool === undefined ? undefined : inert(tool);
    },
    list: () => tools.list().map(inert),
  };
}

/** OpenAI itself always wants a key; without one there is nobody to ask. */
export const isDemo = (settings: Pick<EndpointSettings, 'baseUrl' | 'apiKey'>): boolean =>
  settings.apiKey === '' && settings.baseUrl === DEFAULT_BASE_URL;

type Overrides<T> = { [K in keyof T]?: T[K] | undefined };

/** A key that is written but empty must not blank out what it would have inherited. */
const withoutUndefined = <T extends object>(value: Overrides<T>): Partial<T> =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<T>;

/** What the agent's own tools must not reach: they would find tokens, other people's messages, their own rules. */
export function hiddenFrom({ config, file }: LoadedConfig): string[] {
  const { url } = config.store;
  const settings = [...(file === null ? [] : [resolve(file)]), resolve('.env')];
  if (!url.startsWith('sqlite:') || url === 'sqlite::memory:') return settings;
  const database = resolve(url.slice('sqlite:'.length));
  const folder = dirname(database);
  // The whole folder, for the backups beside it, unless the program itself lives in or below it.
  const isOwn = relative(folder, process.cwd()).startsWith('..');
  return [
    ...(isOwn ? [folder] : [database, `${database}-wal`, `${database}-shm`, `${database}.lock`]),
    ...settings,
  ];
}
