/** The same judgement as in a turn, without a turn: for `parley explain`. */
import { decidePolicy, type PolicyDecision } from './agent/policy.ts';
import { validateArgs } from './agent/tools/execute.ts';
import type { LoadedConfig } from './config/load.ts';
import { type Logger, systemClock } from './domain/runtime.ts';
import { approversFor, rolesOf } from './gateway/access.ts';
import { unreachable } from './gateway/approval-words.ts';
import { profileFor } from './gateway/router.ts';
import { openOffline } from './offline.ts';
import { accessOf, termsOf } from './open-profiles.ts';
import { withStoreIfAny } from './remembered.ts';

/** Without the terms when nobody is asked; without hosts when no rule opens any. */
export type Explained = Omit<PolicyDecision, 'terms' | 'grantable' | 'network'> &
  Partial<Pick<PolicyDecision, 'terms' | 'network'>>;

export type Question = { readonly tool: string; readonly args: unknown };

/** @param asked.untrusted text from outside that the turn would have read, in words; null: none */
export async function judgeOffline(
  loaded: LoadedConfig,
  questions: readonly Question[],
  asked: { user: string; conversation: string | null; untrusted: string | null; log: Logger },
): Promise<Explained[]> {
  const { user, untrusted, log } = asked;
  const profiles = await openOffline(loaded, log);
  const where = placeOf(asked.conversation, user);
  const name = profileFor({ ...where, account: '' }, loaded.config.routes);
  const { settings, workspace } = profiles.get(name);
  const profile = loaded.profiles.get(name) ?? loaded.config;
  const access = accessOf(loaded);
  const roles = rolesOf(access, { id: user, kind: 'person' });
  return withStoreIfAny(loaded, log, async (store, problem) => {
    const isGranted = async (key: string | null): Promise<boolean> =>
      key !== null &&
      (await store?.approvals.findGrant(key, name, workspace, systemClock.now())) !== undefined;
    const judge = async ({ tool: toolName, args }: Question): Promise<Explained> => {
      const tool = settings.tools.get(toolName);
      if (tool === undefined) return never('there is no such tool', `no tool "${toolName}"`);
      const checked = validateArgs(tool, JSON.stringify(args));
      if (!checked.ok) return never('invalid arguments', checked.error);
      const assessment = await tool.assess(checked.args, { workspace });
      const { decision, rule, risk, reasons, terms, network, grantable } = decidePolicy({
        tool,
        args: checked.args,
        assessment,
        rules: profile.approvals.rules,
        terms: termsOf(profile),
        actor: { user, roles },
        where,
        granted: await isGranted(assessment.alwaysKey),
        untrusted,
      });
      const opened = network.length === 0 ? {} : { network };
      if (decision !== 'ask') return { decision, rule, risk, reasons, ...opened };
      const nobody = unreachable(access, approversFor(access, user, terms), terms);
      const isUnsure = problem !== null && grantable && untrusted === null;
      const unsure = `whether this was always allowed could not be looked up: ${problem}`;
      return {
        decision,
        rule,
        risk,
        reasons: [...reasons, ...(nobody === null ? [] : [nobody]), ...(isUnsure ? [unsure] : [])],
        terms,
        ...opened,
      };
    };
    const answers: Explained[] = [];
    for (const question of questions) answers.push(await judge(question));
    return answers;
  });
}

const never = (rule: string, reason: string): Explained => ({
  decision: 'deny',
  rule: `built-in: ${rule}`,
  risk: 'blocked',
  reasons: [reason],
});

/** `slack:C012`, or only the channel of the person. */
function placeOf(conversation: string | null, user: string): { channel: string; conversation: string } {
  const [channel = 'web', ...rest] = (conversation ?? `${user.split(':')[0]}:`).split(':');
  return { channel, conversation: rest.join(':') };
}
