/**
 * May this action run? (pure) Rules of the operator over the defaults, over nothing that the model says.
 * Deny beats ask beats allow, whatever order the rules stand in; a hard block of the tool beats them all.
 */
import type { Risk } from '../domain/approval.ts';
import type { UserId } from '../domain/message.ts';
import { matchesGlob } from './glob.ts';
import type { AnyTool, Assessment } from './tools/tool.ts';

export type Role = 'user' | 'approver' | 'admin';
export type PolicyOutcome = 'allow' | 'ask' | 'deny';

/** One entry of `approvals.rules`. What is left out matches everything. */
export type PolicyRule = {
  /** Name or pattern: `shell`, `jira.*`. */
  readonly tool: string;
  /** Argument → pattern. An argument that is absent never matches. */
  readonly match?: Readonly<Record<string, string>> | undefined;
  readonly channel?: string | undefined;
  readonly conversation?: string | undefined;
  readonly role?: Role | undefined;
  readonly risk?: Risk | undefined;
  readonly decision: PolicyOutcome;
  /** Of an allow: it holds also after text from outside was read. */
  readonly after_untrusted?: boolean | undefined;
};

export type PolicyQuestion = {
  readonly tool: Pick<AnyTool, 'name' | 'effect'>;
  readonly args: unknown;
  readonly assessment: Pick<
    Assessment,
    'decision' | 'risk' | 'reasons' | 'alwaysKey' | 'argv' | 'effect' | 'sendsOut' | 'insists'
  >;
  readonly rules: readonly PolicyRule[];
  readonly actor: { readonly user: UserId; readonly roles: readonly Role[] };
  readonly where: { readonly channel: string; readonly conversation: string };
  /** An "always" was granted for exactly this action, here. */
  readonly granted: boolean;
  /** Text from outside that the model has read in this turn, and so may follow: what, in words (`taintOf`). */
  readonly untrusted: string | null;
};

export type PolicyDecision = {
  readonly decision: PolicyOutcome;
  /** What decided, in words: `approvals.rules[2]`, "default: read tools are allowed". */
  readonly rule: string;
  readonly risk: Risk;
  readonly reasons: readonly string[];
};

const argumentText = (args: unknown, name: string): string | undefined => {
  if (typeof args !== 'object' || args === null || !Object.hasOwn(args, name)) return undefined;
  const value: unknown = Reflect.get(args, name);
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** A pattern such as `npm test*` must not let `npm test; rm -r x` through: it only allows plain commands. */
function allowsTooMuch(rule: PolicyRule, question: PolicyQuestion): boolean {
  const pattern = Object.values(rule.match ?? {}).some((text) => /[*?]/.test(text));
  return rule.decision === 'allow' && pattern && question.assessment.argv === null;
}

function applies(rule: PolicyRule, question: PolicyQuestion): boolean {
  const { where, actor, args, tool, assessment } = question;
  if (!matchesGlob(rule.tool, tool.name)) return false;
  if (rule.channel !== undefined && rule.channel !== where.channel) return false;
  if (rule.conversation !== undefined && rule.conversation !== where.conversation) return false;
  if (rule.role !== undefined && !actor.roles.includes(rule.role)) return false;
  if (rule.risk !== undefined && rule.risk !== assessment.risk) return false;
  const matches = Object.entries(rule.match ?? {}).every(([name, pattern]) => {
    const text = argumentText(args, name);
    return text !== undefined && matchesGlob(pattern, text);
  });
  return matches && !allowsTooMuch(rule, question);
}

const onlyReads = ({ assessment, tool }: PolicyQuestion): boolean =>
  (assessment.effect ?? tool.effect) === 'read';

/** But for the text from outside. */
const wouldBeAllowed = (question: PolicyQuestion): boolean =>
  (onlyReads(question) && question.assessment.decision === 'allow') ||
  (question.granted && question.assessment.alwaysKey !== null) ||
  question.rules.some((rule) => rule.decision === 'allow' && applies(rule, question));

/** Never throws. */
export function decidePolicy(question: PolicyQuestion): PolicyDecision {
  const { assessment, tool } = question;
  const { risk, reasons } = assessment;
  if (assessment.decision === 'deny') {
    return { decision: 'deny', rule: `built-in: ${tool.name} refuses this action`, risk, reasons };
  }
  const isRead = onlyReads(question);
  // The Rule of Two: what has read text from outside may not change things, nor tell anybody outside, without a
  // person in between.
  const tainted = question.untrusted !== null && (!isRead || assessment.sendsOut === true);
  for (const decision of ['deny', 'ask', 'allow'] as const) {
    const index = question.rules.findIndex(
      (rule) =>
        rule.decision === decision &&
        applies(rule, question) &&
        !(
          decision === 'allow' &&
          (assessment.insists === true || (tainted && rule.after_untrusted !== true))
        ),
    );
    if (index >= 0) return { decision, rule: `approvals.rules[${index}]`, risk, reasons };
  }
  if (isRead && assessment.decision === 'allow' && !tainted)
    return { decision: 'allow', rule: 'default: what only reads is allowed', risk, reasons };
  if (tainted && wouldBeAllowed(question)) {
    return {
      decision: 'ask',
      rule: 'default: after text from outside was read, whatever may change something or give it away asks',
      risk,
      reasons: [...reasons, `it has read text from outside (${question.untrusted})`],
    };
  }
  if (question.granted && assessment.alwaysKey !== null) {
    return {
      decision: 'allow',
      rule: 'always-grant: exactly this action was allowed for good',
      risk,
      reasons,
    };
  }
  return { decision: 'ask', rule: 'default: everything that may change something asks', risk, reasons };
}
