/** `/new`: what was said so far is no longer part of the conversation. */
import type { ChatCommand } from './command.ts';

export const fresh: ChatCommand = {
  name: 'new',
  argument: '',
  about: 'Start afresh: earlier messages here are no longer read',
  async run(deps, context) {
    await deps.store.sessions.reset(context.session, deps.clock.now());
    await context.reply('A fresh start: I no longer read what was said here before. The log keeps it.');
  },
};
