/** What the card over the requests beyond the cards of a minute says, asks and sends, from the log alone (A8, A9, A49). */
import { describe, expect, it } from 'vitest';
import { foresee, type TurnState } from '../../../src/agent/state.ts';
import type { EventBody } from '../../../src/domain/event.ts';
import { createRenderer } from '../../../src/gateway/renderer.ts';
import { reminders } from '../../../src/gateway/settled-cards.ts';
import { newOnSummary, summaryMessage } from '../../../src/gateway/summary-card.ts';
import {
  optionsFor,
  proposing,
  type Request,
  ran,
  request as requestOf,
  resolved,
  stateOf,
  turn,
} from './cards-scene.ts';

/** On the summary that all of it is about. */
const request = (index: number, more: Partial<Request> = {}) => requestOf(index, { summary: 'S', ...more });
const options = optionsFor('conversation');
const shown = (state: TurnState) => summaryMessage(turn, state, 'S', options);
const tokens = (state: TurnState) => shown(state).buttons?.map((button) => button.token);

describe('the summary card', () => {
  it('A8: one open: asks as its own card would, says why it is this one, and names those decided before', () => {
    const state = stateOf(
      proposing(1),
      request(1),
      resolved(1, 'once'),
      ...ran(1, 0),
      proposing(2),
      request(2, { grantable: true, modelReason: 'to\u202eno', required: 2 }),
      {
        type: 'approval.voted',
        approvalId: 'id-2',
        index: 2,
        by: 'web:ann',
        byName: 'Ann',
        votes: 1,
        required: 2,
      },
    );
    expect(shown(state).card).toEqual({
      title: 'Run this command?',
      action: { text: 'mkdir r-2', language: 'bash' },
      facts: ['asked by Cy', 'in /w', 'sandbox: bubblewrap', '2 people have to approve, so far Ann'],
      why: ['creates files or folders'],
      notes: [
        'Too many requests in a minute for a card each, so they share this one.',
        'mkdir r-1: Approved once by Ann — exit 0 in 6 ms',
      ],
      modelReason: expect.not.stringContaining('\u202e'),
      expiresAt: 9_002,
      isRenewed: true,
    });
    expect(tokens(state)).toEqual(['once:id-2', 'always:id-2', 'deny:id-2']);
    expect(shown(state).text).toContain('Decide with /approve id-2 once, always or deny');
  });

  it('A9: invisible characters are shown, in what is open and in the names of what is decided', () => {
    const strange = { text: 'mkdir a\u200bb', question: 'Run this command?', language: 'bash', title: 't' };
    const action = { ...request(1).action, args: { command: 'mkdir a\u200bb\u202e`x`' } };
    const state = stateOf(
      proposing(1, 2),
      request(1, { action, batch: 'B' }),
      request(2, { display: strange, batch: 'B' }),
      resolved(1, 'once'),
    );
    expect(JSON.stringify(shown(state))).not.toMatch(/[\u200b\u202e]/);
    expect(shown(state).card?.notes?.at(-1)).toMatch(/^mkdir a.*b.*'x': Approved once by Ann$/);
  });

  it('several of one answer: all whole, one decision for all; one of them left: its own', () => {
    const asked = [proposing(1, 2, 3), ...[1, 2, 3].map((index) => request(index, { batch: 'B' }))];
    expect(shown(stateOf(...asked)).card).toMatchObject({
      title: 'Do all 3 of these?',
      action: {
        text: expect.stringMatching(
          /1 of 3: .*\nmkdir r-1\n\n2 of 3: .*\nmkdir r-2\n\n3 of 3: .*\nmkdir r-3$/,
        ),
      },
      expiresAt: 9_001,
    });
    expect(tokens(stateOf(...asked))).toEqual(['once:B', 'deny:B']);
    expect(tokens(stateOf(...asked, resolved(2, 'once')))).toEqual(['once:B', 'deny:B']);
    const left = stateOf(...asked, resolved(2, 'once'), resolved(1, 'once'));
    expect(shown(left).card?.action.text).toBe('mkdir r-3');
    expect(tokens(left)).toEqual(['once:id-3', 'deny:id-3']);
    const none = shown(stateOf(...asked, ...[1, 2, 3].map((index) => resolved(index, 'once'))));
    expect(none.card).toMatchObject({
      outcome: 'All 3: Approved once by Ann',
      settledAt: 5_000,
      isRenewed: true,
    });
    expect(none.buttons).toEqual([]);
  });

  it('A49: those of different answers are never decided about together', () => {
    const asked = [proposing(1, 2, 3), request(1), request(2, { batch: 'B' }), request(3, { batch: 'B' })];
    expect(shown(stateOf(...asked)).buttons?.map(({ label, token }) => [label, token])).toEqual([
      ['1: Approve once', 'once:id-1'],
      ['1: Deny', 'deny:id-1'],
      ['Approve 2–3 once', 'once:B'],
      ['Deny 2–3', 'deny:B'],
    ]);
    expect(
      shown(stateOf(...asked))
        .text.split('\n')
        .slice(-2),
    ).toEqual([
      '1: Decide with /approve id-1 once or deny',
      '2–3: Decide about all of it with /approve B once or deny',
    ]);
  });

  it('A8: however many it is about, a button names all of them and fits every platform', () => {
    const indices = Array.from({ length: 40 }, (_, i) => i + 1);
    const batched = indices.map((index) => request(index, index === 1 || index === 9 ? {} : { batch: 'B' }));
    const state = stateOf(proposing(...indices), ...batched);
    const labels = shown(state).buttons?.map(({ label }) => label) ?? [];
    expect(labels).toContain('Approve 2–8, 10–40 once');
    expect(Math.max(...labels.map((label) => label.length))).toBeLessThanOrEqual(75);
  });

  it('names the latest of many, and counts the others', () => {
    const before = [1, 2, 3, 4, 5, 6].flatMap((index) => [
      proposing(index),
      request(index),
      resolved(index, 'once'),
    ]);
    const { notes = [] } = shown(stateOf(...before, proposing(7), request(7))).card ?? {};
    expect(notes.slice(1)).toEqual([
      '2 earlier ones are decided.',
      ...[3, 4, 5, 6].map((index) => `mkdir r-${index}: Approved once by Ann`),
    ]);
  });

  it('A9: a name that is cut within a character is still text that every platform takes', () => {
    const action = { ...request(1).action, args: { command: `mkdir ${'\u{1F600}'.repeat(60)}` } };
    for (const command of [action.args.command, `a${action.args.command}`]) {
      const cut = request(1, { action: { ...action, args: { command } } });
      const state = stateOf(proposing(1), cut, resolved(1, 'once'), proposing(2), request(2));
      expect(shown(state).card?.notes?.every((note) => note.isWellFormed())).toBe(true);
    }
  });

  it('A10: an earlier one is one line, whatever became of it', () => {
    const output = `There is no tool "x".\nRun this command?\n${'tool, '.repeat(500)}`;
    const failed: EventBody = {
      ...{ type: 'tool.finished', index: 1, callId: 'c1', tool: 'shell', ok: false },
      ...{ output, metadata: {}, durationMs: 0 },
    };
    const state = stateOf(proposing(1), request(1), resolved(1, 'once'), failed, proposing(2), request(2));
    const line = shown(state).card?.notes?.at(-1) ?? '';
    expect(line).toMatch(/^mkdir r-1: Approved once by Ann — There is no tool "x". Run this/);
    expect(line).not.toContain('\n');
    expect(line.length).toBeLessThan(240);
  });

  it('with a decision for all of it, words and buttons need no numbers, and one alone is said to be possible', () => {
    const alone = 'To decide about one of them alone, use /approvals.';
    const one = shown(stateOf(proposing(1), request(1)));
    expect(one.text).toMatch(/share this one\.\nDecide with \/approve id-1 once or deny$/);
    expect(one.buttons?.map(({ label }) => label)).toEqual(['Approve once', 'Deny']);
    expect(one.card?.notes).not.toContain(alone);
    const both = [1, 2].map((index) => request(index, { batch: 'B' }));
    const two = shown(stateOf(proposing(1, 2), ...both));
    expect(two.text).toMatch(/\nDecide about all of it with \/approve B once or deny$/);
    expect(two.buttons?.map(({ label }) => label)).toEqual(['Approve both once', 'Deny both']);
    expect(two.card?.notes?.slice(1)).toEqual([alone]);
  });

  it('A5: of several, says who has approved which', () => {
    const both = [1, 2].map((index) => request(index, { batch: 'B', required: 2 }));
    const voted = { type: 'approval.voted', index: 2, by: 'web:ann', byName: 'Ann', votes: 1 } as const;
    const state = stateOf(proposing(1, 2), ...both, { ...voted, approvalId: 'id-2', required: 2 });
    expect(shown(state).card?.facts.slice(3)).toEqual([
      '1: 2 people have to approve',
      '2: 2 people have to approve, so far Ann',
    ]);
  });

  it('E46: with nothing open it shows what was asked last, and what became of that', () => {
    const before = [proposing(1, 2), ...[1, 2].map((index) => request(index, { batch: 'B' }))];
    const decided = [...before, resolved(1, 'once'), resolved(2, 'once')];
    const one = shown(stateOf(...decided, proposing(3, 4), request(3), resolved(3, 'deny')));
    expect(one.card).toMatchObject({ action: { text: 'mkdir r-3' }, outcome: 'Denied by Ann' });
    expect(one.card?.notes?.slice(1)).toEqual(
      [1, 2].map((index) => `mkdir r-${index}: Approved once by Ann`),
    );
    const more = [3, 4].map((index) => request(index, { batch: 'C' }));
    const two = [proposing(3, 4), ...more, resolved(3, 'once'), resolved(4, 'deny', 'Bo')];
    expect(shown(stateOf(...decided, ...two)).card).toMatchObject({
      title: 'Do both of these?',
      outcome: '1: Approved once by Ann · 2: Denied by Bo',
    });
  });

  it('nothing of it carries the id of the card, which decides nothing', () => {
    const state = stateOf(proposing(1), request(1, { summary: 'secret-of-card' }));
    expect(JSON.stringify(summaryMessage(turn, state, 'secret-of-card', options))).not.toContain(
      'secret-of-card',
    );
  });
});

describe('what is sent of it', () => {
  const keys = (deliveries: readonly { key: string }[]) => deliveries.map(({ key }) => key);
  const first = stateOf(proposing(1), request(1));
  const later = foresee(first, 't1', [resolved(1, 'once'), ...ran(1, 0), proposing(2), request(2)], 2);

  it('A49: it is posted once; later requests and outcomes are edits, each under a key of its own', () => {
    const render = createRenderer(options);
    expect(keys(newOnSummary(turn, first, [request(1)], true, options))).toEqual(['S:card']);
    // The post is there already: the same key is dropped.
    expect(keys(newOnSummary(turn, later, [request(2)], false, options))).toEqual([
      'S:card',
      'S:card:id-2:asked',
    ]);
    expect(render.settled(turn, later, 1, 'ran')).toMatchObject([
      { key: 'S:card:id-1:ran', target: { kind: 'edit', of: 'S:card' }, message: shown(later) },
    ]);
    expect(newOnSummary(turn, later, [], false, options)).toEqual([]);
  });

  it('in private only: every approver has one, and the conversation is told once', () => {
    const private_ = optionsFor('approvers');
    const told = ['S:asked', 'S:card:web:ann', 'S:card:web:bo'];
    expect(keys(newOnSummary(turn, first, [request(1)], true, private_))).toEqual(told);
    expect(keys(newOnSummary(turn, later, [request(2)], false, private_))).toEqual([
      'S:asked',
      'S:card:web:ann',
      'S:card:web:ann:id-2:asked',
      'S:card:web:bo',
      'S:card:web:bo:id-2:asked',
    ]);
  });

  it('F40: once any of it was brought to mind in private, every copy is edited there too', () => {
    const reminded: EventBody = { type: 'approval.reminded', approvalId: 'id-1', index: 1 };
    const state = foresee(later, 't1', [reminded], 3);
    expect(keys(newOnSummary(turn, state, [request(2)], false, options))).toEqual(
      ['S:card', 'S:card:web:ann', 'S:card:web:bo'].flatMap((key) => [key, `${key}:id-2:asked`]),
    );
  });

  it('F40: the first reminder brings the card in private, a later one speaks of it', () => {
    const reminded = foresee(first, 't1', [{ type: 'approval.reminded', approvalId: 'id-1', index: 1 }], 2);
    const [, card] = reminders(turn, reminded, 1, 0, options);
    expect(card).toMatchObject({ key: 'S:card:web:ann', message: { kind: 'card' } });
    const again = foresee(
      reminded,
      't1',
      [
        resolved(1, 'once'),
        proposing(2),
        request(2),
        { type: 'approval.reminded', approvalId: 'id-2', index: 2 },
      ],
      3,
    );
    const [, notice] = reminders(turn, again, 2, 0, options);
    expect(notice).toMatchObject({ key: 'S:card:web:ann:id-2:reminder', message: { kind: 'notice' } });
  });
});
