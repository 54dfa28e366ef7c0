/** What becomes of cards that are out: edits, reminders, where one may be; and the words about decisions. */
import { describe, expect, it } from 'vitest';
import { actionsOf, foresee } from '../../../src/agent/state.ts';
import type { Approval, Decision } from '../../../src/domain/approval.ts';
import type { Event, EventBody } from '../../../src/domain/event.ts';
import { decidedText, outcomeOf, tooLateText, unreachable } from '../../../src/gateway/approval-words.ts';
import { cardMessage } from '../../../src/gateway/cards.ts';
import { cardsBefore, reminders, settledCards, showings } from '../../../src/gateway/settled-cards.ts';
import { optionsFor, proposing, ran, request, resolved, stateOf, turn } from './cards-scene.ts';

const here = optionsFor('conversation');
const both = optionsFor('both');
const keys = (deliveries: readonly { key: string }[]) => deliveries.map(({ key }) => key);
const remindedOf = (index: number): EventBody => ({
  type: 'approval.reminded',
  approvalId: `id-${index}`,
  index,
});
const voted = { type: 'approval.voted', approvalId: 'id-1', index: 1, by: 'web:ann', byName: 'Ann' } as const;
const asked = [proposing(1, 2), request(1)];

describe('edits', () => {
  it('E46: every copy says by now what the log says', () => {
    const state = stateOf(...asked, resolved(1, 'once'), ...ran(1, 0));
    const message = cardMessage(turn, request(1), 'Approved once by Ann — exit 0 in 6 ms', both);
    const edit = (key: string, lane: string) => ({
      ...{ key: `${key}:ran`, turnId: 't1', lane, message },
      target: { kind: 'edit', of: key },
    });
    expect(settledCards(turn, state, 1, 'ran', both)).toEqual([
      edit('id-1:card', 's'),
      edit('id-1:card:web:ann', 'direct:web:ann'),
      edit('id-1:card:web:bo', 'direct:web:bo'),
    ]);
  });

  it('A5: a vote is on the card, which stays open', () => {
    const state = stateOf(proposing(1), request(1, { required: 2 }), { ...voted, votes: 1, required: 2 });
    const [edit] = settledCards(turn, state, 1, 'vote-1', here);
    expect(edit?.message.card?.facts).toContain('2 people have to approve, so far Ann');
    expect(edit?.message.buttons).toHaveLength(2);
  });

  it('F40: copies that a reminder brought are edited too', () => {
    const state = stateOf(...asked, remindedOf(1));
    expect(keys(settledCards(turn, state, 1, 'decided', here))).toEqual([
      'id-1:card:decided',
      'id-1:card:web:ann:decided',
      'id-1:card:web:bo:decided',
    ]);
  });

  it('of what nobody was asked about there is no card', () => {
    const state = stateOf(...asked);
    for (const index of [2, 3]) {
      expect(settledCards(turn, state, index, 'decided', here)).toEqual([]);
      expect(reminders(turn, state, index, 0, here)).toEqual([]);
    }
  });
});

describe('what shows a request to somebody', () => {
  const eventsOf = (...bodies: EventBody[]): Event[] =>
    bodies.map((body, i) => ({ ...body, v: 1, turnId: 't1', seq: i + 1, at: 1 }) as Event);

  it('F40: the copies of its card', () => {
    expect(showings(turn, eventsOf(...asked), 1, both)).toEqual([
      'id-1:card',
      'id-1:card:web:ann',
      'id-1:card:web:bo',
    ]);
    expect(showings(turn, eventsOf(...asked), 2, both)).toEqual([]);
    expect(showings(turn, eventsOf(...asked, request(2)), 2, here)).toEqual(['id-2:card']);
    // Where they are many, the card over all of them is the only one.
    const together = eventsOf(...asked, request(2, { batch: 'B' }));
    expect(showings(turn, together, 2, here)).toEqual(['id-2:card', 'B:card']);
  });

  it('F40: on a summary, the post for those it began with, an edit for later ones', () => {
    const on = (index: number, more = {}) => request(index, { summary: 'S', ...more });
    const events = eventsOf(
      proposing(1, 2),
      on(1, { batch: 'B' }),
      on(2, { batch: 'B' }),
      proposing(3, 4),
      on(3),
      on(4, { summary: 'T' }),
    );
    const shown = (index: number) => showings(turn, events, index, here);
    expect([1, 2, 3, 4].map(shown)).toEqual([['S:card'], ['S:card'], ['S:card:id-3:asked'], ['T:card']]);
  });
});

describe('reminders', () => {
  const texts = (...args: Parameters<typeof reminders>) =>
    reminders(...args).map(({ key, message }) => [
      key,
      message.kind,
      message.kind === 'notice' ? message.text : '',
    ]);
  const text = 'Still waiting for approval of `mkdir r-1` (asked 4.0 s ago). It is denied in 4.0 s.';

  it('F40: the conversation hears how long it waits, and the approvers have the card', () => {
    const state = stateOf(...asked);
    const [told, card] = reminders(turn, state, 1, 1_000, here);
    expect(told).toEqual({
      ...{ key: 'id-1:reminder', turnId: 't1', lane: 's' },
      target: { kind: 'send', to: turn.input.where },
      message: { kind: 'notice', text, turnId: 't1' },
    });
    expect(card).toEqual({
      ...{ key: 'id-1:card:web:ann', turnId: 't1', lane: 'direct:web:ann' },
      target: { kind: 'direct', user: 'web:ann' },
      message: cardMessage(turn, request(1), null, here),
    });
    expect(reminders(turn, state, 1, 1_000, here)).toHaveLength(3);
  });

  it('F40: approvers who have it are told in private', () => {
    const told = [
      ['id-1:reminder', 'notice', text],
      ['id-1:card:web:ann:id-1:reminder', 'notice', text],
      ['id-1:card:web:bo:id-1:reminder', 'notice', text],
    ];
    expect(texts(turn, stateOf(...asked), 1, 1_000, both)).toEqual(told);
    const [, direct] = reminders(turn, stateOf(...asked), 1, 1_000, both);
    expect(direct).toMatchObject({ lane: 'direct:web:ann', target: { kind: 'direct', user: 'web:ann' } });
  });

  it('F40: a card that was brought to mind is not sent anew for itself, nor for others', () => {
    // The log says so already when the deliveries are made.
    const own = stateOf(...asked, remindedOf(1));
    expect(texts(turn, own, 1, 1_000, here)[1]).toEqual(['id-1:card:web:ann', 'card', '']);
    const two = [proposing(1, 2), request(1), request(2)];
    const other = stateOf(...two, remindedOf(2), remindedOf(1));
    expect(texts(turn, other, 1, 1_000, here)[1]).toEqual(['id-1:card:web:ann', 'card', '']);
    const shared = [1, 2].map((index) => request(index, { summary: 'S' }));
    const onOne = stateOf(proposing(1, 2), ...shared, remindedOf(2), remindedOf(1));
    expect(texts(turn, onOne, 1, 1_000, here)[1]).toEqual(['S:card:web:ann:id-1:reminder', 'notice', text]);
  });

  it('E46: what is past its time is denied in no time', () => {
    const late = { ...here, now: () => 20_000 };
    expect(texts(turn, stateOf(...asked), 1, 1_000, late)[0]?.[2]).toMatch(
      /\(asked 19\.0 s ago\)\. It is denied in 0 ms\.$/,
    );
  });
});

describe('where a card may be', () => {
  it('P5: in the conversation or in private, as any edit may have left it', () => {
    const of = (key: string) => ({ key, edits: [`${key}:decided`, `${key}:ran`, `${key}:cancelled`] });
    const own = [of('id-1:card'), of('id-1:card:web:ann')];
    expect(cardsBefore('id-1', 'web:ann', [])).toEqual(own);
    expect(cardsBefore('id-1', 'web:ann', [request(1)])).toEqual(own);
  });
});

describe('words about a decision', () => {
  const rowOf = (decision: Decision | null, decidedByName: string | null) =>
    ({ decision, decidedByName }) as Approval;
  const withReason = (decision: Decision, reason?: string) => {
    const of = { type: 'approval.resolved', approvalId: 'id-1', index: 1, decision } as const;
    const said = reason === undefined ? {} : { reason };
    const state = foresee(stateOf(...asked), 't1', [{ ...of, by: null, byName: null, ...said }], 2);
    return actionsOf(state).map(outcomeOf)[0];
  };

  it('E37, E38: say who, and what', () => {
    expect(decidedText(rowOf('once', 'Ann'))).toBe('Approved once by Ann');
    expect(decidedText(rowOf('always', 'Ann'))).toBe('Always allowed by Ann');
    expect(decidedText(rowOf('deny', 'Ann'))).toBe('Denied by Ann');
    expect(decidedText(rowOf('deny', null))).toBe('Denied by the rules');
    expect(decidedText(rowOf('cancelled', 'Ann'))).toBe('Cancelled: Ann stopped the work');
    expect(decidedText(rowOf('cancelled', null))).toBe('Cancelled: the work was stopped');
    expect(decidedText(rowOf('expired', null))).toBe('Expired without a decision');
    expect(decidedText(rowOf(null, null))).toBe('Cancelled: the work was stopped');
  });

  it('E37: whoever comes too late hears the same', () => {
    expect(tooLateText(rowOf('once', 'Ann'))).toBe('Already decided: Approved once by Ann.');
    expect(tooLateText(rowOf('expired', null))).toBe('Already decided: expired without a decision.');
  });

  it('say why, where the rules or a failure decided', () => {
    expect(withReason('deny', 'rule 7 forbids it')).toBe('Not run: rule 7 forbids it');
    expect(withReason('cancelled', 'It failed.')).toBe('Cancelled. It failed.');
    expect(withReason('cancelled')).toBe('Cancelled: the work was stopped');
  });

  it('say how it ended once it has run, and nothing while it is open', () => {
    const outcome = (...bodies: EventBody[]) => actionsOf(stateOf(...asked, ...bodies)).map(outcomeOf)[0];
    expect(outcome()).toBeNull();
    expect(outcome(resolved(1, 'once'))).toBe('Approved once by Ann');
    expect(outcome(resolved(1, 'once'), ...ran(1, 2))).toBe('Approved once by Ann — exit 2 in 6 ms');
    const always = { ...resolved(1, 'once'), decision: 'always' } as EventBody;
    expect(outcome(always, ...ran(1, 0))).toBe('Always allowed by Ann — exit 0 in 6 ms');
    expect(outcome(resolved(1, 'deny'))).toBe('Denied by Ann');
  });

  it('E47: say who is missing when nobody can be asked', () => {
    const terms = { approvers: null, required: 2, secondPerson: false };
    const rules = { people: { ann: ['web:ann', 'slack:U1'] } };
    expect(unreachable(rules, ['web:ann', 'web:bo'], terms)).toBeNull();
    const [none, one] = [[], ['web:ann', 'slack:U1']].map((may) => unreachable(rules, may, terms));
    const end = 'so it was not done. An admin can list approvers in access.approvers.';
    expect(none).toBe(`This needs approval, and nobody is set up to give it, ${end}`);
    expect(one).toBe(`This needs approval, and 2 people have to give it and only 1 can, ${end}`);
  });
});
