/** The same judgement as in a turn, without a turn: for `parley explain`. */
import { decidePolicy, type PolicyDecision } from './agent/policy.ts';
import { validateArgs } from './agent/tools/execute.ts';
import type { LoadedConfig } from './config/load.ts';
import type { Logger } from './domain/runtime.ts';
import { rolesOf } from './gateway/access.ts';
import { profileFor } from './gateway/router.ts';
import { openOffline } from './offline.ts';
import { accessOf, termsOf } from './open-profiles.ts';

/** Without the terms when nobody is asked. */
export type Explained = Omit<PolicyDecision, 'terms' | 'grantable'> & Partial<Pick<PolicyDecision, 'terms'>>;

export type Question = { readonly tool: string; readonly args: unknown };

export async function judgeOffline(
  loaded: LoadedConfig,
  asked: { user: string; conversation: string | null; log: Logger },
): Promise<(question: Question) => Promise<Explained>> {
  const profiles = await openOffline(loaded, asked.log);
  const where = placeOf(asked.conversation, asked.user);
  const name = profileFor({ ...where, account: '' }, loaded.config.routes);
  const { settings, workspace } = profiles.get(name);
  const profile = loaded.profiles.get(name) ?? loaded.config;
  const roles = rolesOf(accessOf(loaded), { id: asked.user, kind: 'person' });
  return async ({ tool: toolName, args }) => {
    const tool = settings.tools.get(toolName);
    if (tool === undefined) {
      return {
        decision: 'deny',
        rule: 'built-in: there is no such tool',
        risk: 'blocked',
        reasons: [`no tool "${toolName}"`],
      };
    }
    const checked = validateArgs(tool, JSON.stringify(args));
    if (!checked.ok)
      return {
        decision: 'deny',
        rule: 'built-in: invalid arguments',
        risk: 'blocked',
        reasons: [checked.error],
      };
    const assessment = await tool.assess(checked.args, { workspace });
    const { decision, rule, risk, reasons, terms } = decidePolicy({
      tool,
      args: checked.args,
      assessment,
      rules: profile.approvals.rules,
      terms: termsOf(profile),
      actor: { user: asked.user, roles },
      where,
      granted: false,
      untrusted: null,
    });
    return { decision, rule, risk, reasons, ...(decision === 'ask' ? { terms } : {}) };
  };
}

/** `slack:C012`, or only the channel of the person. */
function placeOf(conversation: string | null, user: string): { channel: string; conversation: string } {
  const [channel = 'web', ...rest] = (conversation ?? `${user.split(':')[0]}:`).split(':');
  return { channel, conversation: rest.join(':') };
}
