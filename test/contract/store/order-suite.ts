/**
 * Two gateways at once over many conversations, with turns of any length, waits for people and edits: strict order within
 * a conversation, never two of it at once, and nothing left lying. Nothing but wake-ups moves the workers here.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/domain/runtime.ts';
import { createWorker, type Worker } from '../../../src/gateway/worker.ts';
import type { ClaimedTurn, Store } from '../../../src/store/store.ts';
import {
  accept,
  approvalOf,
  type Backend,
  finish,
  type OpenBackend,
  parkClaimed,
  place,
  silent,
} from './support.ts';

type Said = {
  readonly conversation: number;
  readonly replica: boolean;
  /** Times around the event loop. */
  readonly length: number;
  readonly waits: boolean;
  readonly edited: boolean;
};

const saidBy = fc.record<Said>({
  conversation: fc.integer({ min: 0, max: 3 }),
  replica: fc.boolean(),
  length: fc.integer({ min: 0, max: 12 }),
  waits: fc.boolean(),
  edited: fc.boolean(),
});
const noMetrics = { count: () => {}, gauge: () => {}, observe: () => {} };
const silentLive = { delta() {}, reset() {}, status() {}, step() {}, hold: () => undefined };
const live = { open: () => silentLive, take: () => undefined, end: () => {}, discard: async () => {} };

const round = () => new Promise((resolve) => setImmediate(resolve));

export function describeOrder(open: OpenBackend): void {
  let backend: Backend;
  beforeEach(async () => {
    backend = await open();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await backend.close();
  });

  function openWorker(
    store: Store,
    name: string,
    work: (store: Store, claimed: ClaimedTurn) => Promise<'ended' | 'waiting'>,
  ): Worker {
    const engine = {
      runTurn: (claimed: ClaimedTurn) => work(store, claimed),
      review: async () => undefined,
    };
    const options = {
      store,
      engine,
      live,
      worker: name,
      clock: systemClock,
      log: silent,
      metrics: noMetrics,
    };
    return createWorker({ ...options, concurrency: () => 3 });
  }

  test('P3, F41, F13, E17: order holds over long turns, waits and edits, and no wake-up is lost', async () => {
    const stores = [backend.store, await backend.replica()] as const;
    let run = 0;
    // The sweep that mends what a lost wake-up leaves would hide it.
    vi.spyOn(globalThis, 'setInterval').mockImplementation((() => setTimeout(() => {}, 0)) as never);
    await fc.assert(
      fc.asyncProperty(fc.array(saidBy, { minLength: 1, maxLength: 14 }), async (all) => {
        run += 1;
        const prefix = `r${run}`;
        const plan = new Map(all.map((said, index) => [`${prefix}m${index}`, said]));
        const atWork = new Set<string>();
        const begun: string[] = [];
        const ended: string[] = [];
        const texts = new Map<string, string>();
        const asked = new Set<string>();
        const deciding: Promise<unknown>[] = [];
        const { promise: done, resolve } = Promise.withResolvers<void>();

        async function work(store: Store, claimed: ClaimedTurn): Promise<'ended' | 'waiting'> {
          const { id } = claimed.turn.input;
          const said = plan.get(id);
          const { session } = claimed.turn;
          expect(atWork.has(session)).toBe(false);
          atWork.add(session);
          for (let i = 0; i < (said?.length ?? 0); i++) await round();
          if (said?.waits === true && !asked.has(id)) {
            asked.add(id);
            const approval = approvalOf(1, { expiresAt: Date.now() + 60_000 });
            atWork.delete(session);
            await parkClaimed(store, claimed, [approval]);
            // Somebody decides at the other gateway.
            const other = stores[said.replica ? 0 : 1];
            const verdict = { id: approval.id, decision: 'once', by: 'web:ben', byName: 'Ben' } as const;
            deciding.push(round().then(() => other.approvals.decide({ ...verdict, now: Date.now() })));
            return 'waiting';
          }
          begun.push(id);
          texts.set(id, claimed.turn.input.text);
          atWork.delete(session);
          await finish(store, claimed);
          ended.push(id);
          if (ended.length === all.length) resolve();
          return 'ended';
        }

        const workers = stores.map((store, index) => openWorker(store, store.worker + index, work));
        for (const worker of workers) await worker.start();
        const edits = new Map<string, boolean>();
        for (const [id, said] of plan) {
          const store = stores[said.replica ? 1 : 0];
          await accept(store, id, { conversation: `${prefix}c${said.conversation}`, now: Date.now() });
          if (!said.edited) continue;
          const turn = await store.turns.byMessage(place(`${prefix}c${said.conversation}`), id);
          edits.set(id, turn !== undefined && (await store.turns.edit(turn.id, 'edited', Date.now())));
        }
        await done;
        await Promise.all(deciding);
        for (const worker of workers) await worker.drain(1_000);

        for (let conversation = 0; conversation <= 3; conversation++) {
          const own = [...plan].filter(([, said]) => said.conversation === conversation).map(([id]) => id);
          expect(begun.filter((id) => own.includes(id))).toEqual(own);
        }
        // An edit that was taken is what ran; one that came too late changed nothing.
        for (const [id, taken] of edits) expect(texts.get(id)).toBe(taken ? 'edited' : 'hello');
      }),
      { numRuns: 15 },
    );
  });
}
