/** `/reflections`: what was learned from your work, as a diff; keeping it, and taking it back. */
import { reflectionDiff, reflectionLine } from '../../agent/reflection/words.ts';
import { conversationKey } from '../../domain/memory.ts';
import type { UserId } from '../../domain/message.ts';
import type { ChatCommand, CommandContext, CommandDeps } from './command.ts';

const LISTED = 10;
const USAGE = 'Usage: /reflections, /reflections show ID, undo ID, keep ID or dismiss ID.';

export const reflections: ChatCommand = {
  name: 'reflections',
  argument: '[show|undo|keep|dismiss ID]',
  about: 'See what I learned from your work; keep it or take it back',
  async run(deps, context) {
    const { author } = context.message;
    const [verb = '', id = '', ...rest] = context.argument.split(/\s+/);
    if (verb === '' || verb === 'list') return context.reply(await list(deps, author.id));
    if (id === '' || rest.length > 0) return context.reply(USAGE);
    if (await isFromElsewhere(deps, context, id)) return context.reply(ELSEWHERE);
    switch (verb) {
      case 'show': {
        const found = await deps.reviews.find(id, author);
        if (found === undefined) return context.reply('There is no such reflection.');
        const diff = reflectionDiff(found, (name) => deps.catalog().get(name)?.text);
        const text = [reflectionLine(found), ...(found.reasoning === null ? [] : [found.reasoning])].join(
          '\n\n',
        );
        return context.reply(diff === '' ? text : `${text}\n\n\`\`\`\`\`diff\n${diff}\n\`\`\`\`\``);
      }
      case 'undo':
        return context.reply(await deps.reviews.undo(id, author));
      case 'keep':
      case 'dismiss':
        return context.reply((await deps.reviews.decide(id, verb === 'keep', author)).text);
      default:
        return context.reply(USAGE);
    }
  },
};

const ELSEWHERE = 'That was learned from work in another place. Write to me about it in a private chat.';

/** What was learned in private must not appear where others read along. */
async function isFromElsewhere(
  { reviews, store }: CommandDeps,
  { message }: CommandContext,
  id: string,
): Promise<boolean> {
  if (message.direct) return false;
  const found = await reviews.find(id, message.author);
  if (found === undefined) return false;
  const turn = found.turnId === null ? undefined : await store.turns.get(found.turnId);
  return turn === undefined || conversationKey(turn.input) !== conversationKey(message);
}

async function list({ store, accountsOf }: CommandDeps, user: UserId): Promise<string> {
  const found = await store.reflections.list({ accounts: accountsOf(user), limit: LISTED });
  if (found.length === 0) return 'I have not looked back at any of your work yet.';
  const lines = found.map((one) => {
    const day = new Date(one.createdAt).toISOString().slice(0, 16).replace('T', ' ');
    return `- \`${one.id}\` ${day} UTC: ${reflectionLine(one)}`;
  });
  return ['What I learned from your work, latest first:', ...lines, '', USAGE].join('\n');
}
