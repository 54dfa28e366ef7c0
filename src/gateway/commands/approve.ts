/** `/approve ID once|always|deny`: the text form of the buttons, for platforms and people without them. */
import type { ChatCommand } from './command.ts';

/** For the model: a sentence, not a document. */
const MAX_REASON = 500;

const decisions = { once: 'once', always: 'always', deny: 'deny' } as const;

export const approve: ChatCommand = {
  name: 'approve',
  argument: 'ID once|always|deny [REASON]',
  about: 'Decide about something that waits for approval',
  async run(deps, context) {
    const [shown, written, ...rest] = context.argument.split(/\s+/);
    // Ids are shown as code, and telephones begin words with a capital.
    const id = shown?.replaceAll('`', '');
    const word = written?.toLowerCase() ?? '';
    const decision = Object.hasOwn(decisions, word) ? decisions[word as keyof typeof decisions] : undefined;
    const reason = rest.join(' ').slice(0, MAX_REASON);
    if (id === undefined || decision === undefined || (reason !== '' && decision !== 'deny')) {
      await context.reply(
        'Usage: /approve ID once, /approve ID always or /approve ID deny [REASON]. /approvals lists the ids.',
      );
      return;
    }
    const author = context.message.author;
    const { text } = await deps.approvals.decide(id, decision, author, reason === '' ? undefined : reason);
    await context.reply(text);
  },
};
