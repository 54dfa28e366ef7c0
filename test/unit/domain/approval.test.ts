/** The state machine of one approval: who presses what, when, and what comes of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Approval, type Decision, decide, type Vote, voterNames } from '../../../src/domain/approval.ts';

const vote = (person: string): Vote => ({ by: `web:${person}`, byName: person, person, at: 1 });
const open = {
  status: 'pending',
  expiresAt: 100,
  alwaysKey: 'k',
  terms: { approvers: null, required: 1, secondPerson: false },
  votes: [],
} as const satisfies Partial<Approval>;
const ann = { person: 'ann', required: 1 };
const byTime = { person: null, required: 1 };
const two = { ...open, terms: { ...open.terms, required: 2 } };

describe('decide', () => {
  it.each<[Decision, string]>([
    ['once', 'approved'],
    ['always', 'approved'],
    ['deny', 'denied'],
    ['expired', 'expired'],
    ['cancelled', 'cancelled'],
  ])('%s makes it %s', (decision, status) => {
    expect(decide(open, decision, 99, ann)).toEqual({ outcome: 'decided', status });
  });

  it.each(['approved', 'denied', 'expired', 'cancelled'] as const)(
    'E37, E40: what is %s stays so, whoever presses whatever',
    (status) => {
      for (const decision of ['once', 'always', 'deny', 'expired', 'cancelled'] as const)
        expect(decide({ ...open, status }, decision, 0, ann)).toEqual({ outcome: 'already-decided' });
    },
  );

  it('F37: a person is too late from the very millisecond on; time and stops are not', () => {
    for (const decision of ['once', 'always', 'deny'] as const) {
      expect(decide(open, decision, 99, ann).outcome).toBe('decided');
      expect(decide(open, decision, 100, ann)).toEqual({ outcome: 'expired' });
    }
    expect(decide(open, 'expired', 100, byTime).outcome).toBe('decided');
    expect(decide(open, 'cancelled', 100, byTime).outcome).toBe('decided');
  });

  it('A12: an always for what can never be granted is none, and nothing else either', () => {
    const ungrantable = { ...open, alwaysKey: null };
    expect(decide(ungrantable, 'always', 0, ann)).toEqual({ outcome: 'not-grantable' });
    expect(decide(ungrantable, 'once', 0, ann).outcome).toBe('decided');
    expect(decide(ungrantable, 'deny', 0, ann).outcome).toBe('decided');
  });

  it('A5: counts different people, and takes the stricter of the rules of then and of now', () => {
    expect(decide(two, 'once', 0, ann)).toEqual({ outcome: 'voted' });
    expect(decide(two, 'always', 0, ann)).toEqual({ outcome: 'voted' });
    expect(decide(open, 'once', 0, { ...ann, required: 2 })).toEqual({ outcome: 'voted' });
    const voted = { ...two, votes: [vote('ann')] };
    expect(decide(voted, 'once', 0, ann)).toEqual({ outcome: 'already-voted' });
    expect(decide(voted, 'once', 0, { person: 'ben', required: 1 }).outcome).toBe('decided');
    expect(decide(voted, 'once', 0, { person: 'ben', required: 3 })).toEqual({ outcome: 'voted' });
    const more = { ...two, votes: [vote('ann'), vote('cy')] };
    expect(decide(more, 'once', 0, { person: 'cy', required: 3 })).toEqual({ outcome: 'already-voted' });
  });

  it('one who denies is enough, also one who approved before', () => {
    expect(decide({ ...two, votes: [vote('ann')] }, 'deny', 0, ann)).toEqual({
      outcome: 'decided',
      status: 'denied',
    });
    expect(decide({ ...two, votes: [vote('ann')] }, 'expired', 200, byTime).outcome).toBe('decided');
  });

  it('P7: approves only while it is open, in time and with as many people as it takes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('pending', 'approved', 'denied', 'expired', 'cancelled'),
        fc.constantFrom<Decision[]>('once', 'always', 'deny', 'expired', 'cancelled'),
        fc.record({ required: fc.integer({ min: 1, max: 3 }), now: fc.integer({ min: 1, max: 3 }) }),
        fc.uniqueArray(fc.constantFrom('ann', 'ben', 'cy')),
        fc.integer({ min: 98, max: 102 }),
        (status, decision, need, voters, now) => {
          const terms = { ...open.terms, required: need.required };
          const verdict = decide({ ...open, status, terms, votes: voters.map(vote) }, decision, now, {
            person: 'ann',
            required: need.now,
          });
          if (verdict.outcome !== 'decided' || verdict.status !== 'approved') return;
          expect(status).toBe('pending');
          expect(now).toBeLessThan(open.expiresAt);
          expect(new Set([...voters, 'ann']).size).toBe(voters.length + 1);
          expect(voters.length + 1).toBeGreaterThanOrEqual(Math.max(need.required, need.now));
        },
      ),
    );
  });
});

it('names those who approved', () => {
  expect(voterNames([vote('ann')])).toBe('ann');
  expect(voterNames([vote('ann'), vote('ben')])).toBe('ann and ben');
});
