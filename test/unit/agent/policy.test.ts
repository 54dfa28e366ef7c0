import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../../../src/agent/glob.ts';
import { decidePolicy, type PolicyQuestion, type PolicyRule } from '../../../src/agent/policy.ts';

const assessment = {
  decision: 'ask',
  risk: 'medium',
  reasons: ['deletes files'],
  alwaysKey: 'shell:["rm","x"]',
  argv: ['rm', 'x'],
} as const satisfies PolicyQuestion['assessment'];

const question: PolicyQuestion = {
  tool: { name: 'shell', effect: 'once' },
  args: { command: 'rm x' },
  assessment,
  rules: [],
  actor: { user: 'slack:U1', roles: ['user'] },
  where: { channel: 'slack', conversation: 'C1' },
  granted: false,
  untrusted: null,
  terms: { approvers: null, required: 1, secondPerson: false },
};

const reading = { ...assessment, decision: 'allow', risk: 'low', effect: 'read' } as const;
const refused = { ...assessment, decision: 'deny', risk: 'blocked', alwaysKey: null } as const;

const decide = (change: Partial<PolicyQuestion>) => decidePolicy({ ...question, ...change });

describe('decidePolicy', () => {
  it('E20 asks for what may change something, and says that this is the default', () => {
    expect(decide({})).toEqual({
      terms: question.terms,
      grantable: true,
      decision: 'ask',
      rule: 'default: everything that may change something asks',
      risk: 'medium',
      reasons: ['deletes files'],
      network: [],
    });
  });

  it('A25 opens the hosts of all rules that match, and none for what is denied', () => {
    const open = (command: string, decision: 'allow' | 'ask', ...network: string[]): PolicyRule => ({
      ...{ tool: 'shell', match: { command }, decision },
      network,
    });
    const rules = [
      open('rm *', 'ask', 'b.example', 'a.example'),
      open('rm x', 'allow', 'a.example', 'c.example'),
    ];
    const network = ['a.example', 'b.example', 'c.example'];
    expect(decide({ rules })).toMatchObject({ decision: 'ask', network });
    expect(decide({ rules: rules.slice(1) })).toMatchObject({
      decision: 'allow',
      network: ['a.example', 'c.example'],
    });
    expect(decide({ rules: [...rules, { tool: 'shell', decision: 'deny' }] })).toMatchObject({
      decision: 'deny',
      network: [],
    });
    expect(decide({ rules, args: { command: 'ls' } }).network).toEqual([]);
    expect(decide({ rules, assessment: refused }).network).toEqual([]);
  });

  it('A28 what only reads asks after text from outside, where a rule opens a way out for it', () => {
    const rules: PolicyRule[] = [{ tool: 'shell', decision: 'allow', network: ['a.example'] }];
    expect(decide({ rules, assessment: reading }).decision).toBe('allow');
    expect(decide({ rules, assessment: reading, untrusted: 'a page' }).decision).toBe('ask');
    expect(decide({ assessment: reading, untrusted: 'a page' }).decision).toBe('allow');
  });

  it('E19 allows what only reads', () => {
    expect(decide({ assessment: reading })).toMatchObject({ decision: 'allow', risk: 'low' });
    const tool = { name: 'read_file', effect: 'read' } as const;
    const { effect: _, ...unmarked } = reading;
    expect(decide({ tool, assessment: unmarked }).decision).toBe('allow');
  });

  it('asks for a reading tool that has a doubt about this call', () => {
    expect(decide({ tool: { name: 'read_file', effect: 'read' } }).decision).toBe('ask');
  });

  it('asks for a tool that changes something even when the tool itself sees no harm', () => {
    expect(decide({ assessment: { ...reading, effect: 'once' } }).decision).toBe('ask');
  });

  it('E42 lets a grant turn the default ask into allow', () => {
    expect(decide({ granted: true })).toMatchObject({
      decision: 'allow',
      rule: expect.stringContaining('always'),
    });
  });

  it('A12 ignores a grant for what can never be granted', () => {
    expect(decide({ granted: true, assessment: { ...assessment, alwaysKey: null } }).decision).toBe('ask');
  });

  it('F35 lets a rule outrank a grant', () => {
    expect(decide({ granted: true, rules: [{ tool: 'shell', decision: 'ask' }] }).decision).toBe('ask');
    expect(decide({ granted: true, rules: [{ tool: 'shell', decision: 'deny' }] }).decision).toBe('deny');
  });

  it('E23 means other forms of an argument where it asks or denies, and its very words where it allows', () => {
    const forms = { command: ['timeout 5 rm x', 'rm x'] };
    const change = { args: { command: 'timeout 5 r\\m x' }, assessment: { ...assessment, forms } };
    const rule = (decision: 'deny' | 'ask' | 'allow') => [
      { tool: 'shell', match: { command: 'rm *' }, decision } as const,
    ];
    expect(decide({ ...change, rules: rule('deny') }).rule).toBe('approvals.rules[0]');
    expect(decide({ ...change, rules: rule('ask') }).rule).toBe('approvals.rules[0]');
    expect(decide({ ...change, rules: rule('allow') }).rule).toMatch(/^default/);
    const other = { command: ['ls'] };
    expect(decide({ assessment: { ...assessment, forms: other }, rules: rule('deny') }).decision).toBe(
      'deny',
    );
    expect(decide({ args: {}, assessment: { ...assessment, forms }, rules: rule('deny') }).rule).toMatch(
      /^default/,
    );
  });

  it('E21 keeps a hard block against allow rules and grants', () => {
    const rules: PolicyRule[] = [{ tool: '*', decision: 'allow' }];
    expect(decide({ rules, granted: true, assessment: refused })).toMatchObject({
      decision: 'deny',
      risk: 'blocked',
      rule: 'built-in: shell refuses this action',
    });
  });

  it('names the rule that decided', () => {
    const rules: PolicyRule[] = [
      { tool: 'other', decision: 'deny' },
      { tool: 'sh*', decision: 'allow' },
      { tool: 'shell', match: { command: 'rm *' }, decision: 'deny' },
    ];
    expect(decide({ rules }).rule).toBe('approvals.rules[2]');
    expect(decide({ rules: rules.slice(0, 2) })).toMatchObject({
      decision: 'allow',
      rule: 'approvals.rules[1]',
    });
  });

  it.each<[string, Partial<PolicyRule>, boolean]>([
    ['tool', { tool: 'shel' }, false],
    ['channel', { channel: 'discord' }, false],
    ['channel', { channel: 'slack' }, true],
    ['conversation', { conversation: 'C2' }, false],
    ['conversation', { conversation: 'C1' }, true],
    ['role', { role: 'admin' }, false],
    ['role', { role: 'user' }, true],
    ['risk', { risk: 'high' }, false],
    ['risk', { risk: 'medium' }, true],
    ['argument', { match: { command: 'rm ?' } }, true],
    ['argument', { match: { command: 'rm' } }, false],
    ['absent argument', { match: { cwd: '*' } }, false],
    ['inherited property', { match: { toString: '*' } }, false],
  ])('matches by %s', (_name, rule, applies) => {
    const rules: PolicyRule[] = [{ tool: 'shell', decision: 'deny', ...rule }];
    expect(decide({ rules }).decision).toBe(applies ? 'deny' : 'ask');
  });

  it('A14 does not let an allow pattern reach past a plain command', () => {
    const rules: PolicyRule[] = [{ tool: 'shell', match: { command: 'npm test*' }, decision: 'allow' }];
    const plain = {
      args: { command: 'npm test -- a' },
      assessment: { ...assessment, argv: ['npm', 'test'] },
    };
    const compound = { args: { command: 'npm test; rm -r x' }, assessment: { ...assessment, argv: null } };
    expect(decide({ rules, ...plain }).decision).toBe('allow');
    expect(decide({ rules, ...compound }).decision).toBe('ask');
  });

  it('A29 asks for every effect once text from outside was read, whatever a grant or an allow rule says', () => {
    const rules: PolicyRule[] = [{ tool: 'shell', decision: 'allow' }];
    const untrusted = 'the output of read_file';
    for (const change of [{ granted: true }, { rules }, { granted: true, rules }]) {
      expect(decide(change).decision).toBe('allow');
      const asked = decide({ ...change, untrusted });
      expect(asked.decision).toBe('ask');
      expect(asked.reasons.join()).toContain('the output of read_file');
    }
    expect(decide({ untrusted }).decision).toBe('ask');
    expect(decide({ untrusted, assessment: reading }).decision).toBe('allow');
  });

  it('A28 asks for what tells somebody outside, once text from outside was read', () => {
    const telling = { ...reading, sendsOut: true } as const;
    expect(decide({ assessment: telling })).toMatchObject({
      decision: 'allow',
      rule: 'default: what only reads is allowed',
    });
    expect(decide({ assessment: telling, untrusted: 'a file' })).toMatchObject({
      decision: 'ask',
      rule: expect.stringContaining('give it away'),
    });
  });

  it('A42 lets no rule stand in for a yes that is insisted on', () => {
    const rules: PolicyRule[] = [{ tool: '*', decision: 'allow', after_untrusted: true }];
    expect(decide({ rules, assessment: { ...assessment, insists: true } }).decision).toBe('ask');
    expect(decide({ rules, assessment: { ...assessment, insists: false } }).decision).toBe('allow');
  });

  it('A12 offers an always only where one would be heeded', () => {
    const grantable = (change: Partial<PolicyQuestion>) => decide(change).grantable;
    expect(grantable({})).toBe(true);
    expect(grantable({ assessment: { ...assessment, alwaysKey: null } })).toBe(false);
    expect(grantable({ rules: [{ tool: 'shell', decision: 'ask' }] })).toBe(false);
    expect(grantable({ terms: { ...question.terms, required: 2 } })).toBe(false);
    expect(grantable({ untrusted: 'a file', granted: true })).toBe(false);
    expect(grantable({ untrusted: 'a file' })).toBe(true);
    expect(grantable({ rules: [{ tool: 'shell', decision: 'allow' }] })).toBe(false);
  });

  it('F35 heeds no grant where several people have to agree by now', () => {
    expect(decide({ granted: true, terms: { ...question.terms, required: 2 } }).decision).toBe('ask');
  });

  it('A5 asks under the strictest terms of all rules that ask', () => {
    const terms = (...rules: PolicyRule[]) => decide({ rules }).terms;
    expect(terms({ tool: 'shell', decision: 'ask' })).toEqual(question.terms);
    expect(
      terms(
        { tool: 'shell', decision: 'ask', required: 3, approvers: ['web:a', 'web:b'] },
        { tool: '*', decision: 'ask', required: 2, approvers: ['web:b', 'web:c'], second_person: true },
        { tool: 'other', decision: 'ask', required: 9, approvers: [] },
        { tool: 'shell', decision: 'allow', required: 8 },
      ),
    ).toEqual({ approvers: ['web:b'], required: 3, secondPerson: true });
    const base = { ...question.terms, required: 2, secondPerson: true };
    const rules: PolicyRule[] = [{ tool: 'shell', decision: 'ask', second_person: false }];
    expect(decide({ rules, terms: base }).terms).toEqual(base);
    expect(terms({ tool: 'shell', decision: 'ask', second_person: false }).secondPerson).toBe(false);
  });

  it('matches arguments of any type by their JSON, and nothing where there are no arguments', () => {
    const rules: PolicyRule[] = [{ tool: 'shell', match: { n: '[1,*' }, decision: 'deny' }];
    expect(decide({ rules, args: { n: [1, 2] } }).decision).toBe('deny');
    expect(decide({ rules, args: { n: 1 } }).decision).toBe('ask');
    for (const args of [null, undefined, 'n', 7]) expect(decide({ rules, args }).decision).toBe('ask');
  });

  it('A14 keeps exact allows, and asks and denies by pattern, for compound commands', () => {
    const compound = { args: { command: 'a; b' }, assessment: { ...assessment, argv: null } };
    const rule = (command: string, decision: PolicyRule['decision']): PolicyRule[] => [
      { tool: 'shell', match: { command }, decision },
    ];
    expect(decide({ ...compound, rules: rule('a; b', 'allow') }).decision).toBe('allow');
    expect(decide({ ...compound, rules: rule('a;*', 'allow') }).decision).toBe('ask');
    expect(decide({ ...compound, rules: rule('a; ?', 'allow') }).decision).toBe('ask');
    expect(decide({ ...compound, rules: rule('a;*', 'deny') }).decision).toBe('deny');
    const mixed: PolicyRule = { tool: 'shell', match: { command: 'a*', cwd: 'x' }, decision: 'allow' };
    expect(decide({ ...compound, args: { command: 'a; b', cwd: 'x' }, rules: [mixed] }).decision).toBe('ask');
  });

  it('A29 keeps an allow rule that says it holds after text from outside', () => {
    const rules: PolicyRule[] = [{ tool: 'shell', decision: 'allow', after_untrusted: true }];
    expect(decide({ rules, untrusted: 'a file' })).toMatchObject({
      decision: 'allow',
      rule: 'approvals.rules[0]',
    });
  });

  const rule = fc.record({
    tool: fc.constantFrom('shell', '*', 'other', 'sh?ll'),
    decision: fc.constantFrom('allow', 'ask', 'deny'),
    role: fc.constantFrom(undefined, 'user', 'admin'),
    match: fc.constantFrom(undefined, { command: 'rm*' }, { command: 'ls' }),
  }) satisfies fc.Arbitrary<PolicyRule>;

  const strictness = { allow: 0, ask: 1, deny: 2 };

  it('decides the same in whatever order the rules stand', () => {
    fc.assert(
      fc.property(fc.array(rule), fc.boolean(), (rules, granted) => {
        const turned = decide({ rules: rules.toReversed(), granted });
        expect(turned.decision).toBe(decide({ rules, granted }).decision);
      }),
    );
  });

  it('takes the strictest of the rules that match', () => {
    fc.assert(
      fc.property(fc.array(rule, { minLength: 1 }), (rules) => {
        const alone = rules
          .map((one) => decide({ rules: [one] }))
          .filter(({ rule: by }) => by.startsWith('approvals'));
        const strictest = Math.max(-1, ...alone.map(({ decision }) => strictness[decision]));
        const together = decide({ rules });
        if (strictest >= 0) expect(strictness[together.decision]).toBe(strictest);
        else expect(together.decision).toBe('ask');
      }),
    );
  });
});

describe('matchesGlob', () => {
  it.each([
    ['*', '', true],
    ['a*c', 'abbbc', true],
    ['a*c', 'abbbcd', false],
    ['?', '🎉', true],
    ['a.c', 'abc', false],
    ['*.ts', 'src/a.ts', true],
    ['', 'a', false],
    ['**b**', 'aba', true],
  ])('%s against %s is %s', (pattern, text, expected) => {
    expect(matchesGlob(pattern, text)).toBe(expected);
  });

  it('A45 agrees with the obvious definition on short inputs', () => {
    const small = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 6 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 6 });
    const slow = (p: string, t: string): boolean => {
      if (p === '') return t === '';
      if (p[0] === '*') return slow(p.slice(1), t) || (t !== '' && slow(p, t.slice(1)));
      return t !== '' && (p[0] === '?' || p[0] === t[0]) && slow(p.slice(1), t.slice(1));
    };
    fc.assert(fc.property(small, text, (p, t) => matchesGlob(p, t) === slow(p, t)));
  });
});
