/**
 * Engine, approvals and a real store in one process, with a clock that is turned by hand, a model that proposes what
 * it is told and a tool that counts: everything between a proposal and its effect, and nothing else.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { createEngine } from '../../../src/agent/engine.ts';
import type { ModelClient, ModelReply, ModelRequest } from '../../../src/agent/model/client.ts';
import { decidePolicy, type PolicyRule } from '../../../src/agent/policy.ts';
import type { EngineDeps } from '../../../src/agent/run.ts';
import { defineTool } from '../../../src/agent/tools/tool.ts';
import type { ApprovalTerms } from '../../../src/domain/approval.ts';
import type { Clock } from '../../../src/domain/runtime.ts';
import { type AccessRules, approversFor, countPeople } from '../../../src/gateway/access.ts';
import { sweepApprovals } from '../../../src/gateway/approval-clock.ts';
import { createApprovals } from '../../../src/gateway/approvals.ts';
import type { CardOptions } from '../../../src/gateway/cards.ts';
import { createRenderer } from '../../../src/gateway/renderer.ts';
import { createRedact } from '../../../src/runtime/redact.ts';
import type { Store } from '../../../src/store/store.ts';
import { accept, silent } from '../store/support.ts';

export const EXPIRES_MS = 1_000;
const MOST_THINGS = 4;

/** One time that the tool took effect. */
export type Effect = {
  readonly turnId: string;
  readonly thing: string;
  /** A rule of that moment denied it. */
  readonly forbidden: boolean;
};

export type House = {
  /** Rules in force; change them to reload. */
  rules: PolicyRule[];
  required: number;
  access: AccessRules;
  readonly effects: Effect[];
  /** The process dies inside the next effect. */
  dieInTool: boolean;
  /** What a live reply is busy with at the end of a turn. */
  showing: Promise<void> | undefined;
  readonly died: boolean;
  propose(things: readonly string[]): Promise<void>;
  /** Claims and runs whatever can be run. */
  pump(): Promise<void>;
  sweep(): Promise<unknown>;
  readonly decide: ReturnType<typeof createApprovals>['decide'];
  stop(turnId: string): Promise<void>;
  readonly store: Store;
};

const quiet = { count() {}, gauge() {}, observe() {} };
/** How requests come: together or one by one, each on a card of its own or beyond the cards of a minute. */
export type Manner = { readonly oneByOne: boolean; readonly cardsPerMinute: number };

/** Proposes the words of the message as actions, of one answer or of one each, then answers. */
const proposing = (oneByOne: boolean): ModelClient => ({
  modelOf: () => 'proposing',
  plan: () => ({ tokens: 0, cost: 0 }),
  call: async ({ messages, tools }: ModelRequest): Promise<ModelReply> => {
    const acted = messages.filter((message) => message.role === 'tool').length;
    const words = messages.find((message) => message.role === 'user')?.content.split(' ') ?? [];
    const all = words
      .slice(-MOST_THINGS)
      .filter((word) => /^[a-z]$/.test(word))
      .map((word, i) => ({ id: `c${i}`, tool: 'act', args: JSON.stringify({ thing: word }) }));
    const next = oneByOne ? all.slice(acted, acted + 1) : acted > 0 ? [] : all;
    const toolCalls = tools === undefined ? [] : next;
    return {
      model: 'proposing',
      text: toolCalls.length === 0 ? 'done' : '',
      toolCalls,
      reasoning: null,
      promptTokens: 1,
      completionTokens: 1,
      totalTokens: 2,
      finishReason: 'stop',
      latencyMs: 0,
      cost: 0,
    };
  },
});

export function openHouse(
  store: Store,
  time: { time: number },
  effects: Effect[],
  { oneByOne, cardsPerMinute }: Manner,
): House {
  const clock: Clock = { now: () => time.time, monotonic: () => time.time };
  let died = false;
  const thing = z.strictObject({ thing: z.string() });
  const tool = defineTool({
    name: 'act',
    description: 'Acts.',
    input: thing,
    effect: 'once',
    risks: ['medium'],
    timeoutMs: 10_000,
    assess: async (args) => ({
      decision: 'ask',
      risk: 'medium',
      reasons: ['acts'],
      alwaysKey: `act:${args.thing}`,
      argv: [args.thing],
      display: { question: 'Act?', text: args.thing, language: 'text', title: 'Acted' },
    }),
    async run(args) {
      const denying = house.rules.filter((rule) => rule.decision === 'deny');
      const forbidden = denying.some((rule) => rule.match?.thing === args.thing);
      effects.push({ turnId: inHand.turnId, thing: args.thing, forbidden });
      if (!house.dieInTool) return { ok: true, output: '', metadata: {}, ownWords: true };
      house.dieInTool = false;
      died = true;
      // The gateway goes down while it runs; whether it took effect, nobody hears.
      inHand.abort.abort('shutdown');
      return { ok: false, output: 'killed', metadata: {} };
    },
  });
  let inHand = { turnId: '', abort: new AbortController() };

  const terms = (): ApprovalTerms => ({ approvers: null, required: house.required, secondPerson: false });
  const cards: CardOptions = {
    deliverTo: () => 'conversation',
    approversFor: (turn, of) => approversFor(house.access, turn.user, of),
    now: () => time.time,
    approvalButton: (id, decision) => `${decision}:${id}`,
    batchButton: (id, decision) => `${decision}:${id}`,
  };
  const deps: EngineDeps = {
    store,
    settings: () => ({
      instructions: '',
      planner: 'native',
      maxRounds: MOST_THINGS + 1,
      historyMessages: 0,
      contextTokens: 1_000,
      promptOutputBytes: 1_000,
      approvalExpiresMs: EXPIRES_MS,
      remindAfterMs: EXPIRES_MS / 2,
      maxCards: 2,
      cardsPerMinute,
      recall: 0,
      tools: {
        get: (name) => (name === 'act' ? tool : undefined),
        list: () => [tool],
        specs: () => [{ name: 'act', description: '', parameters: {} }],
      },
      models: proposing(oneByOne),
      decide: ({ user, where, ...question }) =>
        decidePolicy({
          ...question,
          rules: house.rules,
          terms: terms(),
          actor: { user, roles: ['user'] },
          where,
        }),
    }),
    render: createRenderer(cards),
    nobodyToAsk: (turn, of) =>
      countPeople(house.access, approversFor(house.access, turn.user, of)) >= of.required ? null : 'nobody',
    agreed(turn, of, { votes }) {
      const may = approversFor(house.access, turn.user, of);
      const counted = votes.filter((vote) => may.includes(vote.by)).map((vote) => vote.by);
      return countPeople(house.access, counted) >= of.required;
    },
    requireBudget: async () => {},
    recall: async () => [],
    memory: () => ({
      recall: async () => [],
      searchHistory: async () => [],
      remember: async () => ({ refusal: 'nothing is remembered here' }),
    }),
    flush: () => [],
    followUps: () => [],
    outbox: { taker: () => undefined, take: () => {} },
    skills: () => ({ list: async () => [], load: async () => ({ problem: 'there are no skills here' }) }),
    redact: createRedact(() => []),
    clock,
    log: silent,
    metrics: quiet,
  };
  const engine = createEngine(deps);
  const live = { delta() {}, reset() {}, status() {}, step() {}, hold: () => house.showing };
  const approvals = createApprovals({
    store,
    access: () => house.access,
    review: engine.review,
    alwaysExpiresMs: () => null,
    cards,
    clock,
    log: silent,
    metrics: quiet,
  });

  const house: House = {
    rules: [],
    required: 1,
    access: { users: ['*'], approvers: ['web:a', 'web:b'], admins: [], unknown: 'ignore', people: {} },
    effects,
    dieInTool: false,
    showing: undefined,
    get died() {
      return died;
    },
    store,
    async propose(things) {
      await accept(store, randomUUID(), {
        conversation: randomUUID(),
        text: things.join(' '),
        now: time.time,
      });
      await house.pump();
    },
    async pump() {
      for (;;) {
        const options = { worker: 'w', limit: 1, leaseMs: 60_000, now: time.time };
        const [claimed] = await store.turns.claim(options);
        if (claimed === undefined || died) return;
        inHand = { turnId: claimed.turn.id, abort: new AbortController() };
        await engine.runTurn(claimed, inHand.abort.signal, live);
      }
    },
    sweep: () => sweepApprovals({ store, cards, clock, log: silent, metrics: quiet }),
    decide: (id, decision, by, reason) => approvals.decide(id, decision, by, reason),
    async stop(turnId) {
      const deliveries = await approvals.settlePending(turnId, { id: 'web:a', name: 'a', kind: 'person' });
      await store.turns.cancel({ id: turnId, by: 'web:a', byName: 'a', now: time.time, deliveries });
    },
  };
  return house;
}
