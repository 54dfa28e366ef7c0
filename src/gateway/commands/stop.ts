/** `/stop`: ends what runs or waits here, with its tools and its approvals. */
import type { ChatCommand } from './command.ts';

export const stop: ChatCommand = {
  name: 'stop',
  argument: '[all]',
  about: 'Stop the work in this conversation; "all" also drops the messages that wait',
  async run(deps, context) {
    const { stopped, left } = await deps.stopper.stopSession(
      context.session,
      context.message.author,
      context.argument === 'all',
    );
    if (stopped === 0 && left === 0) await context.reply('Nothing is running here.');
    else
      await context.reply(
        left === 0
          ? 'Stopped.'
          : `Stopped. ${left} more ${left === 1 ? 'message waits' : 'messages wait'}; /stop all drops them.`,
      );
  },
};
