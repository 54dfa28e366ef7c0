/** `/usage`: what the models have been used for: by day and role; for admins also by person and conversation. */
import { dayOf } from '../../domain/day.ts';
import type { UsageRow } from '../../domain/usage.ts';
import type { ChatCommand } from './command.ts';

const DAY_MS = 86_400_000;
const DAYS = 30;
/** Lines of one list; `parley usage` has all. */
const LISTED = 7;

export const usage: ChatCommand = {
  name: 'usage',
  argument: '',
  about: 'Show the tokens used today and in the last 30 days',
  async run(deps, context) {
    const now = deps.clock.now();
    const isAdmin = context.roles.includes('admin');
    // An admin sees everybody's; others their own.
    const own = isAdmin ? {} : { user: context.message.author.id };
    const rows = await deps.store.usage.query({ since: dayOf(now - (DAYS - 1) * DAY_MS), ...own });
    const heading = isAdmin ? 'Everybody' : 'You';
    const lists = [
      list('By role', rows, (row) => row.role),
      list('By day', rows, (row) => row.day, true),
      ...(isAdmin ? [list('By person', rows, (row) => row.user)] : []),
      // Names of other conversations are nobody's business in a shared one.
      ...(isAdmin || context.message.direct
        ? [list('By conversation', rows, (row) => row.conversation)]
        : []),
    ];
    await context.reply(
      [
        `${heading}, today: ${sum(rows.filter((row) => row.day === dayOf(now)))}`,
        `${heading}, last ${DAYS} days: ${sum(rows)}`,
        ...(rows.length === 0 ? [] : lists),
      ].join('\n\n'),
    );
  },
};

const tokensOf = (rows: readonly UsageRow[]): number =>
  rows.reduce((all, row) => all + row.promptTokens + row.completionTokens, 0);

/** The largest first, or the latest. */
function list(
  title: string,
  rows: readonly UsageRow[],
  keyOf: (row: UsageRow) => string,
  latestFirst = false,
): string {
  const groups = [...Map.groupBy(rows, keyOf)].map(([key, of]) => ({ key, of, tokens: tokensOf(of) }));
  groups.sort((a, b) => (latestFirst ? b.key.localeCompare(a.key) : b.tokens - a.tokens));
  const lines = groups.slice(0, LISTED).map(({ key, of }) => `- \`${key}\`: ${sum(of)}`);
  const rest = groups.slice(LISTED);
  if (rest.length > 0) lines.push(`- ${rest.length} more: ${sum(rest.flatMap(({ of }) => of))}`);
  return `${title}:\n${lines.join('\n')}`;
}

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
