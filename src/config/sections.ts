/** The sections of the configuration that profiles may override: models, agent, tools, approvals. */
import { z } from 'zod';
import { byteSize, destination, duration, userId } from './units.ts';

const price = z.strictObject({ input: z.number().nonnegative(), output: z.number().nonnegative() });

const endpointFields = {
  base_url: z
    .url('must be an address such as https://api.openai.com/v1')
    .describe('OpenAI-compatible endpoint.'),
  api_key: z.string().describe('Its key; empty for local servers that want none.'),
  model: z.string().min(1).describe('Name of the model.'),
  timeout: duration().describe('Longest silence of the endpoint.'),
  reasoning: z
    .union([
      z.boolean().transform((on) => (on ? ('on' as const) : ('off' as const))),
      z.enum(['on', 'off', 'low', 'medium', 'high']),
    ])
    .nullable()
    .describe('Reasoning effort; null: nothing is sent.'),
  max_tokens: z.int().positive().nullable().describe('Most tokens of an answer; null: the model decides.'),
  price: price.nullable().describe('Per million tokens, for cost limits: { input: 0.25, output: 2 }.'),
};

const roleEndpoint = z.strictObject(endpointFields).partial();

export const DEFAULT_BASE_URL = 'https://api.openai.com/v1';

const defaultEndpoint = z.strictObject({
  base_url: endpointFields.base_url.default(DEFAULT_BASE_URL),
  api_key: endpointFields.api_key.default(''),
  model: endpointFields.model.default('gpt-5-mini'),
  timeout: endpointFields.timeout.prefault('60s'),
  reasoning: endpointFields.reasoning.default(null),
  max_tokens: endpointFields.max_tokens.default(null),
  price: endpointFields.price.default(null),
});

export const models = z.strictObject({
  default: defaultEndpoint.prefault({}).describe('What every role uses unless it says otherwise.'),
  roles: z
    .strictObject({
      thinker: roleEndpoint.default({}).describe('Answers, and calls tools with the native planner.'),
      action: roleEndpoint.default({}).describe('Plans with the directive planner.'),
      btw: roleEndpoint
        .extend({
          max_tokens: endpointFields.max_tokens.default(800),
          timeout: endpointFields.timeout.prefault('30s'),
        })
        .prefault({})
        .describe('Side questions.'),
      memory: roleEndpoint.default({}).describe('Decides what to remember.'),
      reflection: roleEndpoint.default({}).describe('Learns after the work.'),
      embedding: roleEndpoint
        .extend({ model: endpointFields.model })
        .nullable()
        .default(null)
        .describe('Vectors for recall; null: full text only.'),
    })
    .prefault({}),
  fallbacks: z.array(roleEndpoint).default([]).describe('Tried in order when the endpoint before gave up.'),
});

export const agent = z.strictObject({
  instructions: z
    .string()
    .default('You are a helpful assistant for this team.')
    .describe('What the agent is told before every conversation.'),
  instructions_file: z.string().nullable().default(null).describe('A file with the instructions instead.'),
  planner: z
    .enum(['native', 'directive'])
    .default('native')
    .describe('directive: for models without tool calls.'),
  max_rounds: z
    .int()
    .positive()
    .max(1000)
    .nullable()
    .default(null)
    .describe('Rounds of actions a message; null: 16 native, 4 directive.'),
  workspace: z.string().min(1).default('data/workspace').describe('The folder its tools work in.'),
  history_messages: z.int().nonnegative().max(1000).default(50).describe('Earlier messages it reads.'),
  context_tokens: z.int().positive().default(100_000).describe('Compaction above it.'),
});

const network = z.union([z.boolean(), z.array(destination())]);

const mcpServer = z.union([
  z.strictObject({
    command: z.string().min(1).describe('Program of a local server.'),
    args: z.array(z.string()).default([]),
    env: z.record(z.string(), z.string()).default({}).describe('All of its environment.'),
    network: network.default(false).describe('none, all, or only these hosts.'),
  }),
  z.strictObject({
    url: z.url({ protocol: /^https?$/, error: 'must be an address such as https://example.com/mcp' }),
    headers: z.record(z.string(), z.string()).default({}).describe('Sent to this address only.'),
  }),
]);

/** It becomes the first part of the names of the tools: `jira.create_issue`, `jira__create_issue` on the wire. */
const serverName = z
  .string()
  .regex(/^[a-zA-Z0-9]+([_-][a-zA-Z0-9]+)*$/, 'must be made of letters, digits and single - or _')
  .max(32);

export const tools = z.strictObject({
  shell: z
    .strictObject({
      enabled: z.boolean().default(true),
      sandbox: z
        .enum(['auto', 'require', 'off'])
        .default('auto')
        .describe('bubblewrap: where it works, or always, or never.'),
      timeout: duration().prefault('60s'),
      max_output: byteSize().prefault('64KiB').describe('Of one command, in the prompt.'),
      network: network.default(false).describe('none, all, or only these hosts.'),
    })
    .prefault({}),
  files: z.strictObject({ enabled: z.boolean().default(true) }).prefault({}),
  http: z
    .strictObject({
      enabled: z.boolean().default(true).describe('fetch_url: reads public pages.'),
      allow: z
        .array(destination())
        .default([])
        .describe('Hosts that are fetched unasked; private addresses that may be reached at all.'),
    })
    .prefault({}),
  memory: z
    .strictObject({
      enabled: z.boolean().default(true).describe('remember, recall and search_history.'),
    })
    .prefault({}),
  mcp: z.strictObject({ servers: z.record(serverName, mcpServer).default({}) }).prefault({}),
});

const rule = z
  .strictObject({
    tool: z.string().min(1).describe('Name of a tool; * stands for any characters.'),
    match: z.record(z.string(), z.string()).optional().describe('Argument → pattern with *; all must match.'),
    channel: z.string().optional(),
    conversation: z.string('must be a string in quotes: ids are never numbers').optional(),
    role: z.enum(['user', 'approver', 'admin']).optional(),
    risk: z.enum(['low', 'medium', 'high']).optional(),
    decision: z.enum(['allow', 'ask', 'deny']),
    after_untrusted: z
      .boolean()
      .optional()
      .describe(
        'Of an allow: holds also after text from outside was read, which otherwise makes effects ask.',
      ),
    approvers: z
      .array(userId())
      .min(1, 'must name somebody; to forbid it, write decision: deny')
      .optional()
      .describe('Of an ask: who decides, instead of access.approvers.'),
    required: z.int().min(1).max(20).optional().describe('Of an ask: how many of them have to approve.'),
    second_person: z.boolean().optional().describe('Of an ask: not whoever asked for it.'),
    network: z
      .array(destination())
      .min(1, 'must name a host; without this key no more than tools.shell.network is open')
      .optional()
      .describe(
        'Of an allow or ask for the shell: hosts such commands may reach, beyond tools.shell.network.',
      ),
  })
  .superRefine((value, context) => {
    if (value.decision === 'deny' && value.network !== undefined) {
      const message = 'means nothing beside decision: deny; it belongs to decision: allow or ask';
      context.addIssue({ code: 'custom', path: ['network'], message });
    }
    const only = { ask: ['approvers', 'required', 'second_person'], allow: ['after_untrusted'], deny: [] };
    for (const key of [...only.ask, ...only.allow]) {
      const means = only.ask.includes(key) ? 'ask' : 'allow';
      if (Reflect.get(value, key) === undefined || value.decision === means) continue;
      const message = `means nothing beside decision: ${value.decision}; it belongs to decision: ${means}`;
      context.addIssue({ code: 'custom', path: [key], message });
    }
  });

export const approvals = z.strictObject({
  expires_after: duration()
    .refine((ms) => ms > 0, 'must be longer than nothing: a request has to be answerable')
    .prefault('30m'),
  deliver_to: z.enum(['conversation', 'approvers', 'both']).default('conversation'),
  second_person: z.boolean().default(false).describe('Nobody approves what they asked for themselves.'),
  required: z.int().min(1).max(20).default(1).describe('How many different people have to approve.'),
  remind_after: duration()
    .refine((ms) => ms > 0, 'must be longer than nothing; null: never')
    .nullable()
    .default(null)
    .describe('Ask the approvers again, in private, when nobody decided for this long; null: never.'),
  always_expires_after: duration()
    .refine((ms) => ms > 0, 'must be longer than nothing; null: never')
    .nullable()
    .default(null)
    .describe('How long an "always" lasts; null: until it is revoked.'),
  max_cards: z.int().min(1).max(20).default(4).describe('More requests at once than this share one card.'),
  cards_per_minute: z
    .int()
    .min(1)
    .default(10)
    .describe('Most cards a minute in one conversation; what comes beyond shares one card a turn.'),
  rules: z.array(rule).default([]).describe('deny beats ask beats allow.'),
});

/** What a profile may say: any part of these sections. Each is checked whole, after merging with the file's own. */
export const profile = z.strictObject({
  agent: z.record(z.string(), z.unknown()).optional(),
  models: z.record(z.string(), z.unknown()).optional(),
  tools: z.record(z.string(), z.unknown()).optional(),
  approvals: z.record(z.string(), z.unknown()).optional(),
});
