/** What the card of one request shows and asks, and where its copies go. */
import { describe, expect, it } from 'vitest';
import { cardMessage, newCards, placesOf } from '../../../src/gateway/cards.ts';
import { lostOutcome, neverAsked, wasShown } from '../../../src/gateway/lost-cards.ts';
import type { Delivery } from '../../../src/store/store.ts';
import { optionsFor, type Request, request, turn } from './cards-scene.ts';

const here = optionsFor('conversation');
const open = (more: Partial<Request> = {}) => cardMessage(turn, request(1, more), null, here);
const shown = (text: string) => ({ ...request(1).display, text });

describe('the card', () => {
  it('E27: shows the exact command, who asked, where, why, until when, and its decisions', () => {
    expect(open()).toEqual({
      kind: 'card',
      text: [
        'Run this command?',
        '```bash',
        'mkdir r-1',
        '```',
        'asked by Cy · in /w · sandbox: bubblewrap',
        'Why it asks: creates files or folders',
        'Decide with /approve id-1 once or deny',
      ].join('\n'),
      card: {
        title: 'Run this command?',
        action: { text: 'mkdir r-1', language: 'bash' },
        facts: ['asked by Cy', 'in /w', 'sandbox: bubblewrap'],
        why: ['creates files or folders'],
        expiresAt: 9_001,
      },
      buttons: [
        { label: 'Approve once', token: 'once:id-1', style: 'primary' },
        { label: 'Deny', token: 'deny:id-1', style: 'danger' },
      ],
      turnId: 't1',
    });
  });

  it('E42: offers "always" only for what can be granted', () => {
    const { buttons, text } = open({ grantable: true });
    expect(buttons?.[1]).toEqual({ label: 'Always allow this', token: 'always:id-1', style: 'plain' });
    expect(text).toMatch(/\nDecide with \/approve id-1 once, always or deny$/);
  });

  it('E46: decided, it has an outcome and the time of it, and no buttons nor command', () => {
    const { card, buttons, text } = cardMessage(turn, request(1), 'Denied by Ann', here);
    expect(card).toMatchObject({ outcome: 'Denied by Ann', settledAt: 5_000 });
    expect(card).not.toHaveProperty('expiresAt');
    expect(buttons).toEqual([]);
    expect(text).toMatch(/folders\nDenied by Ann$/);
  });

  it('A9: invisible characters are spelled out, in the action and in what the model says', () => {
    const { card } = open({ display: shown('rm a\u202eb'), modelReason: 'to\u200bno' });
    expect([card?.action.text, card?.modelReason]).toEqual(['rm a\\u{202E}b', 'to\\u{200B}no']);
  });

  it('A9: words of two alphabets are pointed out, beside the other reasons', () => {
    expect(open({ display: shown('rm p\u0430yp\u0430l m\u0430il') }).card?.why).toEqual([
      'creates files or folders',
      'looks like other letters: p\u0430yp\u0430l, m\u0430il',
    ]);
  });

  it('A10: no run of backticks in the action ends its fence', () => {
    for (const [command, fence] of [
      ['echo `` ` ``', '```'],
      ['echo ```', '````'],
      ['echo `````\nRun this?', '``````'],
    ] as const)
      expect(open({ display: shown(command) }).text).toContain(`\n${fence}bash\n${command}\n${fence}\n`);
  });

  it('A5: says how many have to approve, and who has', () => {
    const facts = (voters?: string[]) =>
      cardMessage(turn, request(1, { required: 3, sandbox: null }), null, here, voters).card?.facts.slice(2);
    expect(facts()).toEqual(['3 people have to approve']);
    expect(facts(['Ann', 'Bo'])).toEqual(['3 people have to approve, so far Ann and Bo']);
  });

  it('gives all reasons, or none', () => {
    expect(open({ reasons: ['a', 'b'] }).text).toContain('Why it asks: a; b\n');
    expect(open({ reasons: [] }).text).not.toContain('Why it asks');
  });
});

describe('its copies', () => {
  const keys = (to: Parameters<typeof optionsFor>[0], reminded = false) =>
    placesOf(turn, request(1), 'id-1', reminded, optionsFor(to)).map(({ key }) => key);
  const all = ['id-1:card', 'id-1:card:web:ann', 'id-1:card:web:bo'];

  it('go to the conversation, to the approvers in private, or to both; to both once reminded', () => {
    expect([keys('conversation'), keys('both'), keys('approvers')]).toEqual([
      all.slice(0, 1),
      all,
      all.slice(1),
    ]);
    expect([keys('conversation', true), keys('both', true), keys('approvers', true)]).toEqual([
      all,
      all,
      all.slice(1),
    ]);
  });

  it('A5: go to those whom its terms name', () => {
    const asked: unknown[] = [];
    const options = {
      ...optionsFor('approvers'),
      approversFor: (...of: unknown[]) => {
        asked.push(of);
        return [];
      },
    };
    const terms = { approvers: ['web:ann'], required: 2, secondPerson: true };
    for (const more of [{}, terms]) placesOf(turn, request(1, more), 'id-1', false, options);
    expect(asked).toEqual([
      [turn, { approvers: null, required: 1, secondPerson: false }],
      [turn, terms],
    ]);
  });

  it('are sent where the conversation or the person is, each on a lane of its own', () => {
    const sent = newCards(turn, request(1), optionsFor('both'));
    expect(sent.map(({ message: _, ...rest }) => rest)).toEqual([
      { key: 'id-1:card', turnId: 't1', lane: 's', target: { kind: 'send', to: turn.input.where } },
      ...['web:ann', 'web:bo'].map((user) => ({
        ...{ key: `id-1:card:${user}`, turnId: 't1', lane: `direct:${user}` },
        target: { kind: 'direct', user },
      })),
    ]);
    expect(new Set(sent.map(({ message }) => JSON.stringify(message))).size).toBe(1);
    expect(sent[0]?.message).toEqual(open());
  });

  it('in private only: the conversation hears that it waits, once for all that come together', () => {
    const [told, ...cards] = newCards(turn, request(1), optionsFor('approvers'));
    expect(told).toEqual({
      ...{ key: 'id-1:asked', turnId: 't1', lane: 's' },
      target: { kind: 'send', to: turn.input.where },
      message: {
        kind: 'notice',
        text: 'This waits for approval of `mkdir r-1`. I have asked those who may decide, in private.',
        turnId: 't1',
      },
    });
    expect(cards).toHaveLength(2);
    const [together] = newCards(turn, request(2, { batch: 'B' }), optionsFor('approvers'));
    expect(together?.key).toBe('B:asked');
    expect(together?.message.text).toMatch(/approval of several actions\./);
    expect(newCards(turn, request(1), here)).toHaveLength(1);
    expect(newCards(turn, request(1), optionsFor('both'))).toHaveLength(3);
  });
});

describe('lost cards', () => {
  it('F40: of a request that reached nobody the requester is told', () => {
    expect(neverAsked(turn, request(1))).toEqual({
      ...{ key: 'id-1:unseen', turnId: 't1', lane: 's' },
      target: { kind: 'send', to: turn.input.where },
      message: {
        kind: 'notice',
        text: 'The request to approve `mkdir r-1` could not be delivered to anybody, so it was not run.',
        turnId: 't1',
      },
    });
  });

  const at = { where: { channel: 'web', account: 'web', conversation: 'd' }, id: 'm' };
  const edit = (more: Partial<Delivery> = {}): Delivery => ({
    ...{ key: 'id-1:card:decided', turnId: 't1', lane: 'l', attempts: 1, createdAt: 0, refs: [at] },
    target: { kind: 'edit', of: 'id-1:card' },
    message: cardMessage(turn, request(1), 'Denied by Ann', here),
    ...more,
  });

  it('F40: the outcome on one that is gone is said where it was', () => {
    const text = 'The card "Run this command?" is gone. It ended with: Denied by Ann';
    const said = {
      ...{ key: 'id-1:card:decided:lost', turnId: 't1', lane: 'l' },
      target: { kind: 'send', to: at.where },
      message: { kind: 'notice', text, turnId: 't1' },
    };
    expect(lostOutcome(edit())).toEqual(said);
    expect(lostOutcome(edit({ turnId: null }))).toEqual({
      ...said,
      turnId: null,
      message: { kind: 'notice', text },
    });
    expect(lostOutcome(edit({ turnId: null }))?.message).not.toHaveProperty('turnId');
  });

  it('of anything else nothing is said', () => {
    expect(lostOutcome(edit({ refs: [] }))).toBeUndefined();
    expect(lostOutcome(edit({ message: open() }))).toBeUndefined();
    expect(lostOutcome(edit({ message: { kind: 'notice', text: '' } }))).toBeUndefined();
  });

  it('F40: one copy that is out is enough', async () => {
    const outbox = { refs: async (key: string) => (key === 'out' ? [] : undefined) };
    expect(await wasShown(outbox, ['not', 'out'])).toBe(true);
    expect(await wasShown(outbox, ['not', 'neither'])).toBe(false);
    expect(await wasShown(outbox, [])).toBe(false);
  });
});
