/** What it takes to decide about requests: a store, rules that can be changed, and a turn that waits. */
import { randomUUID } from 'node:crypto';
import type { PolicyDecision } from '../../../src/agent/policy.ts';
import { fold, foresee } from '../../../src/agent/state.ts';
import type { EventBody, EventOf } from '../../../src/domain/event.ts';
import type { Author } from '../../../src/domain/message.ts';
import type { Turn } from '../../../src/domain/turn.ts';
import { type AccessRules, approversFor } from '../../../src/gateway/access.ts';
import { createApprovals } from '../../../src/gateway/approvals.ts';
import type { CardOptions } from '../../../src/gateway/cards.ts';
import { createRenderer } from '../../../src/gateway/renderer.ts';
import type { Delivery, NewApproval, Store } from '../../../src/store/store.ts';
import { openSqlite } from '../../contract/store/sqlite.ts';
import { accept, approvalOf, claimOne, place, silent, writeOf } from '../../contract/store/support.ts';

type Request = EventOf<'approval.requested'>;

export const ana: Author = { id: 'web:ana', name: 'Ana', kind: 'person' };
export const ben: Author = { id: 'web:ben', name: 'Ben', kind: 'person' };
export const cy: Author = { id: 'web:cy', name: 'Cy', kind: 'person' };

export const anybody = { approvers: null, required: 1, secondPerson: false } as const;
export const asks: PolicyDecision = {
  ...{ decision: 'ask', rule: 'default', risk: 'medium', reasons: ['deletes files'], grantable: true },
  terms: anybody,
  network: [],
};

/** A request of the given action, with what differs from the usual on its row and on its event. */
export type Wanted = { readonly row?: Partial<NewApproval>; readonly event?: Partial<Request> };

export type Scene = Awaited<ReturnType<typeof openScene>>;

/** Ana asks; Ana, Ben and Cy may decide. It is 5 s; requests were made at 3 s and expire at 100 s. */
export async function openScene() {
  const backend = await openSqlite();
  const { store } = backend;
  const rules = {
    now: 5_000,
    access: {
      ...{ users: ['*'], approvers: [ana.id, ben.id, cy.id], admins: [], unknown: 'ignore', people: {} },
    } as AccessRules,
    policy: asks as PolicyDecision | undefined,
    alwaysExpiresMs: null as number | null,
    /** Whether cards arrive. */
    online: true,
    deliverTo: 'conversation' as 'conversation' | 'approvers' | 'both',
  };
  const counted: unknown[] = [];
  const warned: unknown[] = [];
  const reviewed: unknown[] = [];
  const cards: CardOptions = {
    deliverTo: () => rules.deliverTo,
    approversFor: (turn, terms) => approversFor(rules.access, turn.user, terms),
    now: () => rules.now,
    approvalButton: (id, decision) => `${decision}:${id}`,
    batchButton: (id, decision) => `${decision}:${id}`,
  };
  const deps = {
    store,
    cards,
    clock: { now: () => rules.now, monotonic: () => rules.now },
    log: { ...silent, warn: (...of: unknown[]) => void warned.push(of) },
    metrics: { count: (...of: unknown[]) => void counted.push(of), gauge() {}, observe() {} },
  };
  const on = (changed: Partial<Store>) =>
    createApprovals({
      ...deps,
      store: { ...store, ...changed },
      access: () => rules.access,
      async review(turn: Turn, events, index) {
        reviewed.push([turn.id, events.length, index]);
        return rules.policy;
      },
      alwaysExpiresMs: () => rules.alwaysExpiresMs,
    });
  const render = createRenderer(cards);

  /** A turn that waits for these, in that order from index 1, with its cards out. */
  async function wait(...wanted: readonly Wanted[]) {
    await accept(store, randomUUID(), { conversation: randomUUID() });
    const claimed = await claimOne(store);
    const rows = wanted.map(({ row }, i) => approvalOf(i + 1, row));
    const requests = rows.map((row, i) => requestOf(row, wanted[i]?.event));
    const proposed: EventBody = {
      ...{ type: 'model.responded', role: 'thinker', model: 'm', text: '', reasoning: null, latencyMs: 1 },
      toolCalls: rows.map(({ index }) => ({ id: `call${index}`, tool: 'shell', args: '{}' })),
      ...{ promptTokens: 1, completionTokens: 1, totalTokens: 2, finishReason: 'stop' },
    };
    const ids = rows.map((row) => row.id);
    const events: EventBody[] = [proposed, ...requests, { type: 'turn.waiting', approvalIds: ids }];
    const { turn } = claimed;
    const state = foresee(fold(claimed.events), turn.id, events, 3_000);
    const batched = requests.filter((request) => request.batch !== undefined);
    const summaries = Map.groupBy(requests, (request) => request.summary);
    const deliveries = [...summaries].flatMap(([summary, those]) =>
      summary === undefined
        ? [
            ...those.flatMap((request) => render.cards(turn, request)),
            ...(batched.length > 1 ? render.batchCard(turn, batched) : []),
          ]
        : render.summaryCard(turn, state, those, true),
    );
    await store.turns.append(writeOf(claimed, { events, status: 'waiting', approvals: rows, deliveries }));
    if (rules.online) await drain();
    return { turn, ids, id: ids[0] ?? '' };
  }

  /** Sends all that is due. */
  async function drain(): Promise<Delivery[]> {
    const all: Delivery[] = [];
    for (;;) {
      const due = await store.outbox.claim({ worker: 'o', limit: 100, leaseMs: 1_000, now: rules.now });
      if (due.length === 0) return all;
      all.push(...due);
      for (const { key } of due) await store.outbox.sent(key, [{ where: place('c'), id: key }], rules.now);
    }
  }

  return {
    ...{ store, rules, counted, warned, reviewed, cards, deps, on, wait, drain },
    ...on({}),
    last: async (turn: Turn) => (await store.events.list(turn.id)).at(-1),
    close: () => backend.close(),
  };
}

const requestOf = (row: NewApproval, more: Partial<Request> = {}): Request => ({
  type: 'approval.requested',
  index: row.index,
  callId: `call${row.index}`,
  approvalId: row.id,
  action: { tool: 'shell', args: row.action.args, workspace: '/work', profile: 'default' },
  digest: row.digest,
  risk: row.risk,
  reasons: [...row.reasons],
  modelReason: null,
  display: { question: 'Run this?', text: `rm ${row.index}`, language: 'sh', title: 'rm' },
  sandbox: null,
  grantable: row.alwaysKey !== null,
  expiresAt: row.expiresAt,
  ...(row.batch === null ? {} : { batch: row.batch }),
  ...more,
});
