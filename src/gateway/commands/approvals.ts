/** `/approvals`: what waits for a decision, what is always allowed, and taking that back. */
import type { Approval, Grant } from '../../domain/approval.ts';
import { nameAction, seconds } from '../words.ts';
import type { ChatCommand } from './command.ts';

export const approvals: ChatCommand = {
  name: 'approvals',
  argument: '[revoke ID]',
  about: 'List what waits for approval and what is always allowed; revoke an always',
  async run(deps, context) {
    const [verb, id] = context.argument.split(/\s+/);
    if (verb === 'revoke') {
      await context.reply(
        await revoke(deps.store.approvals, id, context.roles.includes('approver'), deps.clock.now()),
      );
      return;
    }
    const everywhere = context.roles.includes('approver');
    const pending = await deps.store.approvals.pending(everywhere ? {} : { session: context.session });
    const grants = everywhere ? await deps.store.approvals.grants(deps.clock.now()) : [];
    await context.reply(listing(pending, grants, deps.clock.now()));
  },
};

async function revoke(
  store: { revoke(id: string, now: number): Promise<boolean> },
  id: string | undefined,
  mayRevoke: boolean,
  now: number,
): Promise<string> {
  if (!mayRevoke) return 'Only an approver may revoke what is always allowed.';
  if (id === undefined) return 'Usage: /approvals revoke ID';
  return (await store.revoke(id, now)) ? 'Revoked. The next time it asks again.' : 'There is no such grant.';
}

function listing(pending: readonly Approval[], grants: readonly Grant[], now: number): string {
  const lines = pending.length === 0 ? ['Nothing waits for approval.'] : ['Waiting for approval:'];
  for (const one of pending) {
    const { required } = one.terms;
    const votes = required === 1 ? '' : `, ${one.votes.length} of ${required} approved`;
    const left = seconds(Math.max(0, one.expiresAt - now));
    lines.push(`- \`${one.id}\` ${nameAction(one.action)} (denied in ${left}${votes})`);
  }
  if (grants.length > 0) lines.push('', 'Always allowed:');
  for (const one of grants) {
    const until = one.expiresAt === null ? 'until revoked' : `for ${seconds(one.expiresAt - now)}`;
    lines.push(`- \`${one.id}\` ${nameAction(one)} (${until}, profile ${one.profile}, in ${one.workspace})`);
  }
  return lines.join('\n');
}
