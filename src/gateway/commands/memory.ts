/** `/memory`: what is remembered here, from where; adding, correcting and forgetting it. */
import { dayOf } from '../../domain/day.ts';
import { wordsOf } from '../../domain/event.ts';
import {
  conversationKey,
  type Memory,
  type MemoryScope,
  memoryScopes,
  type Viewer,
} from '../../domain/memory.ts';
import { LESSON_TYPE } from '../../domain/reflection.ts';
import { showInvisible } from '../../domain/visible.ts';
import type { ChatCommand, CommandContext, CommandDeps } from './command.ts';

const LISTED = 20;
/** Entries of one answer in chat; `parley memory export` has no limit. */
const EXPORTED = 200;
const SHOWN_LENGTH = 160;

type Verb = (deps: CommandDeps, context: CommandContext, rest: string) => Promise<string>;

export const memory: ChatCommand = {
  name: 'memory',
  argument: '[list|search|show|add|forget|export|erase]',
  about: 'See what I remember for you here; add, correct or forget it',
  async run(deps, context) {
    const [, word = '', rest = ''] = /^(\S*)\s*([\s\S]*)$/.exec(context.argument) ?? [];
    const verb = verbs.get(word === '' ? 'list' : word.toLowerCase());
    await context.reply(verb === undefined ? USAGE : await verb(deps, context, rest.trim()));
  },
};

const USAGE = [
  'Usage:',
  '- `/memory`: what I remember that you may see here',
  '- `/memory search WORDS`',
  '- `/memory show ID`: one entry whole, with the words it was taken from',
  '- `/memory add TEXT`; in a shared conversation also `/memory add conversation: TEXT` or `workspace: TEXT`',
  '- `/memory forget ID`',
  '- `/memory export`: all about you; in a private chat',
  '- `/memory erase me`: forget all about you',
].join('\n');

const list: Verb = async (deps, context) => {
  const found = await deps.store.memories.prominent({ viewer: viewerOf(deps, context), limit: LISTED });
  return found.length === 0 ? 'I remember nothing that you may see here.' : lines(found);
};

const search: Verb = async (deps, context, words) => {
  if (words === '') return USAGE;
  const viewer = viewerOf(deps, context);
  const found = await deps.store.memories.search({ viewer, text: words, limit: LISTED });
  return found.length === 0 ? 'I remember nothing of the kind.' : lines(found.map((one) => one.memory));
};

const show: Verb = async (deps, context, id) => {
  const entry = await named(deps, context, id);
  if (entry === undefined) return unknown(id);
  const { source } = entry;
  const log = source === null ? [] : await deps.store.events.list(source.turnId, source.seq - 1);
  const effects = entry.type === LESSON_TYPE ? [await effectsOf(deps, entry)] : [];
  const said = (await wasSaidHere(deps, context, source)) ? wordsOf(log[0]) : null;
  return [
    `**${entry.name}** (${entry.type}, ${forWhom[entry.scope]}, importance ${entry.importance})`,
    showInvisible(entry.body),
    `Said by ${entry.author} on ${dayOf(entry.createdAt)}${entry.updatedAt === entry.createdAt ? '' : `, last changed on ${dayOf(entry.updatedAt)}`}.`,
    ...effects,
    ...(source === null ? [] : [`Source: turn ${source.turnId}, event ${source.seq}.`]),
    ...(said === null ? [] : [`> ${showInvisible(said).slice(0, 500).replaceAll('\n', '\n> ')}`]),
  ].join('\n\n');
};

async function effectsOf({ store }: CommandDeps, { id }: Memory): Promise<string> {
  const { helpful, harmful } = (await store.reflections.counts([id])).get(id) ?? { helpful: 0, harmful: 0 };
  return `In later work it helped ${helpful} × and hurt ${harmful} ×.`;
}

/** What is kept for all may have been said among few: the whole message is for those who could read it then. */
async function wasSaidHere(
  deps: CommandDeps,
  { message }: CommandContext,
  source: Memory['source'],
): Promise<boolean> {
  const turn = source === null ? undefined : await deps.store.turns.get(source.turnId);
  if (turn === undefined) return false;
  const isOwn = message.direct && deps.accountsOf(message.author.id).includes(turn.user);
  return isOwn || conversationKey(turn.input) === conversationKey(message);
}

const add: Verb = async (deps, context, argument) => {
  const [, wanted, text = ''] = /^(?:(user|conversation|workspace):)?\s*([\s\S]*)$/.exec(argument) ?? [];
  if (text === '') return USAGE;
  const scope: MemoryScope = memoryScopes.find((one) => one === wanted) ?? 'user';
  const viewer = viewerOf(deps, context);
  const payer = { user: viewer.user, session: context.session, profile: context.profile };
  const kept = await deps.remember(viewer, payer, {
    text,
    scope,
    type: 'fact',
    importance: 0.7,
    source: null,
  });
  if ('refusal' in kept) return `I did not keep that: ${kept.refusal}.`;
  return `${kept.updated ? 'Brought up to date' : 'I will remember that'}, ${forWhom[kept.memory.scope]}: \`${kept.memory.id}\``;
};

const forget: Verb = async (deps, context, id) => {
  const viewer = viewerOf(deps, context);
  const isAdmin = context.roles.includes('admin');
  // Your own entries you may forget from anywhere, though they are shown only where they belong.
  const entry = (await named(deps, context, id)) ?? (await deps.store.memories.get(id));
  const accounts = deps.accountsOf(viewer.user);
  if (entry === undefined && (await inSnapshots(deps, accounts, id))) return FORGOTTEN;
  const isOwn = entry !== undefined && entry.scope === 'user' && accounts.includes(entry.owner);
  const isVisible = entry !== undefined && (await deps.store.memories.visible(viewer, [entry.id])).length > 0;
  if (entry === undefined || !(isOwn || isVisible || isAdmin)) return unknown(id);
  if (!isOwn && !accounts.includes(entry.author) && !isAdmin)
    return `${entry.author} said that, and it is kept ${forWhom[entry.scope]}: only they or an admin can make me forget it.`;
  await deps.store.memories.forget(entry.id);
  return FORGOTTEN;
};

const FORGOTTEN = 'Forgotten. The next prompt no longer holds it, and nothing brings it back.';

/** What was learned may know an entry that is none any more. */
async function inSnapshots(deps: CommandDeps, accounts: readonly string[], id: string): Promise<boolean> {
  if (id === '') return false;
  const found = await Promise.all(accounts.map((one) => deps.store.memories.forgetSnapshots(one, id)));
  return found.includes(true);
}

/** Whoever may see all about a person: themselves, and an admin. */
function personOf(context: CommandContext, argument: string): string | undefined {
  const self = context.message.author.id;
  if (argument === '' || argument === 'me' || argument === self) return self;
  return context.roles.includes('admin') ? argument : undefined;
}

const exportAll: Verb = async (deps, context, argument) => {
  // What was said in private must not appear where others read along.
  if (!context.message.direct) return 'I only do that in a private chat. Write to me there.';
  const person = personOf(context, argument);
  if (person === undefined) return 'Only an admin may export what concerns somebody else.';
  const found = await deps.store.memories.list({ accounts: deps.accountsOf(person), limit: EXPORTED });
  if (found.length === 0) return `I remember nothing about ${person}.`;
  const more = found.length < EXPORTED ? '' : `\n\nThere may be more: \`parley memory export\` gives all.`;
  return `\`\`\`json\n${found.map((one) => JSON.stringify(one).replaceAll('`', '\\u0060')).join('\n')}\n\`\`\`${more}`;
};

const erase: Verb = async (deps, context, argument) => {
  if (argument === '') return 'Usage: `/memory erase me`. It forgets everything about you, for good.';
  const person = personOf(context, argument);
  if (person === undefined) return 'Only an admin may erase what concerns somebody else.';
  const accounts = deps.accountsOf(person);
  const count = await deps.store.memories.erase(accounts, deps.clock.now());
  return `Erased ${count} ${count === 1 ? 'entry' : 'entries'} about ${accounts.join(', ')}. The log of the conversations stays.`;
};

const verbs: ReadonlyMap<string, Verb> = new Map(
  Object.entries({ list, search, show, add, forget, export: exportAll, erase }),
);

const viewerOf = (deps: CommandDeps, { message, profile }: CommandContext): Viewer => ({
  user: message.author.id,
  conversation: conversationKey(message),
  workspace: deps.workspace(profile),
  direct: message.direct,
});

/** By id or by name, among what may be seen here. */
async function named(deps: CommandDeps, context: CommandContext, id: string): Promise<Memory | undefined> {
  if (id === '') return undefined;
  const viewer = viewerOf(deps, context);
  const [byId] = await deps.store.memories.visible(viewer, [id]);
  if (byId !== undefined) return byId;
  const alike = await deps.store.memories.search({ viewer, text: id, limit: LISTED });
  return alike.find((one) => one.memory.name === id)?.memory;
}

const unknown = (id: string): string =>
  id === ''
    ? USAGE
    : `I know no entry \`${showInvisible(id).replaceAll('`', "'").slice(0, 80)}\`. \`/memory\` lists them.`;

const forWhom = { user: 'for you', conversation: 'for this conversation', workspace: 'for the workspace' };

function lines(memories: readonly Memory[]): string {
  const rows = memories.map((one) => {
    const text = showInvisible(one.body).replaceAll(/\s+/g, ' ');
    const short = text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH).toWellFormed()}…` : text;
    return `- ${short} (${forWhom[one.scope]}; ${one.author}, ${dayOf(one.updatedAt)}) \`${one.id}\``;
  });
  return rows.join('\n');
}
