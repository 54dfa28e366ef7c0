/** Requests of one card: decided together, called off together, and where their cards are. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anybody, ben, cy, openScene, type Scene } from './approvals-scene.ts';

let s: Scene;
beforeEach(async () => {
  s = await openScene();
});
afterEach(() => s.close());

const batch = { row: { batch: 'B' } };
const statuses = async () => (await s.store.approvals.ofBatch('B')).map(({ status }) => status);

describe('requests asked together', () => {
  it('are approved by one press', async () => {
    await s.wait(batch, batch);
    expect(await s.decide('B', 'once', ben)).toEqual({
      accepted: true,
      text: 'Approved once by Ben: 2 of 2.',
    });
    expect(await statuses()).toEqual(['approved', 'approved']);
  });

  it('are denied by one press, each with the reason', async () => {
    const { turn } = await s.wait(batch, batch);
    expect((await s.decide('B', 'deny', ben, 'no')).text).toBe('Denied by Ben: 2 of 2.');
    const events = await s.store.events.list(turn.id);
    expect(events.slice(-2)).toMatchObject([
      { index: 1, reason: 'no' },
      { index: 2, reason: 'no' },
    ]);
  });

  it('A12: are never always allowed by one press', async () => {
    await s.wait(batch, batch);
    expect(await s.decide('B', 'always', ben)).toEqual({
      accepted: false,
      text: 'Requests asked together can be approved once or denied.',
    });
    expect(await statuses()).toEqual(['pending', 'pending']);
  });

  it('E37: what is decided already is left alone; a press on nothing else hears so', async () => {
    const { ids } = await s.wait(batch, batch);
    await s.decide(ids[0] ?? '', 'deny', cy);
    expect((await s.decide('B', 'once', ben)).text).toBe('Approved once by Ben: 1 of 1.');
    expect(await statuses()).toEqual(['denied', 'approved']);
    expect(await s.decide('B', 'once', ben)).toEqual({
      accepted: false,
      text: 'All of these are decided already.',
    });
  });

  it('A5: says which of them are still open, each reason once', async () => {
    const two = { row: { batch: 'B', terms: { ...anybody, required: 2 } } };
    await s.wait(batch, two, two);
    expect(await s.decide('B', 'once', ben)).toEqual({
      accepted: true,
      text: 'Approved once by Ben: 1 of 3. Approved by Ben; 1 more person has to approve.',
    });
    expect(await statuses()).toEqual(['approved', 'pending', 'pending']);
  });

  it('E39: one that this person may not decide about stays open, and the press did not do all of it', async () => {
    const other = { row: { batch: 'B', terms: { ...anybody, approvers: [cy.id] } } };
    await s.wait(batch, other);
    expect(await s.decide('B', 'once', ben)).toEqual({
      accepted: false,
      text: 'Approved once by Ben: 1 of 2. You may not decide about this. Ask cy.',
    });
    expect(await statuses()).toEqual(['approved', 'pending']);
  });
});

describe('a turn that somebody stops', () => {
  const settled = async (turnId: string) =>
    (await s.settlePending(turnId, ben)).map(({ key, message }) => [key, message.card?.outcome]);

  it('E74: every open card says who stopped it', async () => {
    const { turn, ids } = await s.wait({}, {}, {});
    await s.wait({}, {}, {});
    await s.decide(ids[1] ?? '', 'deny', cy);
    const outcome = 'Cancelled: Ben stopped the work';
    expect(await settled(turn.id)).toEqual([
      [`${ids[0]}:card:decided`, outcome],
      [`${ids[2]}:card:decided`, outcome],
    ]);
  });

  it('of a turn that is not there, nothing is', async () => {
    await s.wait({});
    expect(await settled('none')).toEqual([]);
  });
});

describe('where a card may be', () => {
  const keys = async (id: string) => (await s.cardsWith(id, ben.id)).map(({ key }) => key);

  it('P5: of a request, of a batch, of an unknown id', async () => {
    const { id } = await s.wait(batch, batch);
    expect(await keys(id)).toEqual([`${id}:card`, `${id}:card:web:ben`]);
    expect(await keys('B')).toEqual(['B:card', 'B:card:web:ben']);
    expect(await keys('none')).toEqual([]);
  });

  it('P5: of a request that was asked after others, where that one is', async () => {
    const { ids } = await s.wait({}, { event: { summary: 'S' } });
    expect(await keys(ids[1] ?? '')).toEqual(['S:card', 'S:card:web:ben']);
  });

  it('P5: on a summary, with every edit that may have come last', async () => {
    const { id, ids } = await s.wait({ event: { summary: 'S' } }, { event: { summary: 'S' } }, {});
    const [here, direct] = await s.cardsWith(id, ben.id);
    expect([here?.key, direct?.key]).toEqual(['S:card', 'S:card:web:ben']);
    const steps = ids
      .slice(0, 2)
      .flatMap((of) => ['asked', 'decided', 'ran', 'cancelled'].map((step) => `${of}:${step}`));
    expect(here?.edits).toEqual(steps.map((step) => `S:card:${step}`));
    expect(direct?.edits).toEqual(steps.map((step) => `S:card:web:ben:${step}`));
  });
});

describe('a row that is gone, or without its turn or its log', () => {
  it('F32: decides nothing', async () => {
    const { id } = await s.wait({});
    const turns = { ...s.store.turns, get: async () => undefined };
    const events = { ...s.store.events, list: async () => [] };
    const approvals = { ...s.store.approvals, decide: async () => ({ outcome: 'unknown' }) as const };
    for (const changed of [{ turns }, { events }, { approvals }])
      expect(await s.on(changed).decide(id, 'once', ben)).toEqual({
        accepted: false,
        text: 'There is no such request for approval.',
      });
    expect(await s.on({ turns }).settlePending(id, ben)).toEqual([]);
    expect((await s.store.approvals.get(id))?.status).toBe('pending');
  });
});
