/** `parley usage`: model calls by day, person, conversation, role and model. */
import { z } from 'zod';
import { AppError } from '../domain/errors.ts';
import { type CommonOptions, printJson, printTable, withStore } from './command-line.ts';

export async function usage(options: CommonOptions & { since?: string; json?: boolean }): Promise<number> {
  const { since } = options;
  if (since !== undefined && !z.iso.date().safeParse(since).success)
    throw new AppError('cli.usage', `--since must be a day such as 2026-01-31, not ${since}`);
  return withStore(options, async (store) => {
    const rows = await store.usage.query(since === undefined ? {} : { since });
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
