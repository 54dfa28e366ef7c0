/**
 * Which rules another rule, or several together, leave nothing to decide (pure). What a rule matches is split by tool,
 * channel and risk, of which there are few; within one such case one other rule has to match all of it.
 */
import type { Risk } from '../domain/approval.ts';
import { matchesGlob } from './glob.ts';
import type { PolicyOutcome, PolicyRule } from './policy.ts';

export type KnownTool = {
  readonly name: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly risks: readonly Risk[];
};

/** What rules can be about. */
export type RuleCases = {
  readonly tools: readonly KnownTool[];
  /** Servers whose tools are not known before they answer: `jira` for `jira.create_issue`. */
  readonly servers: readonly string[];
  /** Channels that are switched on. */
  readonly channels: readonly string[];
};

/** Index → what makes the rule idle. All of them can be taken out at once, and every decision stays what it is. */
export function shadowedRules(rules: readonly PolicyRule[], known: RuleCases): Map<number, string> {
  const idle = new Map<number, string>();
  for (const index of rules.keys()) {
    const hidden = shadowedByOne(rules, index);
    if (hidden !== undefined) idle.set(index, hidden);
  }
  for (const [index, rule] of rules.entries()) {
    if (idle.has(index)) continue;
    const others = [...rules.entries()].filter(([other]) => other !== index && !idle.has(other));
    const hidden = shadowedByMany(rule, others, known);
    if (hidden !== undefined) idle.set(index, hidden);
  }
  return idle;
}

const strictness: Record<PolicyOutcome, number> = { allow: 0, ask: 1, deny: 2 };

/** Hosts that an allow opens stay open where another rule makes it an ask. */
const isStricter = (cover: PolicyRule, rule: PolicyRule): boolean =>
  strictness[cover.decision] > strictness[rule.decision] &&
  (cover.decision === 'deny' || rule.network === undefined);

const saysAsMuch = (cover: PolicyRule, rule: PolicyRule): boolean =>
  cover.decision === rule.decision && !addsTerms(cover, rule);

/** Says which other rule makes this one idle: one that matches whatever it matches and is as strict or stricter. */
function shadowedByOne(rules: readonly PolicyRule[], index: number): string | undefined {
  const rule = rules[index];
  if (rule === undefined) return undefined;
  for (const [other, candidate] of rules.entries()) {
    if (other === index || !covers(candidate, rule)) continue;
    if (isStricter(candidate, rule))
      return `never decides: rules[${other}] (${candidate.decision}) matches all that this one does, and is stricter`;
    const isTwin = covers(rule, candidate);
    // Of two that say the same, the later one is the idle one.
    const isIdle = !isTwin || other < index || addsTerms(rule, candidate);
    if (saysAsMuch(candidate, rule) && isIdle)
      return `adds nothing: rules[${other}] matches all that this one does, with the same decision`;
  }
  return undefined;
}

function shadowedByMany(
  rule: PolicyRule,
  others: readonly (readonly [number, PolicyRule])[],
  known: RuleCases,
): string | undefined {
  const candidates = others.filter(([, other]) => isStricter(other, rule) || saysAsMuch(other, rule));
  const needed = new Map<number, PolicyRule>();
  for (const narrow of casesOf(rule, known)) {
    const found = candidates.find(([, other]) => covers(other, narrow));
    if (found === undefined) return undefined;
    needed.set(...found);
  }
  if (needed.size === 0) return undefined;
  const names = [...needed.keys()].sort((a, b) => a - b).map((index) => `rules[${index}]`);
  const areStricter = [...needed.values()].every((other) => other.decision !== rule.decision);
  const all = names.length === 1 ? `${names} matches` : `${names.join(' and ')} together match`;
  return areStricter
    ? `never decides: ${all} all that this one does, more strictly`
    : `adds nothing: ${all} all that this one does, as strictly or more so`;
}

/** The rule for each tool, channel and risk that it can meet. */
function* casesOf(rule: PolicyRule, { tools, servers, channels }: RuleCases): Generator<PolicyRule> {
  const named = tools.filter(({ name }) => matchesGlob(rule.tool, name));
  // What a server's tools are called is not known; their risk is.
  const served = servers
    .map((server) => `${server}.*`)
    .filter((pattern) => mayMeet(rule.tool, pattern))
    .map((pattern) => ({
      name: patternCovers(rule.tool, pattern) ? pattern : rule.tool,
      risks: ['medium'] as readonly Risk[],
    }));
  for (const { name, risks } of [...named, ...served])
    for (const risk of risks.filter((one) => rule.risk === undefined || one === rule.risk))
      for (const channel of rule.channel === undefined ? channels : [rule.channel])
        yield { ...rule, tool: name, risk, channel };
}

/** Whether the rule says something that the one which covers it does not, with the same decision. */
const addsTerms = (cover: PolicyRule, rule: PolicyRule): boolean =>
  (rule.after_untrusted === true && cover.after_untrusted !== true) ||
  rule.approvers !== undefined ||
  rule.network !== undefined ||
  (rule.required ?? 1) > (cover.required ?? 1) ||
  (rule.second_person === true && cover.second_person !== true);

/** Whether `wide` matches whenever `narrow` does. Never says yes wrongly. */
export function covers(wide: PolicyRule, narrow: PolicyRule): boolean {
  const same = (key: 'channel' | 'conversation' | 'risk') =>
    wide[key] === undefined || wide[key] === narrow[key];
  if (!same('channel') || !same('conversation') || !same('risk')) return false;
  // Approvers and admins are users too.
  const isForThem = wide.role === undefined || wide.role === narrow.role;
  if (!isForThem && !(wide.role === 'user' && narrow.role !== undefined)) return false;
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
    const next = reach.map((ok) => token === '*' && ok);
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
export const mayMeet = (a: string, b: string): boolean => {
  const fixed = (pattern: string) => pattern.split(/[*?]/, 1)[0] ?? '';
  const [x, y] = [fixed(a), fixed(b)];
  return x.startsWith(y) || (a !== x && y.startsWith(x));
};
