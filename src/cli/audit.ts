/** `parley audit export` and `verify`: the whole log, and whether it is what was written. */
import { createHash } from 'node:crypto';
import { statusOf } from '../agent/state.ts';
import { AppError } from '../domain/errors.ts';
import { type Event, eventHash } from '../domain/event.ts';
import type { Store } from '../store/store.ts';
import { type CommonOptions, isoTime, printJson, printLine, withStore } from './command-line.ts';

/** Events read at once; a log of any length passes through in constant memory. */
const PAGE = 1000;

type Exported = Awaited<ReturnType<Store['events']['export']>>[number];

async function* allEvents(store: Store, since?: number): AsyncGenerator<Exported> {
  let after: { ordinal: number; seq: number } | undefined;
  for (;;) {
    const page = await store.events.export({
      limit: PAGE,
      ...(since === undefined ? {} : { since }),
      ...(after === undefined ? {} : { after }),
    });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = { ordinal: last.ordinal, seq: last.event.seq };
  }
}

export async function auditExport(options: CommonOptions & { since?: string }): Promise<number> {
  const since = options.since === undefined ? undefined : Date.parse(options.since);
  if (since !== undefined && Number.isNaN(since))
    throw new AppError(
      'cli.usage',
      `--since must be a time such as 2026-01-31T00:00:00Z, not ${options.since}`,
    );
  return withStore(options, async (store) => {
    for await (const { event, prevHash, hash } of allEvents(store, since)) {
      printJson({ ...event, at: isoTime(event.at), prevHash, hash });
    }
    return 0;
  });
}

export async function auditVerify(options: CommonOptions): Promise<number> {
  return withStore(options, async (store) => {
    const result = await verify(store);
    if (result.problem === null) {
      printLine(`The log is intact: ${result.turns} turns, ${result.events} events.`);
      return 0;
    }
    printLine(`The log is NOT intact. First bad place: ${result.problem}`);
    return 1;
  });
}

type Verified = { turns: number; events: number; problem: string | null };

async function verify(store: Store): Promise<Verified> {
  const heads = new Map<string, string>();
  let current: { id: string; session: string; status: string; events: Event[]; hash: string } | undefined;
  const result: Verified = { turns: 0, events: 0, problem: null };
  const endOf = (turn: typeof current): string | null => {
    if (turn === undefined) return null;
    const folded = statusOf(turn.events);
    // Claiming a turn is a lease, not an event: a turn just taken has nothing to show for it yet.
    const same = folded === turn.status || (folded === 'queued' && turn.status === 'running');
    return same ? null : `turn ${turn.id}: its row says ${turn.status}, its events say ${folded}`;
  };
  for await (const { event, bodyJson, prevHash, hash, session, status } of allEvents(store)) {
    result.events++;
    const place = `turn ${event.turnId}, event ${event.seq}`;
    if (event.turnId !== current?.id) {
      result.problem = endOf(current);
      if (result.problem !== null) return result;
      result.turns++;
      const expected = heads.get(session) ?? createHash('sha256').update(session).digest('hex');
      if (prevHash !== expected)
        return { ...result, problem: `${place}: an earlier turn of its session is missing or altered` };
      heads.set(session, hash);
      current = { id: event.turnId, session, status, events: [], hash: prevHash };
    }
    if (event.seq !== current.events.length + 1)
      return { ...result, problem: `${place}: event ${current.events.length + 1} is missing` };
    if (prevHash !== current.hash)
      return { ...result, problem: `${place}: does not follow the event before it` };
    if (hash !== eventHash(prevHash, event.turnId, event.seq, event.at, event.v, bodyJson))
      return { ...result, problem: `${place}: its content does not match its hash` };
    current.hash = hash;
    current.events.push(event);
  }
  return { ...result, problem: endOf(current) };
}
