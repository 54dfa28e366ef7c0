/**
 * May this action run? (pure) Rules of the operator over the defaults, over nothing that the model says.
 * Deny beats ask beats allow, whatever order the rules stand in; a hard block of the tool beats them all.
 */
import type { ApprovalTerms, Risk } from '../domain/approval.ts';
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
  /** Of an ask: who decides, instead of `access.approvers`. */
  readonly approvers?: readonly UserId[] | undefined;
  /** Of an ask: how many of them have to approve. */
  readonly required?: number | undefined;
  /** Of an ask: not the requester. */
  readonly second_person?: boolean | undefined;
  /** Of an allow or ask: hosts that the command may reach beside those open to all commands. */
  readonly network?: readonly string[] | undefined;
};

export type PolicyQuestion = {
  readonly tool: Pick<AnyTool, 'name' | 'effect'>;
  readonly args: unknown;
  readonly assessment: Pick<
    Assessment,
    'decision' | 'risk' | 'reasons' | 'alwaysKey' | 'argv' | 'effect' | 'sendsOut' | 'insists' | 'forms'
  >;
  readonly rules: readonly PolicyRule[];
  readonly actor: { readonly user: UserId; readonly roles: readonly Role[] };
  readonly where: { readonly channel: string; readonly conversation: string };
  /** An "always" was granted for exactly this action, here. */
  readonly granted: boolean;
  /** Of requests that no rule says more about. */
  readonly terms: ApprovalTerms;
  /** Text from outside that the model has read in this turn, and so may follow: what, in words (`taintOf`). */
  readonly untrusted: string | null;
};

export type PolicyDecision = {
  readonly decision: PolicyOutcome;
  /** What decided, in words: `approvals.rules[2]`, "default: read tools are allowed". */
  readonly rule: string;
  readonly risk: Risk;
  readonly reasons: readonly string[];
  /** Of an `ask`: who decides. */
  readonly terms: ApprovalTerms;
  /** Of an `ask`: whether an "always" would keep it from asking the next time. */
  readonly grantable: boolean;
  /** Hosts that rules open for this action, sorted. */
  readonly network: readonly string[];
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
    if (text === undefined) return false;
    // Who forbids `infra/*` or `git push*` means `./infra/x` and `cd a && git  push` as well; a yes is for what it says.
    const more = rule.decision === 'allow' ? [] : (assessment.forms?.[name] ?? []);
    return [text, ...more].some((form) => matchesGlob(pattern, form));
  });
  return matches && !allowsTooMuch(rule, question);
}

/** Never throws. */
export function decidePolicy(question: PolicyQuestion): PolicyDecision {
  const { assessment, tool, rules, terms } = question;
  const { risk, reasons } = assessment;
  const matching = [...rules.entries()].filter(([, rule]) => applies(rule, question));
  const network = [...new Set(matching.flatMap(([, rule]) => rule.network ?? []))].sort();
  const as = (decision: PolicyOutcome, rule: string): PolicyDecision => ({
    decision,
    rule,
    risk,
    reasons,
    terms,
    grantable: false,
    network: decision === 'deny' ? [] : network,
  });
  if (assessment.decision === 'deny') return as('deny', `built-in: ${tool.name} refuses this action`);
  const first = (decision: PolicyOutcome) => matching.find(([, rule]) => rule.decision === decision);
  const denied = first('deny');
  if (denied !== undefined) return as('deny', nameOf(denied));
  const asked = first('ask');
  const asking = matching.map(([, rule]) => rule).filter((rule) => rule.decision === 'ask');
  if (asked !== undefined) return { ...as('ask', nameOf(asked)), terms: strictest(terms, asking) };

  const isRead = (assessment.effect ?? tool.effect) === 'read';
  // The Rule of Two: what has read text from outside may not change things, nor tell anybody outside, without a
  // person in between.
  const canTell = assessment.sendsOut === true || network.length > 0;
  const tainted = question.untrusted !== null && (!isRead || canTell);
  const allowing = matching.filter(([, rule]) => rule.decision === 'allow');
  const allowed = allowing.find(
    ([, rule]) => assessment.insists !== true && (!tainted || rule.after_untrusted === true),
  );
  if (allowed !== undefined) return as('allow', nameOf(allowed));
  const harmless = isRead && assessment.decision === 'allow';
  if (harmless && !tainted) return as('allow', 'default: what only reads is allowed');
  // Where several have to agree each time, one of them cannot agree for good.
  const mayBeGranted = assessment.alwaysKey !== null && terms.required === 1;
  const granted = question.granted && mayBeGranted;
  if (tainted && (harmless || granted || allowing.length > 0)) {
    return {
      ...as(
        'ask',
        'default: after text from outside was read, whatever may change something or give it away asks',
      ),
      reasons: [...reasons, `it has read text from outside (${question.untrusted})`],
    };
  }
  if (granted) return as('allow', 'always-grant: exactly this action was allowed for good');
  const rule = 'default: everything that may change something asks';
  return { ...as('ask', rule), grantable: mayBeGranted };
}

const nameOf = ([index]: readonly [number, PolicyRule]): string => `approvals.rules[${index}]`;

/** What all of the rules demand: only people whom each of them names, and as many as the most demanding one wants. */
function strictest(base: ApprovalTerms, rules: readonly PolicyRule[]): ApprovalTerms {
  return rules.reduce<ApprovalTerms>(
    (terms, rule) => ({
      approvers:
        rule.approvers === undefined
          ? terms.approvers
          : rule.approvers.filter((id) => terms.approvers === null || terms.approvers.includes(id)),
      required: Math.max(terms.required, rule.required ?? 1),
      secondPerson: terms.secondPerson || rule.second_person === true,
    }),
    base,
  );
}
