/** `/usage`: what the model has been used for, today and in the last 30 days. */
import type { UsageRow } from '../../domain/usage.ts';
import type { ChatCommand } from './command.ts';

const DAY_MS = 86_400_000;

export const usage: ChatCommand = {
  name: 'usage',
  argument: '',
  about: 'Show the tokens used today and in the last 30 days',
  async run(deps, context) {
    const now = deps.clock.now();
    const today = new Date(now).toISOString().slice(0, 10);
    const since = new Date(now - 29 * DAY_MS).toISOString().slice(0, 10);
    // An admin sees everybody's; others their own.
    const own = context.roles.includes('admin') ? {} : { user: context.message.author.id };
    const rows = await deps.store.usage.query({ since, ...own });
    const heading = context.roles.includes('admin') ? 'Everybody' : 'You';
    await context.reply(
      [
        `${heading}, today: ${sum(rows.filter((row) => row.day === today))}`,
        `${heading}, last 30 days: ${sum(rows)}`,
      ].join('\n'),
    );
  },
};

function sum(rows: readonly UsageRow[]): string {
  const total = { calls: 0, prompt: 0, completion: 0, cost: 0 };
  for (const row of rows) {
    total.calls += row.calls;
    total.prompt += row.promptTokens;
    total.completion += row.completionTokens;
    total.cost += row.cost;
  }
  const cost = total.cost === 0 ? '' : `, cost ${total.cost.toFixed(2)}`;
  return `${total.calls} model calls, ${total.prompt} tokens read, ${total.completion} written${cost}`;
}
