/** The card over all requests of one answer: whole, with what is to be known of each, for those who may decide all. */
import { describe, expect, it } from 'vitest';
import type { Approval } from '../../../src/domain/approval.ts';
import { newBatchCards, settledBatchCards, togetherText } from '../../../src/gateway/batch-card.ts';
import { optionsFor, type Request, request, turn } from './cards-scene.ts';

const here = optionsFor('conversation');
const batched = (index: number, more: Partial<Request> = {}) => request(index, { batch: 'B', ...more });
const keys = (deliveries: readonly { key: string }[]) => deliveries.map(({ key }) => key);

describe('the batch card', () => {
  it('A8: shows every request whole, and one decision for all', () => {
    const [card, ...others] = newBatchCards(turn, [batched(2), batched(1)], here);
    expect(others).toEqual([]);
    expect(card).toMatchObject({
      ...{ key: 'B:card', turnId: 't1', lane: 's' },
      target: { kind: 'send', to: turn.input.where },
    });
    const action = '1 of 2: Run this command?\nmkdir r-2\n\n2 of 2: Run this command?\nmkdir r-1';
    expect(card?.message).toEqual({
      kind: 'card',
      text: [
        'Do both of these?',
        '```text',
        action,
        '```',
        'asked by Cy · in /w · sandbox: bubblewrap',
        'Why it asks: 1: creates files or folders; 2: creates files or folders',
        'To decide about one of them alone, use /approvals.',
        'Decide about all of it with /approve B once or deny',
      ].join('\n'),
      card: {
        title: 'Do both of these?',
        action: { text: action, language: 'text' },
        facts: ['asked by Cy', 'in /w', 'sandbox: bubblewrap'],
        why: ['1: creates files or folders', '2: creates files or folders'],
        notes: ['To decide about one of them alone, use /approvals.'],
        expiresAt: 9_001,
      },
      buttons: [
        { label: 'Approve both once', token: 'once:B', style: 'primary' },
        { label: 'Deny both', token: 'deny:B', style: 'danger' },
      ],
      turnId: 't1',
    });
  });

  it('A8: says of how many it is, on its buttons too', () => {
    const [card] = newBatchCards(turn, [batched(1), batched(2), batched(3)], here);
    expect(card?.message.card?.title).toBe('Do all 3 of these?');
    expect(card?.message.buttons?.map(({ label }) => label)).toEqual(['Approve all 3 once', 'Deny all']);
  });

  it('A9: spells out invisible characters in each', () => {
    const display = { ...request(1).display, text: 'rm a\u202eb' };
    const [card] = newBatchCards(turn, [batched(1, { display }), batched(2)], here);
    expect(card?.message.card?.action.text).toContain('rm a\\u{202E}b');
  });

  it('says whose facts they are where they are not those of all', () => {
    const requests = [
      batched(1, { sandbox: 'none' }),
      batched(2, { required: 2 }),
      batched(3, { required: 2 }),
    ];
    const [card] = newBatchCards(turn, requests, here);
    expect(card?.message.card?.facts.slice(2)).toEqual([
      '1: sandbox: none',
      '2, 3: sandbox: bubblewrap',
      '2, 3: 2 people have to approve',
    ]);
  });

  it('A5: goes in private to those alone who may decide about all of it', () => {
    const options = {
      ...optionsFor('both'),
      approversFor: (_: unknown, { approvers }: { approvers: readonly string[] | null }) =>
        approvers ?? ['web:ann', 'web:bo', 'web:di'],
    };
    const requests = [
      batched(1),
      batched(2, { approvers: ['web:bo', 'web:ann'] }),
      batched(3, { approvers: ['web:bo'] }),
    ];
    expect(keys(newBatchCards(turn, requests, options))).toEqual(['B:card', 'B:card:web:bo']);
    expect(keys(newBatchCards(turn, requests.slice(0, 2), options))).toEqual([
      'B:card',
      'B:card:web:ann',
      'B:card:web:bo',
    ]);
  });

  it('E47: in private only, the conversation is told that it waits, also without cards of their own', () => {
    const [told, ...cards] = newBatchCards(turn, [batched(1), batched(2)], optionsFor('approvers'));
    expect(told).toMatchObject({ key: 'B:asked', message: { kind: 'notice' } });
    expect(told?.message.text).toMatch(/waits for approval of several actions/);
    expect(keys(cards)).toEqual(['B:card:web:ann', 'B:card:web:bo']);
  });

  it('E46: once all are decided, every copy says how, without buttons', () => {
    const rows = [
      { decision: 'once', decidedByName: 'Ann' },
      { decision: 'deny', decidedByName: 'Bo' },
    ] as Approval[];
    const edits = settledBatchCards(turn, [batched(1), batched(2)], rows, here);
    const outcome = '1: Approved once by Ann · 2: Denied by Bo';
    expect(edits).toMatchObject([
      {
        ...{ key: 'B:card:decided', target: { kind: 'edit', of: 'B:card' } },
        message: { card: { outcome, settledAt: 5_000 }, buttons: [] },
      },
    ]);
    expect(edits[0]?.message.card).not.toHaveProperty('expiresAt');
    expect(edits[0]?.message.card).not.toHaveProperty('notes');
    expect(edits[0]?.message.text).toMatch(new RegExp(`\\n${outcome}$`));
  });

  it('says what became of several as one where it is the same', () => {
    expect(togetherText(['a', 'a'])).toBe('Both: a');
    expect(togetherText(['a', 'a', 'a'])).toBe('All 3: a');
    expect(togetherText(['a', 'b', 'a'])).toBe('1: a · 2: b · 3: a');
  });
});
