/** Rows as the nouns of the domain. */
import type { Selectable } from 'kysely';
import type { Approval } from '../domain/approval.ts';
import { type Event, upcast } from '../domain/event.ts';
import type { Memory } from '../domain/memory.ts';
import type { InboundMessage } from '../domain/message.ts';
import type { Session } from '../domain/session.ts';
import type { HistoryEntry } from '../domain/session-store.ts';
import type { Turn } from '../domain/turn.ts';
import type { ApprovalsTable, EventsTable, MemoriesTable, SessionsTable, TurnsTable } from './schema.ts';

/** Free text is kept as JSON text too: PostgreSQL refuses U+0000 in a text, and people and tools do send it. */
export const toText = (value: string | null): string | null =>
  value === null ? null : JSON.stringify(value);
export const fromText = (text: string | null): string | null =>
  text === null ? null : (JSON.parse(text) as string);

export const toSession = (row: Selectable<SessionsTable>): Session => ({
  key: row.key,
  where: JSON.parse(row.place),
  direct: row.direct === 1,
  profile: row.profile,
  createdAt: row.created_at,
  lastTurnAt: row.last_turn_at,
  historyAfter: row.history_after,
});

export const toTurn = (row: Selectable<TurnsTable>): Turn => ({
  id: row.id,
  ordinal: row.ordinal,
  session: row.session,
  user: row.user_id,
  profile: row.profile,
  workspace: row.workspace,
  input: JSON.parse(row.input) as InboundMessage,
  status: row.status,
  seq: row.seq,
  fence: row.fence,
  cancelRequested: row.cancel_requested === 1,
  acceptedAt: row.accepted_at,
  startedAt: row.started_at,
  endedAt: row.ended_at,
  errorCode: row.error_code,
  answer: fromText(row.answer),
});

export const toHistoryEntry = (
  row: Pick<Selectable<TurnsTable>, 'id' | 'ordinal' | 'status' | 'input' | 'answer'>,
): HistoryEntry => ({
  turnId: row.id,
  ordinal: row.ordinal,
  status: row.status,
  input: JSON.parse(row.input),
  answer: fromText(row.answer),
});

export const toEvent = (
  row: Pick<Selectable<EventsTable>, 'turn_id' | 'seq' | 'at' | 'v' | 'body'>,
): Event => ({
  ...upcast(row.v, JSON.parse(row.body)),
  turnId: row.turn_id,
  seq: row.seq,
  at: row.at,
  v: row.v,
});

export const toApproval = (row: Selectable<ApprovalsTable>): Approval => ({
  id: row.id,
  turnId: row.turn_id,
  session: row.session,
  index: row.action_index,
  action: JSON.parse(row.action),
  digest: row.digest,
  risk: row.risk,
  reasons: JSON.parse(row.reasons),
  alwaysKey: fromText(row.always_key),
  requestedBy: row.requested_by,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  terms: JSON.parse(row.terms),
  votes: JSON.parse(row.votes),
  batch: row.batch,
  status: row.status,
  decision: row.decision,
  decidedBy: row.decided_by,
  decidedByName: fromText(row.decided_by_name),
  decidedAt: row.decided_at,
});

export type MemoryRow = Selectable<MemoriesTable>;

export const toMemory = (row: MemoryRow): Memory => ({
  id: row.id,
  name: row.name,
  description: JSON.parse(row.description),
  type: row.type,
  body: JSON.parse(row.body),
  scope: row.scope,
  owner: row.owner,
  place: row.place,
  importance: row.importance,
  source: row.source_turn === null ? null : { turnId: row.source_turn, seq: row.source_seq ?? 0 },
  author: row.author,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export const memoryOf = (memory: Memory): Omit<MemoryRow, 'ordinal'> => ({
  id: memory.id,
  scope: memory.scope,
  owner: memory.owner,
  place: memory.place,
  name: memory.name,
  description: JSON.stringify(memory.description),
  type: memory.type,
  body: JSON.stringify(memory.body),
  importance: memory.importance,
  source_turn: memory.source?.turnId ?? null,
  source_seq: memory.source?.seq ?? null,
  author: memory.author,
  created_at: memory.createdAt,
  updated_at: memory.updatedAt,
});
