/** `/status`: what is going on here right now. */
import type { Turn } from '../../domain/turn.ts';
import { nameAction, seconds } from '../words.ts';
import type { ChatCommand } from './command.ts';

export const status: ChatCommand = {
  name: 'status',
  argument: '',
  about: 'Show what runs and what waits in this conversation',
  async run(deps, context) {
    const pending = await deps.store.sessions.pending(context.session);
    const waiting = await deps.store.approvals.pending({ session: context.session });
    const now = deps.clock.now();
    const lines = pending.map((turn) => `- ${describe(turn, now)}`);
    for (const one of waiting)
      lines.push(
        `- needs a decision: \`${one.id}\` (${nameAction(one.action)}, asked ${seconds(now - one.createdAt)} ago)`,
      );
    const model = deps.models(context.profile).modelOf('thinker');
    await context.reply(
      [
        lines.length === 0 ? 'Nothing is running here.' : lines.join('\n'),
        `Model: ${model} · profile: ${context.profile}`,
      ].join('\n\n'),
    );
  },
};

const words: Record<Turn['status'], string> = {
  queued: 'queued',
  running: 'running',
  waiting: 'waiting for approval',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
};

function describe(turn: Turn, now: number): string {
  const text = turn.input.text.replaceAll(/\s+/g, ' ').slice(0, 60);
  return `${words[turn.status]} for ${seconds(now - (turn.startedAt ?? turn.acceptedAt))}: "${text}" (${turn.input.author.name})`;
}
