/** `parley memory`: what is remembered, of whom, from where; and forgetting it. For operators: it sees everything. */
import { resolve } from 'node:path';
import { firstLine } from '../agent/memory/keep.ts';
import { secretIn } from '../agent/memory/secrets.ts';
import type { LoadedConfig } from '../config/load.ts';
import { AppError } from '../domain/errors.ts';
import { wordsOf } from '../domain/event.ts';
import { plain } from '../domain/grams.ts';
import { type Memory, type MemoryScope, memoryScopes, toMemoryName } from '../domain/memory.ts';
import { newId } from '../domain/runtime.ts';
import { accountsOf } from '../gateway/access.ts';
import type { Store } from '../store/store.ts';
import {
  accountsIn,
  type CommonOptions,
  isoTime,
  load,
  printJson,
  printLine,
  printTable,
  withStore,
} from './command-line.ts';

/** Entries read at once. */
const PAGE = 500;

type ListOptions = CommonOptions & { readonly json?: boolean; readonly user?: string };

async function* entries(store: Store, options: ListOptions, loaded: LoadedConfig): AsyncGenerator<Memory> {
  const whose = accountsIn(options, loaded);
  let after: string | undefined;
  for (;;) {
    const page = await store.memories.list({
      limit: PAGE,
      ...whose,
      ...(after === undefined ? {} : { after }),
    });
    yield* page;
    after = page.at(-1)?.id;
    if (after === undefined || page.length < PAGE) return;
  }
}

/** `source` is `TURN#SEQ`, as `parley events TURN` numbers them; null when an operator wrote the entry. */
const toRow = (memory: Memory) => ({
  id: memory.id,
  scope: memory.scope,
  owner: memory.owner,
  name: memory.name,
  body: memory.body,
  source: memory.source === null ? null : `${memory.source.turnId}#${memory.source.seq}`,
  type: memory.type,
  description: memory.description,
  importance: memory.importance,
  author: memory.author,
  place: memory.place,
  createdAt: isoTime(memory.createdAt),
  updatedAt: isoTime(memory.updatedAt),
});

const print = (memories: readonly Memory[], options: { readonly json?: boolean }): void => {
  if (options.json) for (const memory of memories) printJson(toRow(memory));
  else if (memories.length === 0) printLine('Nothing is remembered.');
  else
    printTable(
      ['id', 'scope', 'owner', 'name', 'body'],
      memories.map(({ id, scope, owner, name, body }) => [
        id,
        scope,
        owner,
        name,
        body.replaceAll(/\s+/g, ' '),
      ]),
    );
};

export async function list(options: ListOptions): Promise<number> {
  return withStore(options, async (store, loaded) => {
    const found: Memory[] = [];
    for await (const memory of entries(store, options, loaded)) found.push(memory);
    print(found, options);
    return 0;
  });
}

/** Everything about one person, or everything there is, one object a line. */
export async function exportAll(options: ListOptions): Promise<number> {
  return withStore(options, async (store, loaded) => {
    for await (const memory of entries(store, options, loaded)) printJson(toRow(memory));
    return 0;
  });
}

export async function search(words: string, options: ListOptions): Promise<number> {
  return withStore(options, async (store, loaded) => {
    const found: Memory[] = [];
    for await (const memory of entries(store, options, loaded)) {
      const text = plain(`${memory.name} ${memory.description} ${memory.body}`);
      if (text.includes(plain(words))) found.push(memory);
    }
    print(found, options);
    return found.length > 0 ? 0 : 1;
  });
}

export async function show(id: string, options: CommonOptions & { json?: boolean }): Promise<number> {
  return withStore(options, async (store) => {
    const memory = await store.memories.get(id);
    if (memory === undefined) return unknown(id);
    const { source } = memory;
    const log = source === null ? [] : await store.events.list(source.turnId, source.seq - 1);
    const row = { ...toRow(memory), sourceText: wordsOf(log[0]) };
    if (options.json) printJson(row);
    else for (const [name, value] of Object.entries(row)) printLine(`${name}: ${value ?? '-'}`);
    return 0;
  });
}

type AddOptions = CommonOptions & { scope: string; owner: string; type: string; importance: string };

/** With any other owner it would be kept, and never come back to anybody. */
const ownerForms: Record<MemoryScope, { readonly pattern: RegExp; readonly example: string }> = {
  user: { pattern: /^[a-z]+:.+$/, example: 'the id of a person, such as slack:U012ABC,' },
  conversation: { pattern: /^[a-z]+\/[^/]*\/[^/]+(\/[^/]+)?$/, example: 'a key that "parley usage" lists,' },
  workspace: { pattern: /^/, example: 'a folder' },
};

/** An operator's entry: no turn is its source. */
export async function add(text: string, options: AddOptions): Promise<number> {
  const scope = memoryScopes.find((one) => one === options.scope);
  if (scope === undefined)
    throw new AppError('cli.usage', `--scope must be one of ${memoryScopes.join(', ')}`);
  const importance = Number(options.importance);
  if (!(importance >= 0 && importance <= 1))
    throw new AppError('cli.usage', `--importance must be from 0 to 1, not ${options.importance}`);
  const owner = scope === 'workspace' ? resolve(options.owner) : options.owner;
  if (!ownerForms[scope].pattern.test(owner))
    throw new AppError(
      'cli.usage',
      `--owner must be ${ownerForms[scope].example} beside --scope ${scope}, not ${owner}`,
    );
  const secret = secretIn(text);
  if (secret !== null) throw new AppError('cli.usage', `This is not stored: it holds ${secret}.`);
  return withStore(
    options,
    async (store) => {
      const now = Date.now();
      const memory: Memory = {
        id: newId(now),
        name: toMemoryName(text),
        description: firstLine(text),
        type: options.type,
        body: text,
        scope,
        owner,
        place: null,
        importance,
        source: null,
        author: 'cli:operator',
        createdAt: now,
        updatedAt: now,
      };
      const [stored] = await store.memories.apply([{ op: 'put', memory }]);
      printLine(stored?.id ?? memory.id);
      return 0;
    },
    'share',
  );
}

export async function forget(id: string, options: CommonOptions): Promise<number> {
  return withStore(
    options,
    async (store) => {
      if (!(await store.memories.forget(id))) return unknown(id);
      printLine(`Forgot ${id}: no prompt holds it from now on.`);
      return 0;
    },
    'share',
  );
}

export async function erase(person: string, options: CommonOptions): Promise<number> {
  return withStore(
    options,
    async (store) => {
      const accounts = accountsOf(load(options).config.access, person);
      const count = await store.memories.erase(accounts, Date.now());
      printLine(`Erased ${count} ${count === 1 ? 'entry' : 'entries'} about ${accounts.join(', ')}.`);
      return 0;
    },
    'share',
  );
}

function unknown(id: string): number {
  printLine(`There is no entry ${id}; "parley memory list" shows them.`);
  return 1;
}
