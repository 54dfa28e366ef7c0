/** The pure rules at the gate: who may do what, what a message is, what a person may send in a minute. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import type { InboundMessage } from '../../../src/domain/message.ts';
import { sessionKey } from '../../../src/domain/session.ts';
import { accountsOf, approversFor, countPeople, personOf, rolesOf } from '../../../src/gateway/access.ts';
import { createLimits } from '../../../src/gateway/limits.ts';
import { parseCommand, profileFor, route } from '../../../src/gateway/router.ts';

const rules = {
  users: ['*'],
  approvers: ['slack:U1'],
  admins: ['slack:U2'],
  unknown: 'ignore',
  people: { ana: ['slack:U1', 'telegram:9'] },
} as const;
const anybody = { approvers: null, required: 1, secondPerson: false } as const;
const another = { ...anybody, secondPerson: true } as const;
const names = new Set(['btw', 'stop', 'help']);

describe('access', () => {
  it('everybody may talk with "*", and only those listed approve or administer', () => {
    expect(rolesOf(rules, { id: 'web:x', kind: 'person' })).toEqual(['user']);
    expect(rolesOf(rules, { id: 'slack:U1', kind: 'person' })).toEqual(['user', 'approver']);
    expect(rolesOf(rules, { id: 'slack:U2', kind: 'person' })).toEqual(['user', 'admin']);
    expect(rolesOf({ ...rules, users: [] }, { id: 'slack:U2', kind: 'person' })).toEqual(['user', 'admin']);
    expect(rolesOf({ ...rules, users: [] }, { id: 'web:x', kind: 'person' })).toEqual([]);
  });

  it('A33: bots, webhooks, guests and anonymous senders never have a role, listed or not', () => {
    for (const kind of ['bot', 'webhook', 'guest', 'anonymous'] as const) {
      expect(rolesOf(rules, { id: 'slack:U1', kind })).toEqual([]);
    }
  });

  it('A5: an empty list of approvers is nobody, "*" is nobody too, and the second person is not the first', () => {
    expect(approversFor({ ...rules, approvers: [] }, 'web:x', anybody)).toEqual([]);
    expect(approversFor({ ...rules, approvers: ['*'] }, 'web:x', anybody)).toEqual([]);
    expect(approversFor({ ...rules, approvers: ['web:x', 'web:y'] }, 'web:x', another)).toEqual(['web:y']);
  });

  it('A5: the second person is not the first on another platform, and counts once wherever they are', () => {
    const approvers = ['slack:U1', 'telegram:9', 'web:ben'];
    expect(approversFor({ ...rules, approvers }, 'telegram:9', another)).toEqual(['web:ben']);
    expect(countPeople(rules, approvers)).toBe(2);
    expect(personOf(rules, 'telegram:9')).toBe(personOf(rules, 'slack:U1'));
    expect(personOf(rules, 'web:ana')).toBe('web:ana');
    const others = { people: { ...rules.people, ben: ['web:ben'] } };
    expect(personOf(others, 'web:ben')).not.toBe(personOf(others, 'slack:U1'));
  });

  it('A5: the accounts of a person are all that are listed for them, else the one that is known', () => {
    expect(accountsOf(rules, 'telegram:9')).toEqual(['slack:U1', 'telegram:9']);
    expect(accountsOf(rules, 'web:x')).toEqual(['web:x']);
  });

  it('A5: a rule names who decides instead, and "*" is nobody there too', () => {
    const terms = { ...anybody, approvers: ['web:ben', '*'] };
    expect(approversFor(rules, 'web:x', terms)).toEqual(['web:ben']);
  });
});

describe('the router', () => {
  const message: InboundMessage = {
    id: 'm',
    at: 0,
    where: { channel: 'slack', account: 'T', conversation: 'C1' },
    author: { id: 'slack:U', name: 'U', kind: 'person' },
    text: 'hello',
    direct: false,
    mentionsBot: false,
    attachments: [],
  };
  const at = (change: Partial<InboundMessage>, mentionOnly = true, knownThread = false) =>
    route({
      message: { ...message, ...change },
      rules: { mentionOnly, conversations: null },
      routes: [],
      commandNames: names,
      knownThread,
    }).kind;

  it('in a group it answers when mentioned, in a thread it knows, or when told to answer always', () => {
    expect(at({})).toBe('ignore');
    expect(at({ mentionsBot: true })).toBe('turn');
    expect(at({}, true, true)).toBe('turn');
    expect(at({}, false)).toBe('turn');
    expect(at({ direct: true })).toBe('turn');
  });

  it('takes !name and /name as commands, with the whole argument, and paths for what they are', () => {
    expect(at({ text: '!btw why?' })).toBe('command');
    expect(at({ text: '/etc/hosts is wrong', direct: true })).toBe('turn');
    expect(parseCommand('/btw first\nsecond', names)).toEqual({ name: 'btw', argument: 'first\nsecond' });
    expect(parseCommand('/btwx', names)).toBeUndefined();
    expect(parseCommand('say /btw', names)).toBeUndefined();
  });

  it('keeps to the conversations that are allowed', () => {
    const rulesHere = { mentionOnly: false, conversations: ['C2'] };
    expect(route({ message, rules: rulesHere, routes: [], commandNames: names, knownThread: false })).toEqual(
      { kind: 'ignore', reason: 'conversation-not-allowed' },
    );
  });

  it('the first matching route names the profile', () => {
    const routes = [
      { channel: 'slack', conversation: 'C1', profile: 'ops' },
      { channel: 'slack', profile: 'team' },
    ];
    expect(profileFor(message.where, routes)).toBe('ops');
    expect(profileFor({ ...message.where, conversation: 'C9' }, routes)).toBe('team');
    expect(profileFor({ ...message.where, channel: 'web' }, routes)).toBe('default');
  });

  it('session keys of different places differ, whatever the ids are', () => {
    const part = fc.string();
    const place = fc.record({
      channel: part,
      account: part,
      conversation: part,
      thread: fc.option(part, { nil: undefined }),
    });
    const clean = ({
      thread,
      ...rest
    }: {
      channel: string;
      account: string;
      conversation: string;
      thread?: string | undefined;
    }) => (thread === undefined ? rest : { ...rest, thread });
    fc.assert(
      fc.property(place, place, (a, b) => {
        const [left, right] = [clean(a), clean(b)];
        expect(sessionKey(left) === sessionKey(right)).toBe(JSON.stringify(left) === JSON.stringify(right));
      }),
    );
  });
});

describe('limits', () => {
  let now = 0;
  const clock = { now: () => now, monotonic: () => now };
  const settings = { messagesPerMinute: 3, tokensPerDay: 100, costPerDay: null };
  const usage = (tokens: number) => ({
    add: async () => {},
    query: async () => [],
    total: async () => ({ tokens, cost: 0 }),
  });

  it('P13: a person gets so many messages a minute, refilled evenly; others are not touched', () => {
    const limits = createLimits({ settings: () => settings, usage: usage(0), clock });
    expect([1, 2, 3, 4].map(() => limits.take('web:a'))).toEqual([true, true, true, false]);
    expect(limits.take('web:b')).toBe(true);
    now += 20_000;
    expect([limits.take('web:a'), limits.take('web:a')]).toEqual([true, false]);
  });

  it('A47: a budget that is used up stops the call before it is made', async () => {
    await createLimits({ settings: () => settings, usage: usage(99), clock }).requireBudget();
    await expect(
      createLimits({ settings: () => settings, usage: usage(100), clock }).requireBudget(),
    ).rejects.toBeInstanceOf(AppError);
  });

  it('A47: what nobody waits for is not begun when it would exceed what is left, in tokens or in cost', async () => {
    const planned = (tokens: number, cost: number, costPerDay: number | null) =>
      createLimits({
        settings: () => ({ ...settings, costPerDay }),
        usage: { ...usage(60), total: async () => ({ tokens: 60, cost: 1 }) },
        clock,
      }).requireBudget({ tokens, cost });
    await planned(40, 9, null);
    await planned(40, 1, 2);
    await expect(planned(41, 0, null)).rejects.toMatchObject({ code: 'limits.budget' });
    await expect(planned(1, 1.1, 2)).rejects.toMatchObject({ code: 'limits.budget' });
  });
});
