/** `parley turns`, `parley events` and `parley output`: what happened, from the log. */
import { AppError } from '../domain/errors.ts';
import type { Turn } from '../domain/turn.ts';
import { showInvisible } from '../domain/visible.ts';
import {
  type CommonOptions,
  isoTime,
  printJson,
  printLine,
  printTable,
  toLimit,
  withStore,
} from './command-line.ts';

export async function turns(
  options: CommonOptions & { session?: string; limit: string; json?: boolean },
): Promise<number> {
  const limit = toLimit(options.limit);
  return withStore(options, async (store) => {
    const found = await store.turns.list({
      limit,
      ...(options.session === undefined ? {} : { session: options.session }),
    });
    if (options.json) for (const turn of found) printJson(toRow(turn));
    else
      printTable(
        ['id', 'status', 'started', 'user', 'text'],
        found.map((turn) => [
          turn.id,
          turn.status,
          isoTime(turn.startedAt) ?? '-',
          turn.user,
          showInvisible(turn.input.text).replaceAll(/\s+/g, ' ').slice(0, 50),
        ]),
      );
    return 0;
  });
}

function toRow(turn: Turn) {
  const { channel, conversation, thread } = turn.input.where;
  return {
    id: turn.id,
    session: turn.session,
    channel,
    conversation,
    thread: thread ?? null,
    user: turn.user,
    status: turn.status,
    startedAt: isoTime(turn.startedAt),
    endedAt: isoTime(turn.endedAt),
    errorCode: turn.errorCode,
    messageId: turn.input.id,
    profile: turn.profile,
  };
}

export async function events(turnId: string, options: CommonOptions & { json?: boolean }): Promise<number> {
  return withStore(options, async (store) => {
    const found = await store.events.list(turnId);
    if (found.length === 0)
      throw new AppError('config.invalid', `there is no turn ${turnId}; "parley turns" lists them`);
    for (const event of found) {
      const { turnId: _turn, at, v: _version, ...rest } = event;
      if (options.json) printJson({ ...rest, at: isoTime(at) });
      else printLine(`${String(event.seq).padStart(4)}  ${isoTime(at)}  ${event.type}  ${summary(rest)}`);
    }
    return 0;
  });
}

/** UTF-16 units read at a time. */
const AT_ONCE = 1024 * 1024;

/** All that an action said, as a marker in the log or the model names it: `TURN/INDEX`. */
export async function output(reference: string, options: CommonOptions): Promise<number> {
  const [turnId = '', index = ''] = reference.split('/');
  if (!/^\d+$/.test(index))
    throw new AppError(
      'cli.usage',
      `${reference} is no reference; write TURN/INDEX, as in outputRef of "parley events"`,
    );
  return withStore(options, async (store) => {
    let start = 0;
    for (;;) {
      const found = await store.outputs.read(turnId, Number(index), { start, length: AT_ONCE });
      if (found === undefined) {
        process.stderr.write(
          `No output is kept for ${reference}: all of it is in the log, or it was deleted.\n`,
        );
        return 1;
      }
      const isLast = start + found.text.length >= found.total;
      // The first half of a character is read again with its other half.
      const text = isLast ? found.text : found.text.replace(/[\ud800-\udbff]$/, '');
      // A terminal would obey it: what a command says may come from anybody.
      await write(process.stdout.isTTY ? showInvisible(text) : text);
      if (isLast) return 0;
      start += text.length;
    }
  });
}

/** Waits for a slow reader. */
const write = (text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });

function summary(event: Readonly<Record<string, unknown>>): string {
  const { seq: _seq, type: _type, ...fields } = event;
  const text = JSON.stringify(fields);
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
