/** Decisions of people: whose count, what they do, what is said to whom, and what becomes of the cards. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ana, anybody, asks, ben, cy, openScene, type Scene } from './approvals-scene.ts';

let s: Scene;
beforeEach(async () => {
  s = await openScene();
});
afterEach(() => s.close());

const two = { ...anybody, required: 2 };
const statusOf = async (id: string) => (await s.store.approvals.get(id))?.status;
const edits = async () => (await s.drain()).map(({ key, message }) => [key, message.card?.outcome]);

describe('a decision', () => {
  it('E27, E30: counts: the person hears so, the row and the card say so, and it is counted', async () => {
    const { turn, id } = await s.wait({});
    expect(await s.decide(id, 'once', ben)).toEqual({ accepted: true, text: 'Approved once by Ben' });
    expect(await s.store.approvals.get(id)).toMatchObject({
      status: 'approved',
      decidedBy: 'web:ben',
      decidedByName: 'Ben',
      decidedAt: 5_000,
      votes: [{ by: 'web:ben', byName: 'Ben', person: 'web:ben', at: 5_000 }],
    });
    expect(s.counted).toEqual([['parley_approvals_total', { decision: 'once' }]]);
    expect(s.warned).toEqual([]);
    expect(s.reviewed).toEqual([[turn.id, 4, 1]]);
    expect(await edits()).toEqual([[`${id}:card:decided`, 'Approved once by Ben']]);
  });

  it('E33: a refusal needs no look at the rules, and tells the model why', async () => {
    const { turn, id } = await s.wait({});
    s.rules.policy = undefined;
    const answer = await s.decide(id, 'deny', ben, 'not on a Friday');
    expect(answer).toEqual({ accepted: true, text: 'Denied by Ben' });
    expect(s.reviewed).toEqual([]);
    expect(await s.last(turn)).toMatchObject({ decision: 'deny', byName: 'Ben', reason: 'not on a Friday' });
  });

  it('a refusal without a reason has none', async () => {
    const { turn, id } = await s.wait({});
    await s.decide(id, 'deny', ben);
    expect(await s.last(turn)).not.toHaveProperty('reason');
  });

  it('E42: "always" lasts as long as the profile says', async () => {
    const [endless, bounded] = [await s.wait({}), await s.wait({ row: { alwaysKey: 'other' } })];
    expect(await s.decide(endless.id, 'always', ben)).toEqual({
      accepted: true,
      text: 'Always allowed by Ben',
    });
    s.rules.alwaysExpiresMs = 7_000;
    await s.decide(bounded.id, 'always', ben);
    const grants = await s.store.approvals.grants(0);
    expect(grants.map(({ key, expiresAt }) => [key, expiresAt])).toEqual(
      expect.arrayContaining([
        ['shell rm 1', null],
        ['other', 12_000],
      ]),
    );
  });

  it('A12: what can never always run is approved once or not at all', async () => {
    const { id } = await s.wait({ row: { alwaysKey: null } });
    expect(await s.decide(id, 'always', ben)).toEqual({
      accepted: false,
      text: 'This can only be approved once: it is not the kind of action that may always run.',
    });
    expect(await statusOf(id)).toBe('pending');
  });

  it('E37: a second press hears who decided, even when the rules forbid it by now', async () => {
    const { id } = await s.wait({});
    await s.decide(id, 'once', ben);
    s.rules.policy = { ...asks, decision: 'deny' };
    expect(await s.decide(id, 'once', cy)).toEqual({
      accepted: false,
      text: 'Already decided: Approved once by Ben.',
    });
    expect(s.counted).toHaveLength(1);
  });

  it('F37: after its time it hears that it has expired, and nothing is decided', async () => {
    const { id } = await s.wait({});
    s.rules.now = 100_000;
    expect(await s.decide(id, 'once', ben)).toEqual({
      accepted: false,
      text: 'This request has expired; nothing was run. Ask again if it is still needed.',
    });
    expect([await statusOf(id), s.counted]).toEqual(['pending', []]);
  });

  it('E40: an unknown id changes nothing and tells nothing', async () => {
    const { turn, id } = await s.wait({});
    const before = await s.store.events.list(turn.id);
    expect(await s.decide(`${id}0`, 'once', ben)).toEqual({
      accepted: false,
      text: 'There is no such request for approval.',
    });
    expect([await s.store.events.list(turn.id), s.counted, s.warned]).toEqual([before, [], []]);
  });
});

describe('who decides', () => {
  const refused = async (id: string, by = cy) => {
    const { accepted, text } = await s.decide(id, 'once', by);
    expect([accepted, await statusOf(id)]).toEqual([false, 'pending']);
    return text;
  };

  it('E39, F39: nobody else: told who may, logged, counted, and in the log of the turn', async () => {
    s.rules.access = { ...s.rules.access, approvers: [ana.id, ben.id] };
    const { turn, id } = await s.wait({});
    expect(await s.decide(id, 'always', cy)).toEqual({
      accepted: false,
      text: 'You may not decide about this. Ask ana or ben.',
    });
    expect(await statusOf(id)).toBe('pending');
    expect(await s.last(turn)).toMatchObject({
      ...{ type: 'approval.refused', approvalId: id, index: 1, decision: 'always', at: 5_000 },
      ...{ by: 'web:cy', byName: 'Cy' },
    });
    expect(s.counted).toEqual([['parley_approvals_refused_total']]);
    expect(s.warned).toEqual([
      [
        { approval: id.slice(0, 6), turn: turn.id, by: 'web:cy', decision: 'always' },
        'approval refused: not an approver',
      ],
    ]);
    expect(await s.drain()).toEqual([]);
  });

  it('E39: nobody else denies either', async () => {
    s.rules.access = { ...s.rules.access, approvers: [ben.id] };
    const { id } = await s.wait({});
    expect((await s.decide(id, 'deny', cy)).accepted).toBe(false);
    expect(await statusOf(id)).toBe('pending');
  });

  it('A33: an account that is no person has no say, listed or not', async () => {
    const { id } = await s.wait({});
    expect(await refused(id, { ...ben, kind: 'bot' })).toBe(
      'You may not decide about this. Ask ana or ben or cy.',
    );
  });

  it('A5: those whom the rule names, if they may talk at all', async () => {
    const terms = { ...anybody, approvers: [cy.id] };
    s.rules.policy = { ...asks, terms };
    const { id } = await s.wait({ row: { terms } });
    s.rules.access = { ...s.rules.access, approvers: [ben.id] };
    expect(await refused(id, ben)).toBe('You may not decide about this. Ask cy.');
    s.rules.access = { ...s.rules.access, users: [] };
    expect(await refused(id)).toBe('You may not decide about this. Ask cy.');
    s.rules.access = { ...s.rules.access, users: [cy.id] };
    expect((await s.decide(id, 'once', cy)).accepted).toBe(true);
  });

  it('F35: by the rules it was asked under and by those of now', async () => {
    const { id } = await s.wait({});
    s.rules.policy = { ...asks, terms: { ...anybody, approvers: [ben.id] } };
    expect(await refused(id)).toBe('You may not decide about this. Ask ben.');
    s.rules.policy = { ...asks, terms: { ...anybody, approvers: ['web:dee'] } };
    expect(await refused(id)).toBe(
      'You may not decide about this. Nobody is set up to approve; an admin can change access.approvers.',
    );
    s.rules.policy = { ...asks, decision: 'allow', terms: { ...anybody, approvers: [ben.id] } };
    expect((await s.decide(id, 'once', cy)).accepted).toBe(true);
  });

  it('A5: the second person is somebody else, on whatever account', async () => {
    const people = { ana: [ana.id, cy.id] };
    s.rules.access = { ...s.rules.access, people };
    const { id } = await s.wait({ row: { terms: { ...anybody, secondPerson: true } } });
    const own = 'A second person has to decide about your own request. Ask ben.';
    expect([await refused(id, ana), await refused(id, cy)]).toEqual([own, own]);
    // Whoever may not decide about anything is not told of a second person.
    s.rules.access = { ...s.rules.access, approvers: [ben.id] };
    expect(await refused(id, ana)).toBe('You may not decide about this. Ask ben.');
    expect((await s.decide(id, 'once', ben)).accepted).toBe(true);
  });

  it('A5: of those whom the rule names, the asker is the first person too', async () => {
    const terms = { approvers: [ana.id, ben.id], required: 1, secondPerson: true };
    s.rules.access = { ...s.rules.access, approvers: [] };
    s.rules.policy = { ...asks, terms };
    const { id } = await s.wait({ row: { terms } });
    expect(await refused(id, ana)).toBe('A second person has to decide about your own request. Ask ben.');
  });
});

describe('several who have to agree', () => {
  it('A5: the first hears who is missing, the card says who agreed, the last decides', async () => {
    const { id } = await s.wait({ row: { terms: two }, event: { required: 2 } });
    expect(await s.decide(id, 'once', ben)).toEqual({
      accepted: true,
      isOpen: true,
      text: 'Approved by Ben; 1 more person has to approve.',
    });
    expect(s.counted).toEqual([]);
    const [card] = await s.drain();
    expect(card?.key).toBe(`${id}:card:vote-1`);
    expect(card?.message.card?.facts).toContain('2 people have to approve, so far Ben');
    expect(await s.decide(id, 'once', ben)).toEqual({
      accepted: false,
      text: 'You have approved this already; somebody else has to agree too.',
    });
    expect((await s.decide(id, 'once', cy)).text).toBe('Approved once by Ben and Cy');
    expect(await edits()).toEqual([[`${id}:card:decided`, 'Approved once by Ben and Cy']]);
    expect(s.counted).toHaveLength(1);
  });

  it('A5: two accounts of one person are one', async () => {
    s.rules.access = { ...s.rules.access, people: { ben: [ben.id, cy.id] } };
    const { id } = await s.wait({ row: { terms: two } });
    await s.decide(id, 'once', ben);
    expect((await s.decide(id, 'once', cy)).accepted).toBe(false);
  });

  it('F35: as many as the rules of then or of now say, whichever is more', async () => {
    const [stricter, looser] = [await s.wait({}), await s.wait({ row: { terms: two } })];
    expect((await s.decide(looser.id, 'once', ben)).text).toMatch(/1 more person has/);
    s.rules.policy = { ...asks, terms: { ...anybody, required: 3 } };
    expect(await s.decide(stricter.id, 'once', ben)).toMatchObject({
      isOpen: true,
      text: 'Approved by Ben; 2 more people have to approve.',
    });
  });
});

describe('rules that became stricter', () => {
  it('F35: what they forbid by now is denied, whoever presses, and both chat and model learn why', async () => {
    const { turn, id } = await s.wait({});
    s.rules.policy = { ...asks, decision: 'deny', rule: 'rule 7' };
    expect(await s.decide(id, 'once', ben)).toEqual({
      accepted: false,
      text: 'Not run: rule 7 forbids it by now.',
    });
    expect(await s.store.approvals.get(id)).toMatchObject({ status: 'denied', decidedBy: null, votes: [] });
    expect(await s.last(turn)).toMatchObject({ decision: 'deny', by: null, byName: null, at: 5_000 });
    expect(await s.last(turn)).toMatchObject({ reason: 'rule 7 forbids it by now' });
    expect(s.counted).toEqual([['parley_approvals_total', { decision: 'deny' }]]);
    expect(await edits()).toEqual([[`${id}:card:decided`, 'Not run: rule 7 forbids it by now']]);
  });

  it('F35: what makes no sense any more is denied as well', async () => {
    const { id } = await s.wait({});
    s.rules.policy = undefined;
    expect((await s.decide(id, 'once', ben)).text).toBe(
      'Not run: the action cannot be run any more under the configuration of now.',
    );
    expect(await statusOf(id)).toBe('denied');
  });

  it('E39: whoever may not decide brings nothing about by pressing', async () => {
    const { id } = await s.wait({});
    s.rules.access = { ...s.rules.access, approvers: [ben.id] };
    s.rules.policy = { ...asks, decision: 'deny' };
    expect((await s.decide(id, 'once', cy)).text).toMatch(/^You may not decide/);
    expect(await statusOf(id)).toBe('pending');
  });
});
