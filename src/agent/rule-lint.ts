/**
 * Rules that do not do what their author may think (pure): they can never match, another rule always decides before
 * them, or they ask for what nobody can give.
 */
import type { UserId } from '../domain/message.ts';
import { matchesGlob } from './glob.ts';
import type { PolicyRule, Role } from './policy.ts';
import { covers, type KnownTool, mayMeet, type RuleCases, shadowedRules } from './rule-cover.ts';

export type RuleSurroundings = RuleCases & {
  /** Whether anybody has the role. */
  readonly hasRole: (role: Role) => boolean;
  readonly mayTalk: (user: UserId) => boolean;
  /** How many different people could decide about a request under this rule. */
  readonly deciders: (rule: PolicyRule) => number;
};

/** `field` is the key of the rule it is about, where one is. */
export type RuleProblem = { readonly index: number; readonly field: string | null; readonly message: string };

export function lintRules(rules: readonly PolicyRule[], known: RuleSurroundings): RuleProblem[] {
  const hidden = shadowedRules(rules, known);
  return rules.flatMap((rule, index) => {
    const problems: Problem[] = [
      ...toolProblems(rule, known),
      ...argumentProblems(rule, known),
      ...patternProblems(rule),
      ...networkProblems(rule),
      ...placeProblems(rule, known),
      ...deciderProblems(rule, known),
      ...jointProblems(rules, index, known),
    ];
    const message = hidden.get(index);
    if (problems.length === 0 && message !== undefined) problems.push({ field: null, message });
    return problems.map((problem) => ({ index, ...problem }));
  });
}

type Problem = { readonly field: string | null; readonly message: string };

/** None when a server may have a tool that it means, of which nothing is known. */
const meantBy = (rule: PolicyRule, { tools, servers }: RuleSurroundings): readonly KnownTool[] =>
  servers.some((server) => mayMeet(rule.tool, `${server}.*`))
    ? []
    : tools.filter((tool) => matchesGlob(rule.tool, tool.name));

function toolProblems(rule: PolicyRule, known: RuleSurroundings): Problem[] {
  const { tools, servers } = known;
  if (rule.risk === 'blocked')
    return [{ field: 'risk', message: 'what is blocked is refused before any rule, so this never matches' }];
  if (servers.some((server) => mayMeet(rule.tool, `${server}.*`))) return [];
  const meant = meantBy(rule, known);
  if (meant.length === 0) {
    const names = [...new Set(tools.map((tool) => tool.name))].join(', ');
    return [
      { field: 'tool', message: `no tool is called "${rule.tool}", so this never matches; tools: ${names}` },
    ];
  }
  const risks = new Set(meant.flatMap((tool) => tool.risks));
  if (rule.risk === undefined || risks.has(rule.risk)) return [];
  const message = `${rule.tool} is never of ${rule.risk} risk, so this never matches; it is of ${[...risks].join(' or ')}`;
  return [{ field: 'risk', message }];
}

function argumentProblems(rule: PolicyRule, known: RuleSurroundings): Problem[] {
  const meant = meantBy(rule, known);
  if (meant.length === 0) return [];
  return Object.entries(rule.match ?? {}).flatMap(([argument, pattern]) => {
    const schemas = meant.flatMap((tool) => argumentsOf(tool)[argument] ?? []);
    if (schemas.length === 0) {
      const names = [...new Set(meant.flatMap((tool) => Object.keys(argumentsOf(tool))))].join(', ');
      const message = `${rule.tool} has no argument "${argument}", so this never matches; it has ${names || 'none'}`;
      return [{ field: 'match', message }];
    }
    const wanted = schemas.map((schema) => valuesOf(schema));
    if (wanted.some((one) => one === null || one.meets(pattern))) return [];
    const message = `"${argument}" of ${rule.tool} is ${wanted[0]?.words}, and "${pattern}" never is`;
    return [{ field: 'match', message }];
  });
}

/** What an argument can be, where its schema leaves few values; null: any text. */
function valuesOf({ type, enum: listed }: ArgumentSchema): {
  words: string;
  meets: (pattern: string) => boolean;
} | null {
  const values = type === 'boolean' ? [true, false] : listed;
  if (Array.isArray(values)) {
    const texts = values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
    return {
      words: `one of ${texts.join(', ')}`,
      meets: (pattern) => texts.some((text) => matchesGlob(pattern, text)),
    };
  }
  const isNumber = type === 'integer' || type === 'number';
  return isNumber ? { words: 'a number', meets: (pattern) => /^[-+.\deE*?]*$/.test(pattern) } : null;
}

/** Outside quotes and comments these make a line more than one plain command; some of them only between two. */
const OPERATORS = /[|&<>()`]|(?<=\S\s*)[;\n](?=\s*[^\s;])/;

/** An allow with a pattern holds for plain commands only (`allowsTooMuch`): one that spells out more is never met. */
function patternProblems({ tool, match, decision }: PolicyRule): Problem[] {
  const pattern = tool === 'shell' && decision === 'allow' ? (match?.command ?? '') : '';
  const [fixed = ''] = pattern.split(/[*?]/, 1);
  const operator = OPERATORS.exec(fixed)?.[0];
  if (fixed === pattern || operator === undefined || /['"\\#]/.test(fixed)) return [];
  const message =
    `an allow with a pattern is for single plain commands, and "${operator}" makes this more than one, so it ` +
    'never matches; write the whole command without * and ?';
  return [{ field: 'match', message }];
}

function networkProblems({ tool, network }: PolicyRule): Problem[] {
  if (network === undefined || matchesGlob(tool, 'shell')) return [];
  return [
    { field: 'network', message: `opens hosts for commands of the shell, and ${tool} is not the shell` },
  ];
}

type ArgumentSchema = { readonly type?: unknown; readonly enum?: unknown };

function argumentsOf(tool: KnownTool): Readonly<Record<string, ArgumentSchema>> {
  const { properties } = tool.parameters;
  return typeof properties === 'object' && properties !== null
    ? (properties as Record<string, ArgumentSchema>)
    : {};
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
