/** What the database says about everything that was said, read beside the gateway: the measure of the crash proofs. */
import { sqlite, type TestDatabase } from '../e2e/support/database.ts';

export type LoggedEvent = {
  readonly seq: number;
  readonly at: number;
  readonly type: string;
  readonly index?: number;
};

export type LoggedTurn = {
  readonly ordinal: number;
  readonly session: string;
  readonly conversation: string;
  readonly messageId: string;
  readonly status: string;
  readonly events: readonly LoggedEvent[];
};

type TurnRow = { id: string } & Omit<LoggedTurn, 'events'>;
type EventRow = { readonly turn: string; readonly seq: number; readonly at: number; readonly body: string };

/** Every turn in order of acceptance, with its log. */
export async function readLedger(folder: string, database: TestDatabase = sqlite): Promise<LoggedTurn[]> {
  const rows = await database.rows<EventRow>(
    folder,
    'SELECT turn_id AS turn, seq, at, body FROM events ORDER BY turn_id, seq',
  );
  const events = Map.groupBy(rows, (row) => row.turn);
  const turns = await database.rows<TurnRow>(
    folder,
    `SELECT id, ordinal, session, conversation, message_id AS "messageId", status FROM turns ORDER BY ordinal`,
  );
  return turns.map(({ id, ...turn }) => ({
    ...turn,
    events: (events.get(id) ?? []).map(({ seq, at, body }) => ({ ...JSON.parse(body), seq, at })),
  }));
}

/** Turns that began before the one before them in their session had ended, or out of turn. */
export function outOfOrder(turns: readonly LoggedTurn[]): string[] {
  const faults: string[] = [];
  for (const [session, own] of Map.groupBy(turns, (turn) => turn.session)) {
    let endedAt = 0;
    for (const turn of own) {
      // `turn.started` is written on acceptance; work begins with the event after it.
      const begun = turn.events[1]?.at ?? Number.POSITIVE_INFINITY;
      if (begun < endedAt)
        faults.push(`${session}: ${turn.messageId} began before the turn ahead of it ended`);
      endedAt = Math.max(endedAt, turn.events.findLast((event) => event.type === 'turn.finished')?.at ?? 0);
    }
  }
  return faults;
}

/** Actions that were started or finished more often than once. */
export function repeatedSteps(turns: readonly LoggedTurn[]): string[] {
  return turns.flatMap((turn) =>
    ['tool.started', 'tool.finished'].flatMap((type) => {
      const indexes = turn.events.filter((event) => event.type === type).map((event) => event.index);
      return new Set(indexes).size === indexes.length ? [] : [`${turn.messageId}: ${type} ${indexes.join()}`];
    }),
  );
}
