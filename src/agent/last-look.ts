/** The last look before an action runs (pure): at what was approved, at the rules of now, at the clock. */
import { type Approval, actionDigest } from '../domain/approval.ts';
import type { Turn } from '../domain/turn.ts';
import type { PolicyDecision } from './policy.ts';
import type { EngineDeps } from './run.ts';
import type { Action } from './state.ts';
import type { Assessment } from './tools/tool.ts';

/** What is known of it by now. */
type Understood = {
  readonly action: Pick<Action, 'approval'>;
  readonly policy: Pick<PolicyDecision, 'decision' | 'rule' | 'terms' | 'network'>;
  readonly assessment: Pick<Assessment, 'files'>;
};

/** Why an approved action may no longer run; null when it may. The approval is compared with the immutable event. */
export function refusalAtExecution(
  deps: Pick<EngineDeps, 'agreed' | 'clock'>,
  turn: Turn,
  { action, policy, assessment }: Understood,
  approval: Approval | undefined,
): string | null {
  const request = action.approval;
  if (request === null || approval === undefined) return 'Refused: there is no record of its approval.';
  const intact = approval.digest === request.digest && actionDigest(approval.action) === request.digest;
  if (!intact) return 'Refused: the stored action is not the one that was approved (digest mismatch).';
  if (deps.clock.now() > request.expiresAt) return 'Not run: the approval expired before it could start.';
  if (policy.decision === 'deny') return `Refused: ${policy.rule} forbids it by now.`;
  if (policy.decision === 'ask' && !deps.agreed(turn, policy.terms, approval))
    return `Refused: by the rules of now (${policy.rule}), those who approved are not enough. Ask again.`;
  const files = JSON.stringify(assessment.files ?? {});
  if (files !== JSON.stringify(request.action.files ?? {}))
    return 'Refused: something it runs or replaces has changed since it was approved.';
  return null;
}

/** Hosts that rules open by now, and that those who approved were shown. */
export function openedFor({
  action: { approval },
  policy,
}: Pick<Understood, 'action' | 'policy'>): readonly string[] {
  if (approval === null) return policy.network;
  return policy.network.filter((host) => approval.action.network?.includes(host) === true);
}
