/** What it takes to ask for approvals, without a model, a database or cards. */
import { z } from 'zod';
import type { Judged } from '../../../src/agent/actions.ts';
import { requestApprovals } from '../../../src/agent/asking.ts';
import type { PolicyDecision } from '../../../src/agent/policy.ts';
import type { EngineDeps, Run } from '../../../src/agent/run.ts';
import { type Action, fold, type TurnState } from '../../../src/agent/state.ts';
import { type Assessment, defineTool } from '../../../src/agent/tools/tool.ts';
import type { ApprovalTerms } from '../../../src/domain/approval.ts';
import type { EventOf } from '../../../src/domain/event.ts';
import type { Turn } from '../../../src/domain/turn.ts';
import type { NewDelivery } from '../../../src/store/store.ts';
import { message } from '../../contract/store/support.ts';

export type Request = EventOf<'approval.requested'>;

export const NOW = 500_000;
const turn = {
  ...{ id: 't1', session: 's', user: 'web:ana', profile: 'default', workspace: '/w' },
  input: message('m1'),
} as Turn;
export const anybody: ApprovalTerms = { approvers: null, required: 1, secondPerson: false };

export const assessmentOf = (thing: string): Assessment => ({
  decision: 'ask',
  risk: 'medium',
  reasons: ['acts'],
  alwaysKey: `act:${thing}`,
  display: { question: 'Act?', text: thing, language: 'text', title: 'Acted' },
});
const tool = defineTool({
  name: 'act',
  description: 'Acts.',
  input: z.strictObject({ thing: z.string() }),
  effect: 'once',
  risks: ['medium'],
  timeoutMs: 1_000,
  assess: async ({ thing }) => assessmentOf(thing),
  run: async () => ({ ok: true, output: '', metadata: {} }),
});

export const asking = (more: Partial<PolicyDecision> = {}): PolicyDecision => ({
  decision: 'ask',
  rule: 'default',
  risk: 'high',
  reasons: ['acts'],
  grantable: true,
  terms: anybody,
  network: [],
  ...more,
});

export const actionOf = (index: number, more: Partial<Action> = {}): Action => ({
  index,
  callId: `c${index}`,
  tool: 'act',
  args: JSON.stringify({ thing: `a${index}` }),
  reason: null,
  malformed: null,
  title: null,
  status: 'proposed',
  approval: null,
  voters: [],
  reminded: false,
  decision: null,
  result: null,
  ...more,
});

export const judgedOf = (index: number, policy = asking(), assessment: Partial<Assessment> = {}): Judged => ({
  action: actionOf(index),
  tool,
  args: { thing: `a${index}` },
  assessment: { ...assessmentOf(`a${index}`), ...assessment },
  policy,
  granted: false,
});

type Scene = {
  readonly policies?: Readonly<Record<string, PolicyDecision>>;
  readonly recent?: number;
  readonly nobody?: (terms: ApprovalTerms) => string | null;
  readonly settings?: Partial<Run['settings']>;
  readonly state?: TurnState;
};

/** Deliveries are named after what was to be rendered. */
const named = (key: string): NewDelivery => ({ key }) as NewDelivery;
const ids = (requests: readonly Request[]) => requests.map(({ index }) => index).join('+');

export function scene({
  policies = {},
  recent = 0,
  nobody = () => null,
  settings = {},
  state = fold([]),
}: Scene) {
  const looked: unknown[] = [];
  const deps = {
    clock: { now: () => NOW, monotonic: () => 0 },
    nobodyToAsk: (_: Turn, terms: ApprovalTerms) => nobody(terms),
    store: {
      approvals: {
        findGrant: async () => undefined,
        async askedSince(session: string, since: number) {
          looked.push([session, since]);
          return recent;
        },
      },
    },
    render: {
      cards: (_: Turn, request: Request) => [named(`card ${request.index}`)],
      batchCard: (_: Turn, requests: readonly Request[]) => [named(`batch ${ids(requests)}`)],
      summaryCard: (_: Turn, __: TurnState, requests: readonly Request[], isNew: boolean) => [
        named(`${isNew ? 'new' : 'same'} summary ${ids(requests)}`),
      ],
      notice: (_: Turn, key: string, text: string) => named(`${key.split(':')[0]}: ${text}`),
    },
  } as unknown as EngineDeps;
  const run = {
    turn,
    state,
    settings: {
      approvalExpiresMs: 60_000,
      remindAfterMs: null,
      maxCards: 3,
      cardsPerMinute: 10,
      tools: { get: (name: string) => (name === 'act' ? tool : undefined), list: () => [tool] },
      decide: ({ args }: { args: unknown }) => policies[(args as { thing: string }).thing] ?? asking(),
      ...settings,
    },
  } as unknown as Run;
  return {
    looked,
    async ask(first: Judged, later: readonly Action[] = [], extraReason?: string) {
      const { events, extras } = await requestApprovals(deps, run, first, later, extraReason);
      const requests = events.filter((event): event is Request => event.type === 'approval.requested');
      const sent = (extras.deliveries?.(run.state) ?? []).map(({ key }) => key);
      return { events, requests, sent, approvals: extras.approvals };
    },
  };
}
