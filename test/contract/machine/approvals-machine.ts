/**
 * The state machine of approvals, held against what must be true of every history: fast-check writes the histories,
 * of proposals, presses of any kind, time, restarts, reloads, revocations, stops and deaths in mid-action.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PolicyRule } from '../../../src/agent/policy.ts';
import { statusOf } from '../../../src/agent/state.ts';
import type { Approval } from '../../../src/domain/approval.ts';
import type { Event } from '../../../src/domain/event.ts';
import type { OutboundMessage } from '../../../src/domain/message.ts';
import type { Store } from '../../../src/store/store.ts';
import { lookAtCards } from './cards.ts';
import { type Effect, EXPIRES_MS, type House, type Manner, openHouse } from './house.ts';

/** A database that can be closed and opened again. */
export type Reopenable = {
  open(): Promise<Store>;
  remove(): Promise<void>;
};

const decision = fc.constantFrom('once', 'always', 'deny');
const who = fc.constantFrom('web:a', 'web:b', 'slack:a2', 'web:stranger');
const rules: fc.Arbitrary<PolicyRule[]> = fc.constantFrom<PolicyRule[][]>(
  [],
  [{ tool: 'act', match: { thing: 'a' }, decision: 'deny' }],
  [{ tool: 'act', match: { thing: 'b' }, decision: 'allow' }],
  [{ tool: 'act', decision: 'ask', required: 2 }],
  [{ tool: 'act', decision: 'ask', approvers: ['web:b'] }],
  [{ tool: 'act', match: { thing: 'a' }, decision: 'ask', approvers: ['web:b'] }],
);

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('propose'),
      things: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('press'), at: fc.nat(9), decision, who, twice: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('press-all'), at: fc.nat(9), decision, who }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('race'), at: fc.nat(9), first: decision, second: decision }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(1, EXPIRES_MS / 2, EXPIRES_MS) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('reload'),
      rules,
      approvers: fc.subarray(['web:a', 'web:b', 'slack:a2']),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop'), at: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('edit'), at: fc.nat(9) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const manner: fc.Arbitrary<Manner> = fc.record({
  oneByOne: fc.boolean(),
  cardsPerMinute: fc.constantFrom(1_000, 1, 0),
});

const people = { ann: ['web:a', 'slack:a2'] };

export function describeMachine(create: () => Promise<Reopenable>, runs: number): void {
  test('P4, P6, P7, E37, E40, E41, F35, F36, A8, A49: no history runs what was not agreed to, or anything twice', {
    timeout: 300_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        manner,
        rules,
        fc.array(step, { minLength: 4, maxLength: 24, size: 'max' }),
        async (how, first, steps) => {
          const database = await create();
          let store = await database.open();
          const time = { time: 10_000 };
          const effects: Effect[] = [];
          const cards = new Map<string, OutboundMessage>();
          const world: World = { time, effects, cards, house: openHouse(store, time, effects, how) };
          Object.assign(world.house, { rules: first, access: { ...world.house.access, people } });
          const reopen = async () => {
            const { rules: inForce, access } = world.house;
            await store.turns.release({ worker: 'w' });
            await store.close();
            store = await database.open();
            world.house = openHouse(store, time, effects, how);
            Object.assign(world.house, { rules: inForce, access });
            await world.house.pump();
          };
          try {
            for (const one of steps) {
              await perform(world, one, reopen);
              while (world.house.died) await reopen();
              await world.house.sweep();
              await world.house.pump();
              while (world.house.died) await reopen();
              // What the work of now has called off closes its card too.
              await world.house.sweep();
              await check(world);
              await lookAtCards(store, world.cards, time.time);
            }
          } finally {
            await store.close();
            await database.remove();
          }
        },
      ),
      { numRuns: runs },
    );
  });
}

type World = {
  readonly time: { time: number };
  readonly effects: Effect[];
  /** As they look on the platform, by the delivery that posted them. */
  readonly cards: Map<string, OutboundMessage>;
  house: House;
};

const author = (id: string) => ({ id, name: id, kind: 'person' as const });

async function perform(world: World, one: Step, reopen: () => Promise<void>): Promise<void> {
  const { house } = world;
  const asked = 'at' in one ? await everything(house.store) : [];
  const chosen = 'at' in one ? asked[one.at % Math.max(1, asked.length)] : undefined;
  switch (one.do) {
    case 'propose':
      return house.propose(one.things);
    case 'press':
      if (chosen === undefined) return;
      await pressed(world, chosen, one.decision, one.who);
      if (one.twice) await pressed(world, chosen, one.decision, one.who);
      return;
    case 'press-all':
      if (chosen?.batch == null) return;
      await house.decide(chosen.batch, one.decision, author(one.who));
      return;
    case 'race':
      if (chosen === undefined) return;
      await Promise.all([
        house.decide(chosen.id, one.first, author('web:a')),
        house.decide(chosen.id, one.second, author('web:b')),
      ]);
      return;
    case 'wait':
      world.time.time += one.ms;
      return;
    case 'restart':
      return reopen();
    case 'reload':
      house.rules = one.rules;
      house.access = { ...house.access, approvers: one.approvers };
      return;
    case 'revoke':
      for (const grant of await house.store.approvals.grants(world.time.time))
        await house.store.approvals.revoke(grant.id, world.time.time);
      return;
    case 'stop':
      if (chosen !== undefined) await house.stop(chosen.turnId);
      return;
    case 'die':
      house.dieInTool = true;
      return;
    case 'edit':
      // Too late: what was proposed was proposed for the text that was read.
      if (chosen !== undefined) expect(await house.store.turns.edit(chosen.turnId, 'd', 1)).toBe(false);
      return;
  }
}

/** Presses, and holds the answer against the rules for who, when and how often. */
async function pressed(world: World, approval: Approval, what: 'once' | 'always' | 'deny', by: string) {
  const { house } = world;
  const before = await house.store.approvals.get(approval.id);
  const { accepted } = await house.decide(approval.id, what, author(by));
  const after = await house.store.approvals.get(approval.id);
  if (before?.status !== 'pending' || world.time.time >= before.expiresAt) expect(accepted).toBe(false);
  // By the list, or by the rule it was asked under.
  const named = before?.terms.approvers ?? house.access.approvers;
  if (!named.includes(by)) expect(accepted).toBe(false);
  if (!accepted && after?.status !== 'denied') expect(after).toEqual(before);
  if (accepted && what === 'deny') expect(after?.status).toBe('denied');
}

async function everything(store: Store): Promise<Approval[]> {
  const turns = await store.turns.list({ limit: 1_000 });
  return (await Promise.all(turns.map((turn) => store.approvals.ofTurn(turn.id)))).flat();
}

async function check({ house, effects, time }: World): Promise<void> {
  const { store } = house;
  for (const turn of await store.turns.list({ limit: 1_000 })) {
    const events = await store.events.list(turn.id);
    const approvals = await store.approvals.ofTurn(turn.id);
    const pending = approvals.filter((one) => one.status === 'pending');
    // The log and the tables tell the same.
    expect(statusOf(events)).toBe(turn.status);
    for (const approval of approvals) agrees(approval, events);
    // Nothing is stuck, and nothing is left over.
    expect(['waiting', 'done', 'cancelled']).toContain(turn.status);
    expect(pending.length > 0).toBe(turn.status === 'waiting');
    for (const one of pending) expect(one.expiresAt).toBeGreaterThan(time.time);
    agreedTo(
      turn.input.text,
      events,
      approvals,
      effects.filter((effect) => effect.turnId === turn.id),
    );
  }
  expect(await store.approvals.decidedBatches(10)).toEqual([]);
}

function agrees(approval: Approval, events: readonly Event[]): void {
  const resolved = events.filter(
    (event) => event.type === 'approval.resolved' && event.approvalId === approval.id,
  );
  expect(resolved).toHaveLength(approval.status === 'pending' ? 0 : 1);
  if (approval.status === 'pending') return;
  expect(resolved[0]).toMatchObject({ decision: approval.decision, by: approval.decidedBy });
  if (approval.status !== 'approved') return;
  // Approved in time, by as many different people as it was asked of.
  expect(approval.decidedAt).toBeLessThan(approval.expiresAt);
  const persons = new Set(approval.votes.map((vote) => vote.person));
  expect(persons.size).toBe(approval.votes.length);
  expect(persons.size).toBeGreaterThanOrEqual(approval.terms.required);
  expect([...persons]).not.toContain('web:stranger');
}

/** Every effect has a yes of its own: an approval of just this action, or a rule or grant that let it start unasked. */
function agreedTo(
  text: string,
  events: readonly Event[],
  approvals: readonly Approval[],
  effects: readonly Effect[],
): void {
  expect(effects.filter((effect) => effect.forbidden)).toEqual([]);
  for (const [position, thing] of text.split(' ').entries()) {
    const index = position + 1;
    const happened = effects.filter((effect) => effect.thing === thing).length;
    const own = approvals.filter((approval) => approval.index === index);
    const yes = own.filter((approval) => approval.status === 'approved').length;
    const started = events.findIndex((event) => event.type === 'tool.started' && event.index === index);
    const asked = events.findIndex((event) => event.type === 'approval.requested' && event.index === index);
    const unasked = started >= 0 && (asked < 0 || started < asked) ? 1 : 0;
    expect(happened).toBeLessThanOrEqual(yes + unasked);
    if (started < 0) expect(happened).toBe(0);
    // What was shown is what ran.
    for (const approval of own) expect(approval.action.args).toEqual({ thing });
    // A new request for what may have happened says so, and comes only after it was interrupted.
    const requests = events.filter((event) => event.type === 'approval.requested' && event.index === index);
    const interrupted = events.filter((event) => event.type === 'tool.interrupted' && event.index === index);
    expect(requests.length).toBeLessThanOrEqual(1 + interrupted.length);
  }
}
