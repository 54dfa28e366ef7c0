/** `parley reflections`: what was learned from turns, as metrics and as a diff; taking one back. For operators. */
import { revivalJobs } from '../agent/memory/vectors.ts';
import { reflectionDiff, reflectionLine } from '../agent/reflection/words.ts';
import { readCatalog } from '../agent/skills/catalog.ts';
import type { Reflection } from '../domain/reflection.ts';
import { skillFolders } from '../open-learning.ts';
import type { Store } from '../store/store.ts';
import {
  accountsIn,
  type CommonOptions,
  isoTime,
  load,
  printJson,
  printLine,
  printTable,
  quietLog,
  toLimit,
  withStore,
} from './command-line.ts';

type ListOptions = CommonOptions & {
  readonly json?: boolean;
  readonly user?: string;
  readonly limit: string;
};

/** `snapshot` is false where that could not be written, so that nothing can be undone. */
const toRow = ({ changes, raw, ...row }: Reflection) => ({
  ...row,
  snapshot: changes !== null,
  createdAt: isoTime(row.createdAt),
  ...(raw === null ? {} : { raw }),
});

export async function list(options: ListOptions): Promise<number> {
  const limit = toLimit(options.limit);
  return withStore(options, async (store, loaded) => {
    const found = await store.reflections.list({
      limit,
      ...accountsIn(options, loaded),
    });
    if (options.json) for (const one of found) printJson(toRow(one));
    else if (found.length === 0) printLine('No turn has been looked back at.');
    else
      printTable(
        ['id', 'at', 'user', 'outcome', 'what'],
        found.map((one) => [
          one.id,
          isoTime(one.createdAt) ?? '',
          one.userId ?? '-',
          one.outcome,
          reflectionLine(one),
        ]),
      );
    return 0;
  });
}

export async function show(
  id: string,
  options: CommonOptions & { readonly json?: boolean },
): Promise<number> {
  return withStore(options, async (store) => {
    const found = await store.reflections.get(id);
    if (found === undefined) return unknown(id);
    if (options.json) printJson({ ...toRow(found), changes: found.changes });
    else {
      const catalog = readCatalog(skillFolders(), quietLog(load(options)));
      printLine(reflectionLine(found));
      if (found.reasoning !== null) printLine(found.reasoning);
      printLine(reflectionDiff(found, (name) => catalog.get(name)?.text));
    }
    return 0;
  });
}

export async function undo(id: string, options: CommonOptions): Promise<number> {
  return withStore(
    options,
    async (store) => {
      const reflection = await store.reflections.get(id);
      const moved = await store.reflections.move(id, 'applied', 'undone');
      if (reflection === undefined || moved === 'unknown') return unknown(id);
      if (moved === 'done') await revive(store, reflection);
      if (moved === 'done') printLine('Undone: everything is as it was before.');
      else printLine(`Nothing was changed: ${moved.conflict}.`);
      return moved === 'done' ? 0 : 1;
    },
    'share',
  );
}

/** The gateway makes the vectors of what was put back, where it has a model for them. */
async function revive(store: Store, reflection: Reflection): Promise<void> {
  const turn = reflection.turnId === null ? undefined : await store.turns.get(reflection.turnId);
  if (turn === undefined) return;
  for (const job of revivalJobs(turn, reflection, 'undone')) await store.jobs.enqueue(job);
}

function unknown(id: string): number {
  printLine(`There is no reflection ${id}; "parley reflections list" shows them.`);
  return 1;
}
