/** `/approve ID once|always|deny`: the text form of the buttons, for platforms and people without them. */
import type { ChatCommand } from './command.ts';

const decisions = { once: 'once', always: 'always', deny: 'deny' } as const;

export const approve: ChatCommand = {
  name: 'approve',
  argument: 'ID once|always|deny',
  about: 'Decide about something that waits for approval',
  async run(deps, context) {
    const [id, word, ...rest] = context.argument.split(/\s+/);
    const decision = Object.hasOwn(decisions, word ?? '')
      ? decisions[word as keyof typeof decisions]
      : undefined;
    if (id === undefined || decision === undefined || rest.length > 0) {
      await context.reply(
        'Usage: /approve ID once, /approve ID always or /approve ID deny. /approvals lists the ids.',
      );
      return;
    }
    const { text } = await deps.approvals.decide(id, decision, context.message.author);
    await context.reply(text);
  },
};
