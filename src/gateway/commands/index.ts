/** The chat commands, in the order in which `/help` and completion list them. */
import { approvals } from './approvals.ts';
import { approve } from './approve.ts';
import { btw } from './btw.ts';
import type { ChatCommand } from './command.ts';
import { fresh } from './fresh.ts';
import { memory } from './memory.ts';
import { reflections } from './reflections.ts';
import { skills } from './skills.ts';
import { status } from './status.ts';
import { stop } from './stop.ts';
import { usage } from './usage.ts';

const help: ChatCommand = {
  name: 'help',
  argument: '',
  about: 'List these commands',
  async run(_deps, context) {
    const lines = commands.map(
      (one) => `- \`/${one.name}${one.argument === '' ? '' : ` ${one.argument}`}\`: ${one.about}`,
    );
    await context.reply(`Write to me and I answer. These commands work everywhere:\n\n${lines.join('\n')}`);
  },
};

export const commands: readonly ChatCommand[] = [
  btw,
  stop,
  fresh,
  status,
  approvals,
  approve,
  memory,
  skills,
  reflections,
  usage,
  help,
];
