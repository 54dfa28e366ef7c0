/**
 * Rules that do not do what their author may think (pure): they can never match, another rule always decides before
 * them, or they ask for what nobody can give.
 */
import type { UserId } from '../domain/message.ts';
import { matchesGlob } from './glob.ts';
import type { PolicyOutcome, PolicyRule, Role } from './policy.ts';

export type KnownTool = { readonly name: string; readonly parameters: Readonly<Record<string, unknown>> };

export type RuleSurroundings = {
  readonly tools: readonly KnownTool[];
  /** Servers whose tools are not known before they answer: `jira` for `jira.create_issue`. */
  readonly servers: readonly string[];
  /** Channels that are switched on. */
  readonly channels: readonly string[];
  /** Whether anybody has the role. */
  readonly hasRole: (role: Role) => boolean;
  readonly mayTalk: (user: UserId) => boolean;
  /** How many different people could decide about a request under this rule. */
  readonly deciders: (rule: PolicyRule) => number;
};

/** `field` is the key of the rule it is about, where one is. */
export type RuleProblem = { readonly index: number; readonly field: string | null; readonly message: string };

export function lintRules(rules: readonly PolicyRule[], known: RuleSurroundings): RuleProblem[] {
  return rules.flatMap((rule, index) => {
    const problems = [
      ...toolProblems(rule, known),
      ...patternProblems(rule),
      ...placeProblems(rule, known),
      ...deciderProblems(rule, known),
      ...jointProblems(rules, index, known),
    ].map((problem) => ({ index, ...problem }));
    const hidden = problems.length === 0 ? shadowedBy(rules, index) : undefined;
    return hidden === undefined ? problems : [...problems, { index, field: null, message: hidden }];
  });
}

type Problem = { readonly field: string | null; readonly message: string };

function toolProblems(rule: PolicyRule, { tools, servers }: RuleSurroundings): Problem[] {
  if (servers.some((server) => mayMeet(rule.tool, `${server}.*`))) return [];
  const meant = tools.filter((tool) => matchesGlob(rule.tool, tool.name));
  if (meant.length === 0) {
    const names = [...new Set(tools.map((tool) => tool.name))].join(', ');
    return [
      { field: 'tool', message: `no tool is called "${rule.tool}", so this never matches; tools: ${names}` },
    ];
  }
  return Object.keys(rule.match ?? {})
    .filter((argument) => !meant.some((tool) => argumentsOf(tool).includes(argument)))
    .map((argument) => ({
      field: 'match',
      message: `${rule.tool} has no argument "${argument}", so this never matches; it has ${
        [...new Set(meant.flatMap(argumentsOf))].join(', ') || 'none'
      }`,
    }));
}

/** Outside quotes these make a line more than one plain command. */
const OPERATORS = /[|;&<>()`\n]/;

/** An allow with a pattern holds for plain commands only (`allowsTooMuch`): one that spells out more is never met. */
function patternProblems({ tool, match, decision }: PolicyRule): Problem[] {
  const pattern = tool === 'shell' && decision === 'allow' ? (match?.command ?? '') : '';
  const [fixed = ''] = pattern.split(/[*?]/, 1);
  const operator = OPERATORS.exec(fixed)?.[0];
  if (fixed === pattern || operator === undefined || /['"\\]/.test(fixed)) return [];
  const message =
    `an allow with a pattern is for single plain commands, and "${operator}" makes this more than one, so it ` +
    'never matches; write the whole command without * and ?';
  return [{ field: 'match', message }];
}

function argumentsOf(tool: KnownTool): string[] {
  const { properties } = tool.parameters;
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
}

function placeProblems(rule: PolicyRule, known: RuleSurroundings): Problem[] {
  const problems: Problem[] = [];
  if (rule.channel !== undefined && !known.channels.includes(rule.channel)) {
    const on = known.channels.join(', ');
    problems.push({
      field: 'channel',
      message: `the channel "${rule.channel}" is not switched on, so this never matches; on: ${on}`,
    });
  }
  const { conversation } = rule;
  const [channel] = known.channels.filter((name) => conversation?.startsWith(`${name}:`));
  if (conversation !== undefined && (channel !== undefined || /[*?]/.test(conversation))) {
    const mend =
      channel === undefined
        ? 'leave it out for all of them'
        : `write channel: ${channel}, conversation: "${conversation.slice(channel.length + 1)}"`;
    problems.push({
      field: 'conversation',
      message: `"${conversation}" is not the id of a conversation, so this never matches; ${mend}`,
    });
  }
  if (rule.role !== undefined && !known.hasRole(rule.role)) {
    const list = { user: 'access.users', approver: 'access.approvers', admin: 'access.admins' }[rule.role];
    problems.push({
      field: 'role',
      message: `nobody is ${rule.role} (${list} is empty), so this never matches`,
    });
  }
  return problems;
}

function deciderProblems(rule: PolicyRule, known: RuleSurroundings): Problem[] {
  if (rule.decision !== 'ask') return [];
  const strangers = (rule.approvers ?? []).filter((user) => !known.mayTalk(user));
  const problems: Problem[] = strangers.map((user) => ({
    field: 'approvers',
    message: `${user} may not talk with the bot, and so cannot decide; add them to access.users`,
  }));
  const required = rule.required ?? 1;
  const people = known.deciders(rule);
  if (required > people) {
    problems.push({
      field: 'required',
      message: `${required} have to approve and only ${people} can, so all of this is denied`,
    });
  }
  return problems;
}

/** Where several rules ask, all that they demand holds: they may name nobody in common, or too few. */
function jointProblems(rules: readonly PolicyRule[], index: number, known: RuleSurroundings): Problem[] {
  const rule = rules[index];
  if (rule?.decision !== 'ask' || (rule.required ?? 1) > known.deciders(rule)) return [];
  for (const [other, candidate] of rules.entries()) {
    // Of two that match the same, the later one is told of.
    const isTwin = other > index && covers(rule, candidate);
    if (other === index || isTwin || candidate.decision !== 'ask' || !covers(candidate, rule)) continue;
    const approvers = inCommon(rule.approvers, candidate.approvers);
    const required = Math.max(rule.required ?? 1, candidate.required ?? 1);
    const people = known.deciders({ ...rule, approvers });
    if (required <= people) continue;
    const message =
      `with rules[${other}], which matches all that this one does, ${required} of those whom both name have to ` +
      `approve and only ${people} can, so all of this is denied`;
    return [{ field: rule.approvers === undefined ? 'required' : 'approvers', message }];
  }
  return [];
}

function inCommon(
  some: readonly UserId[] | undefined,
  others: readonly UserId[] | undefined,
): readonly UserId[] | undefined {
  return some === undefined || others === undefined
    ? (some ?? others)
    : some.filter((id) => others.includes(id));
}

const strictness: Record<PolicyOutcome, number> = { allow: 0, ask: 1, deny: 2 };

/** Says which other rule makes this one idle: one that matches whatever it matches and is as strict or stricter. */
function shadowedBy(rules: readonly PolicyRule[], index: number): string | undefined {
  const rule = rules[index];
  if (rule === undefined) return undefined;
  for (const [other, candidate] of rules.entries()) {
    if (other === index || !covers(candidate, rule)) continue;
    const stricter = strictness[candidate.decision] - strictness[rule.decision];
    if (stricter > 0)
      return `never decides: rules[${other}] (${candidate.decision}) matches all that this one does, and is stricter`;
    const isTwin = covers(rule, candidate);
    // Of two that say the same, the later one is the idle one.
    const isIdle = !isTwin || other < index || addsTerms(rule, candidate);
    if (stricter === 0 && !addsTerms(candidate, rule) && isIdle)
      return `adds nothing: rules[${other}] matches all that this one does, with the same decision`;
  }
  return undefined;
}

/** Whether the rule says something that the one which covers it does not. */
const addsTerms = (cover: PolicyRule, rule: PolicyRule): boolean =>
  (rule.after_untrusted === true && cover.after_untrusted !== true) ||
  rule.approvers !== undefined ||
  (rule.required ?? 1) > (cover.required ?? 1) ||
  (rule.second_person === true && cover.second_person !== true);

/** Whether `wide` matches whenever `narrow` does. Never says yes wrongly. */
function covers(wide: PolicyRule, narrow: PolicyRule): boolean {
  const same = (key: 'channel' | 'conversation' | 'role' | 'risk') =>
    wide[key] === undefined || wide[key] === narrow[key];
  if (!same('channel') || !same('conversation') || !same('role') || !same('risk')) return false;
  if (!patternCovers(wide.tool, narrow.tool)) return false;
  const patterns = Object.entries(wide.match ?? {});
  // An allow with a pattern is for plain commands only, and one without is not.
  if (wide.decision === 'allow' && patterns.some(([, pattern]) => /[*?]/.test(pattern))) return false;
  return patterns.every(([name, pattern]) => {
    const narrower = narrow.match?.[name];
    return narrower !== undefined && patternCovers(pattern, narrower);
  });
}

/** Whether every text that `narrow` matches is matched by `wide`: a star of it can only stand for a star of `wide`. */
function patternCovers(wide: string, narrow: string): boolean {
  const [w, n] = [[...wide], [...narrow]];
  // reach[j]: the part of `wide` so far covers the first j tokens of `narrow`.
  let reach = Array.from({ length: n.length + 1 }, (_, j) => j === 0);
  for (const token of w) {
    const next = reach.map((ok, j) => token === '*' && ok && j >= 0);
    for (let j = 1; j <= n.length; j++) {
      const given = n[j - 1];
      if (token === '*') next[j] = next[j] === true || next[j - 1] === true;
      else next[j] = reach[j - 1] === true && given !== '*' && (token === '?' || token === given);
    }
    reach = next;
  }
  return reach[n.length] === true;
}

/** Whether some text may match both; errs on the side of yes. */
const mayMeet = (a: string, b: string): boolean => {
  const fixed = (pattern: string) => pattern.split(/[*?]/, 1)[0] ?? '';
  const [x, y] = [fixed(a), fixed(b)];
  return x.startsWith(y) || (a !== x && y.startsWith(x));
};
