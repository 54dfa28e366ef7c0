/**
 * The tables as Kysely sees them, the same on both dialects. Times are milliseconds, flags are 0 or 1, and
 * `Json` columns hold JSON text: it is hashed and compared byte for byte, and it may carry U+0000, which a
 * PostgreSQL text column refuses.
 */
import type { Generated } from 'kysely';
import type { ApprovalStatus, Decision, Risk } from '../domain/approval.ts';
import type { MemoryScope } from '../domain/memory.ts';
import type { Reflection } from '../domain/reflection.ts';
import type { TurnStatus } from '../domain/turn.ts';

type Json = string;

export type SessionsTable = {
  key: string;
  place: Json;
  direct: number;
  profile: string;
  created_at: number;
  last_turn_at: number;
  history_after: number;
  /** Hash of the first event of the newest turn: what the next turn's log is chained to. */
  last_hash: string;
};

export type TurnsTable = {
  ordinal: Generated<number>;
  id: string;
  session: string;
  channel: string;
  account: string;
  conversation: string;
  message_id: string;
  user_id: string;
  profile: string;
  workspace: string;
  input: Json;
  status: TurnStatus;
  seq: number;
  /** Hash of the last event of its log. */
  head_hash: string;
  fence: number;
  /**
   * When a worker may take it: 0 = now, a time = when the lease on it ends, null = not at all (blocked behind
   * another turn, waiting for a person, or ended). One column, so that one small index serves every claim.
   */
  claimable_at: number | null;
  lease_owner: string | null;
  cancel_requested: number;
  accepted_at: number;
  started_at: number | null;
  ended_at: number | null;
  error_code: string | null;
  answer: Json | null;
};

export type EventsTable = {
  turn_id: string;
  seq: number;
  at: number;
  v: number;
  body: Json;
  prev_hash: string;
  hash: string;
};

/** `start` and `length` in UTF-16 units; `content` is the text in UTF-8, compressed by zstd. */
export type OutputPiecesTable = {
  turn_id: string;
  action_index: number;
  start: number;
  length: number;
  content: Buffer;
};

export type ApprovalsTable = {
  id: string;
  turn_id: string;
  session: string;
  action_index: number;
  action: Json;
  digest: string;
  risk: Risk;
  reasons: Json;
  always_key: Json | null;
  requested_by: string;
  created_at: number;
  expires_at: number;
  status: ApprovalStatus;
  decision: Decision | null;
  decided_by: string | null;
  decided_by_name: Json | null;
  decided_at: number | null;
  terms: Json;
  votes: Json;
  batch: string | null;
  /** When the approvers are asked again; null: never, or done. */
  remind_at: number | null;
};

/** Requests asked together; `open` while the card that decides about all of them has buttons. */
export type ApprovalBatchesTable = { id: string; turn_id: string; open: number };

export type GrantsTable = {
  id: string;
  /** SHA-256 of key, profile and workspace: a key may be longer than an index entry may be. */
  fingerprint: string;
  always_key: Json;
  tool: string;
  args: Json;
  profile: string;
  workspace: string;
  granted_by: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
};

export type JobsTable = {
  /** Also its id: what happens once for ever needs no second name. */
  key: string;
  kind: string;
  payload: Json;
  attempts: number;
  run_at: number;
  /** As for turns; null = done or given up. */
  claimable_at: number | null;
  lease_owner: string | null;
  error: Json | null;
  ended_at: number | null;
  lane: string | null;
  after_turn: string | null;
};

export type MemoriesTable = {
  ordinal: Generated<number>;
  id: string;
  scope: MemoryScope;
  owner: string;
  place: string | null;
  name: string;
  description: Json;
  type: string;
  body: Json;
  importance: number;
  source_turn: string | null;
  source_seq: number | null;
  author: string;
  created_at: number;
  updated_at: number;
};

/** Numbers of single precision: on SQLite their bytes, on PostgreSQL an array. */
export type MemoryVectorsTable = { memory: number; model: string; vector: Uint8Array | number[] };

export type CompactionsTable = {
  ordinal: Generated<number>;
  session: string;
  /** Ordinal of the first turn that is still read in full. */
  kept_from: number;
  summary: Json;
  turn_id: string;
  created_at: number;
};

export type OutboxTable = {
  ordinal: Generated<number>;
  key: string;
  turn_id: string | null;
  lane: string;
  /** Where to, for a `send`; null for an `edit`. */
  place: Json | null;
  /** The delivery an `edit` replaces. */
  edit_of: string | null;
  message: Json;
  status: 'pending' | 'sent' | 'dropped';
  attempts: number;
  refs: Json;
  /** As for turns; null while it is not the first of its lane, or waits for what it edits, or is settled. */
  claimable_at: number | null;
  lease_owner: string | null;
  error: Json | null;
  created_at: number;
  settled_at: number | null;
};

export type UsageTable = {
  day: string;
  user_id: string;
  conversation: string;
  role: string;
  model: string;
  calls: number;
  prompt_tokens: number;
  completion_tokens: number;
  cost: number;
};

export type KvTable = { namespace: string; key: string; value: Json };

export type CountersTable = { name: string; value: number };

export type ConversationsTable = {
  id: string;
  title: Json;
  owner: string | null;
  created_at: number;
  last_post_at: number;
};

export type PostsTable = {
  ordinal: Generated<number>;
  id: string;
  conversation: string;
  thread: string | null;
  author: string;
  author_name: Json;
  created_at: number;
  revision: number;
  deleted: number;
  edited: number;
  body: Json;
};

export type SkillsTable = {
  owner: string;
  name: string;
  enabled: number;
};

export type SkillCopiesTable = {
  owner: string;
  name: string;
  place: string;
  text: Json | null;
  edited_at: number | null;
};

export type ReflectionsTable = {
  ordinal: Generated<number>;
  id: string;
  job_id: string;
  user_id: string | null;
  state: Reflection['state'];
  /** All but what has a column. */
  body: Json;
  created_at: number;
};

export type LessonCountsTable = { memory_id: string; helpful: number; harmful: number };

export type Schema = {
  skills: SkillsTable;
  skill_copies: SkillCopiesTable;
  reflections: ReflectionsTable;
  lesson_counts: LessonCountsTable;
  sessions: SessionsTable;
  turns: TurnsTable;
  events: EventsTable;
  output_pieces: OutputPiecesTable;
  approvals: ApprovalsTable;
  approval_batches: ApprovalBatchesTable;
  grants: GrantsTable;
  jobs: JobsTable;
  memories: MemoriesTable;
  memory_vectors: MemoryVectorsTable;
  compactions: CompactionsTable;
  outbox: OutboxTable;
  usage: UsageTable;
  kv: KvTable;
  counters: CountersTable;
  conversations: ConversationsTable;
  posts: PostsTable;
};
