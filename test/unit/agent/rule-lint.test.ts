/** What `parley check` says about rules that do nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decidePolicy, type PolicyRule } from '../../../src/agent/policy.ts';
import { lintRules, type RuleSurroundings } from '../../../src/agent/rule-lint.ts';

const known: RuleSurroundings = {
  tools: [
    {
      name: 'shell',
      parameters: { properties: { command: { type: 'string' }, timeout_seconds: { type: 'integer' } } },
      risks: ['low', 'medium', 'high'],
    },
    {
      name: 'write_file',
      parameters: { properties: { path: {}, content: {}, mode: { enum: ['new', 'replace'] } } },
      risks: ['medium', 'high'],
    },
  ],
  servers: ['jira'],
  channels: ['web', 'slack'],
  hasRole: (role) => role !== 'admin',
  mayTalk: (user) => user !== 'slack:stranger',
  deciders: (rule) => rule.approvers?.length ?? 2,
};
const problems = (...rules: PolicyRule[]) =>
  lintRules(rules, known).map(({ index, field, message }) => `${index}.${field}: ${message}`);
const shell = (command: string, decision: PolicyRule['decision'], more: Partial<PolicyRule> = {}) => ({
  tool: 'shell',
  match: { command },
  decision,
  ...more,
});

describe('lintRules', () => {
  it('is silent about rules that do something', () => {
    expect(
      problems(
        shell('npm test', 'allow'),
        shell('npm *', 'ask', { required: 2 }),
        shell('npm publish*', 'deny'),
        { tool: 'write_file', match: { path: 'infra/*' }, decision: 'ask', approvers: ['slack:U1'] },
        { tool: 'jira.*', decision: 'allow' },
        { tool: 'jira.create_issue', match: { project: 'X' }, decision: 'ask' },
        { tool: '*', channel: 'slack', risk: 'high', decision: 'deny' },
        shell('make | tee log', 'allow', { channel: 'web' }),
        shell('grep "a|b" *', 'allow', { channel: 'web', conversation: 'C1' }),
      ),
    ).toEqual([expect.stringMatching(/^0.null: never decides: rules\[1\] \(ask\)/)]);
  });

  it.each<[string, PolicyRule, RegExp]>([
    [
      'an unknown tool',
      { tool: 'shel', decision: 'deny' },
      /^0.tool: no tool is called "shel".*shell, write_file/,
    ],
    ['an unknown server', { tool: 'jirra.*', decision: 'deny' }, /^0.tool: no tool/],
    [
      'an unknown argument',
      { tool: 'shell', match: { cmd: 'x' }, decision: 'deny' },
      /^0.match: .*"cmd".*command/,
    ],
    [
      'a channel that is off',
      { tool: 'shell', channel: 'discord', decision: 'deny' },
      /^0.channel: .*web, slack/,
    ],
    [
      'text for a number',
      { tool: 'shell', match: { timeout_seconds: 'long*' }, decision: 'deny' },
      /^0.match: "timeout_seconds" of shell is a number, and "long\*" never is$/,
    ],
    [
      'a value that is none of the possible ones',
      { tool: 'write_file', match: { mode: 'app*' }, decision: 'deny' },
      /^0.match: .* is one of new, replace, and/,
    ],
    [
      'hosts for what is not the shell',
      { tool: 'write_file', network: ['a.example'], decision: 'ask' },
      /^0.network: .*write_file is not the shell/,
    ],
    [
      'what is blocked',
      { tool: '*', risk: 'blocked', decision: 'ask' },
      /^0.risk: .*refused before any rule/,
    ],
    [
      'a risk that the tool never has',
      { tool: 'write_file', risk: 'low', decision: 'deny' },
      /^0.risk: write_file is never of low risk.*medium or high$/,
    ],
    ['a role nobody has', { tool: 'shell', role: 'admin', decision: 'deny' }, /^0.role: nobody is admin/],
    [
      'an allow with a pattern over more than a plain command',
      shell('npm test | tee *', 'allow'),
      /^0.match: .*plain commands, and "\|".*without \* and \?$/,
    ],
    [
      'a conversation with its channel in front',
      { tool: 'shell', conversation: 'slack:C1', decision: 'deny' },
      /^0.conversation: "slack:C1" .*write channel: slack, conversation: "C1"$/,
    ],
    [
      'a pattern of conversations',
      { tool: 'shell', conversation: 'C*', decision: 'deny' },
      /^0.conversation: "C\*" .*leave it out/,
    ],
    [
      'too few deciders',
      { tool: 'shell', required: 3, decision: 'ask' },
      /^0.required: 3 have to .* only 2 can/,
    ],
    [
      'a stranger',
      { tool: 'shell', approvers: ['slack:stranger'], decision: 'ask' },
      /^0.approvers: slack:stranger/,
    ],
  ])('tells %s', (_name, rule, expected) => {
    expect(problems(rule)).toEqual([expect.stringMatching(expected)]);
  });

  it('tells contradictions: the looser rule never decides, wherever it stands', () => {
    const [loose, strict] = [shell('git push *', 'allow'), shell('git *', 'deny')];
    expect(problems(loose, strict)).toEqual([expect.stringContaining('never decides: rules[1] (deny)')]);
    expect(problems(strict, loose)).toEqual([expect.stringContaining('never decides: rules[0] (deny)')]);
  });

  it('tells contradictions: rules that ask, and together leave too few who may say yes', () => {
    const wide = shell('*', 'ask', { approvers: ['web:x', 'web:y'] });
    const narrow = shell('npm *', 'ask', { approvers: ['web:z'] });
    const none = /^\d.approvers: with rules\[\d\], .*only 0 can, so all of this is denied$/;
    expect(problems(wide, narrow)).toEqual([expect.stringMatching(none)]);
    expect(problems(narrow, wide)).toEqual([expect.stringMatching(none)]);
    expect(problems(narrow, shell('npm *', 'ask', { approvers: ['web:x'] }))).toEqual([
      expect.stringMatching(/^1.approvers: with rules\[0\]/),
    ]);
    expect(problems(wide, shell('npm *', 'ask', { approvers: ['web:y', 'web:z'], required: 2 }))).toEqual([
      expect.stringMatching(/^1.approvers: .* 2 of those whom both name have to approve and only 1 can/),
    ]);
    expect(problems(wide, shell('npm *', 'ask', { approvers: ['web:y'] }))).toEqual([]);
  });

  it('tells what repeats another rule, once', () => {
    expect(problems(shell('ls', 'deny'), shell('ls', 'deny'))).toEqual([
      expect.stringContaining('1.null: adds nothing: rules[0]'),
    ]);
    expect(problems(shell('a*', 'deny'), shell('ab', 'deny', { channel: 'web' }))).toHaveLength(1);
  });

  it('tells what several others decide together', () => {
    const idle = (...rules: PolicyRule[]) =>
      problems(...rules).map((text) => text.replace(/^(\d)\.null/, '$1'));
    const on = (channel: string, decision: PolicyRule['decision']): PolicyRule => ({
      ...shell('rm *', decision),
      channel,
    });
    expect(idle(on('web', 'deny'), shell('rm a', 'ask'), on('slack', 'deny'))).toEqual([
      '1: never decides: rules[0] and rules[2] together match all that this one does, more strictly',
    ]);
    const risky = (risk: 'low' | 'medium' | 'high', decision: PolicyRule['decision']): PolicyRule => ({
      ...{ tool: 'shell', risk },
      decision,
    });
    const [low, medium, high] = [risky('low', 'ask'), risky('medium', 'deny'), risky('high', 'deny')];
    expect(idle({ tool: 'shell', decision: 'ask' }, medium, high)).toEqual([]);
    expect(idle({ tool: 'shell', decision: 'allow' }, low, medium, high)).toEqual([
      '0: never decides: rules[1] and rules[2] and rules[3] together match all that this one does, more strictly',
    ]);
    // Never of low risk, so the rules for the others are enough.
    expect(
      idle({ tool: 'write_file', decision: 'ask' }, { ...medium, tool: '*' }, { ...high, tool: '*' }),
    ).toEqual([
      '0: never decides: rules[1] and rules[2] together match all that this one does, more strictly',
    ]);
    const named: PolicyRule[] = [
      { tool: 'shell', decision: 'deny' },
      { tool: 'write_file', decision: 'deny' },
    ];
    expect(idle({ tool: '*', decision: 'ask' }, ...named)).toEqual([]);
    expect(idle({ tool: '*', decision: 'ask' }, ...named, { tool: 'jira.*', decision: 'deny' })).toHaveLength(
      1,
    );
    // Each of the first two is idle beside the third, which then is not beside them.
    expect(idle(on('web', 'deny'), on('slack', 'deny'), shell('rm *', 'deny'))).toEqual([
      expect.stringMatching(/^0: adds nothing: rules\[2\]/),
      expect.stringMatching(/^1: adds nothing: rules\[2\]/),
    ]);
    expect(
      idle({ ...shell('rm *', 'deny'), role: 'user' }, { ...shell('rm a', 'ask'), role: 'approver' }),
    ).toEqual([expect.stringMatching(/^1: never decides: rules\[0\]/)]);
  });

  it('does not call a rule idle that demands more than the one which covers it', () => {
    expect(problems(shell('a*', 'ask'), shell('ab', 'ask', { required: 2 }))).toEqual([]);
    expect(problems(shell('a*', 'ask'), shell('ab', 'ask', { approvers: ['web:x'] }))).toEqual([]);
    expect(problems(shell('a*', 'ask'), shell('ab', 'ask', { network: ['a.example'] }))).toEqual([]);
    const opening = shell('ab', 'allow', { network: ['a.example'] });
    expect(problems(opening, shell('a*', 'ask'))).toEqual([]);
    expect(problems(opening, shell('a*', 'deny'))).toEqual([
      expect.stringContaining('0.null: never decides'),
    ]);
    expect(problems(shell('ab', 'allow'), shell('ab', 'allow', { after_untrusted: true }))).toEqual([
      expect.stringContaining('0.null: adds nothing'),
    ]);
  });

  it.each(['ls;*', 'ls # a;b|c*', '\nls *', 'ls;\n*'])(
    'A14: finds nothing strange in %j, which one command can meet',
    (pattern) => {
      expect(problems(shell(pattern, 'allow'))).toEqual([]);
    },
  );

  it('a pattern that is called unmatchable is one that no command can meet', async () => {
    const { classify } = await import('../../../src/agent/tools/shell/classify.ts');
    const words = fc.constantFrom(
      'a',
      ' ',
      '*',
      '?',
      '|',
      ';',
      '&',
      '<',
      '>',
      '(',
      ')',
      '`',
      "'",
      '"',
      '\\',
      '#',
      '\n',
    );
    const text = fc.string({ unit: words, maxLength: 8 });
    fc.assert(
      fc.property(text, fc.array(text, { maxLength: 8 }), (pattern, fillings) => {
        fc.pre(problems(shell(pattern, 'allow')).length > 0);
        const command = fillings
          .reduce((whole, filling) => whole.replace('*', () => filling), pattern)
          .replaceAll('*', '');
        expect(classify(command.replaceAll('?', 'x'), '/w').argv).toBeNull();
      }),
    );
  });

  const decision = fc.oneof(
    fc.record({ decision: fc.constant('deny') }),
    fc.record({
      decision: fc.constant('allow'),
      after_untrusted: fc.constantFrom(undefined, true),
      network: fc.constantFrom(undefined, ['a.example']),
    }),
    fc.record({
      decision: fc.constant('ask'),
      required: fc.constantFrom(undefined, 2),
      second_person: fc.constantFrom(undefined, true),
      network: fc.constantFrom(undefined, ['b.example']),
    }),
  );
  const where = fc.record({
    tool: fc.constantFrom('shell', '*', 'sh*', 's?ell', 'write_file', 'jira.*'),
    match: fc.option(
      fc.record({ command: fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 3 }) }),
      { nil: undefined, freq: 1 },
    ),
    channel: fc.constantFrom(undefined, 'web', 'slack'),
    risk: fc.constantFrom(undefined, 'medium', 'high'),
    role: fc.constantFrom(undefined, 'user', 'approver'),
  });
  const rule: fc.Arbitrary<PolicyRule> = fc
    .tuple(where, decision)
    .map(([place, decided]) => ({ ...place, ...decided }));

  it('rules called idle change no decision when all of them are taken out', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 2, maxLength: 7 }),
        fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 }),
        fc.constantFrom('web', 'slack'),
        fc.constantFrom('shell', 'write_file', 'jira.go'),
        fc.constantFrom('medium', 'high'),
        fc.constantFrom(['user'] as const, ['user', 'approver'] as const),
        fc.boolean(),
        fc.constantFrom(null, 'a page'),
        (rules, command, channel, tool, risk, roles, isPlain, untrusted) => {
          const idle = new Set(
            lintRules(rules, known).map(({ field, index }) => (field === null ? index : -1)),
          );
          idle.delete(-1);
          fc.pre(idle.size > 0 && (tool !== 'jira.go' || risk === 'medium'));
          const decide = (list: readonly PolicyRule[]) => ({
            ...decidePolicy({
              tool: { name: tool, effect: 'once' },
              args: { command },
              assessment: {
                decision: 'ask',
                risk,
                reasons: [],
                alwaysKey: null,
                argv: isPlain ? [command] : null,
              },
              rules: list,
              terms: { approvers: null, required: 1, secondPerson: false },
              actor: { user: 'web:a', roles },
              where: { channel, conversation: 'c' },
              granted: false,
              untrusted,
            }),
            // Taking rules out numbers the others anew.
            rule: null,
          });
          expect(decide(rules.filter((_, index) => !idle.has(index)))).toEqual(decide(rules));
        },
      ),
      { numRuns: 500 },
    );
  });
});
