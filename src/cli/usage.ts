/** `parley usage`: model calls by day, person, conversation, role and model. */
import { type CommonOptions, printJson, printTable, withStore } from './command-line.ts';

export async function usage(options: CommonOptions & { since?: string; json?: boolean }): Promise<number> {
  return withStore(options, async (store) => {
    const rows = await store.usage.query(options.since === undefined ? {} : { since: options.since });
    if (options.json) for (const row of rows) printJson(row);
    else
      printTable(
        ['day', 'user', 'conversation', 'role', 'model', 'calls', 'read', 'written', 'cost'],
        rows.map((row) => [
          row.day,
          row.user,
          row.conversation,
          row.role,
          row.model,
          String(row.calls),
          String(row.promptTokens),
          String(row.completionTokens),
          row.cost.toFixed(4),
        ]),
      );
    return 0;
  });
}
