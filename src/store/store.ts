/**
 * The store as everyone else sees it. Every method is one transaction and resolves once it is durable.
 * Methods throw AppError `store.*`; a method that finds nothing returns undefined or an empty list.
 */
import type {
  Approval,
  ApprovalId,
  ApprovalTerms,
  Decision,
  Grant,
  PlannedAction,
  Risk,
} from '../domain/approval.ts';
import type { ChainedEvent, Event, EventBody } from '../domain/event.ts';
import type { Feed, KeyValue } from '../domain/feed.ts';
import type { JobStore, NewJob } from '../domain/job.ts';
import type { MemoryStore } from '../domain/memory-store.ts';
import type {
  ConversationRef,
  DeliveryKey,
  InboundMessage,
  MessageRef,
  OutboundMessage,
  UserId,
} from '../domain/message.ts';
import type { OutputPart, OutputStore } from '../domain/output.ts';
import type { ReflectionStore } from '../domain/reflection.ts';
import type { Session, SessionKey } from '../domain/session.ts';
import type { Compaction, SessionStore } from '../domain/session-store.ts';
import type { SkillStore } from '../domain/skill.ts';
import type { Turn, TurnId, TurnStatus } from '../domain/turn.ts';
import type { Upkeep } from '../domain/upkeep.ts';
import type { UsageDelta, UsageStore } from '../domain/usage.ts';

/** Who has something the moment it is written, without claiming it. */
export type Taker = { readonly worker: string; readonly leaseMs: number };

export type NewTurn = {
  readonly message: InboundMessage;
  readonly session: SessionKey;
  readonly profile: string;
  readonly workspace: string;
  readonly debug: boolean;
  /** Most queued turns the session may hold, beside the active one. */
  readonly queueLimit: number;
  readonly now: number;
  /** Starts it at once, when nothing of its session comes before it. */
  readonly taker?: Taker;
};

export type Accepted =
  | {
      readonly outcome: 'accepted';
      readonly turn: Turn /** turns of the session before it that have not ended */;
      readonly ahead: number;
      /** For the taker, if it could start. */
      readonly claimed: ClaimedTurn | undefined;
    }
  /** The platform delivered this event before. */
  | { readonly outcome: 'duplicate'; readonly turnId: TurnId }
  | { readonly outcome: 'queue-full'; readonly queued: number };

/** A turn with the right to work on it, and its log so far. */
export type ClaimedTurn = {
  readonly turn: Turn;
  readonly session: Session;
  readonly events: readonly Event[];
};

export type NewApproval = {
  readonly id: ApprovalId;
  readonly index: number;
  readonly action: PlannedAction;
  readonly digest: string;
  readonly risk: Risk;
  readonly reasons: readonly string[];
  readonly alwaysKey: string | null;
  readonly expiresAt: number;
  readonly terms: ApprovalTerms;
  readonly batch: string | null;
  /** When the approvers are to be asked again; null: never. */
  readonly remindAt: number | null;
};

export type NewDelivery = {
  /** Unique for ever: a second delivery with the same key is dropped. */
  readonly key: DeliveryKey;
  readonly turnId: TurnId | null;
  /** Deliveries of one lane go out one at a time, in order of creation. Usually the session key. */
  readonly lane: string;
  readonly target:
    | { readonly kind: 'send'; readonly to: ConversationRef }
    /** The private conversation with a person, found when it is sent. */
    | { readonly kind: 'direct'; readonly user: UserId }
    /** Replaces whatever the delivery `of` sent; waits for it, and is dropped if that one failed for good. */
    | { readonly kind: 'edit'; readonly of: DeliveryKey };
  readonly message: OutboundMessage;
};

export type Delivery = NewDelivery & {
  /** Tries before this one; 0 at the first. One that was begun and never reported counts. */
  readonly attempts: number;
  readonly createdAt: number;
  /** For `edit`: what the original became on the platform. For a retried `send`: parts already out. */
  readonly refs: readonly MessageRef[];
};

/** Everything one step of a turn changes, written together or not at all. */
export type TurnWrite = {
  readonly turnId: TurnId;
  /** Sequence number of the last event the writer has seen. */
  readonly expectedSeq: number;
  readonly fence: number;
  readonly now: number;
  readonly events: readonly EventBody[];
  /**
   * Status afterwards; default: unchanged. `waiting` gives up the lease. A terminal status also readies the
   * next queued turn of the session.
   */
  readonly status?: TurnStatus;
  readonly errorCode?: string;
  readonly answer?: string | null;
  readonly approvals?: readonly NewApproval[];
  readonly deliveries?: readonly NewDelivery[];
  readonly jobs?: readonly NewJob[];
  readonly usage?: readonly UsageDelta[];
  /** What stands for the turns of the session before `keptFrom` from now on. */
  readonly compaction?: Compaction;
  /** What is not stored yet of the full output of a tool. */
  readonly outputs?: readonly OutputPart[];
  /** Sends what is due at once. */
  readonly taker?: Taker;
  /** It may stay some milliseconds until others come to share its commit. */
  readonly isPatient?: boolean;
};

export interface TurnStore {
  /** Dedupes by (channel, account, message id), creates the session, appends `turn.started`. */
  accept(turn: NewTurn): Promise<Accepted>;
  /**
   * Takes up to `limit` ready turns: the head of each session's queue, turns whose approval was decided, and
   * turns whose lease ran out. Many workers may call it at once; no turn goes to two.
   */
  claim(options: { worker: string; limit: number; leaseMs: number; now: number }): Promise<ClaimedTurn[]>;
  /** Extends the leases a worker still holds. Returns those it lost, and those whose cancellation was requested. */
  renew(options: {
    worker: string;
    turns: readonly { id: TurnId; fence: number }[];
    leaseMs: number;
    now: number;
  }): Promise<{ lost: TurnId[]; cancelled: TurnId[] }>;
  /** Gives the running turns of a worker back at once (shutdown). */
  release(options: { worker: string }): Promise<number>;
  /**
   * `due` are the deliveries that the taker is to send now.
   * Approvals still pending when the turn ends are called off: their events come before the given ones.
   * @throws AppError `store.stale_write`; `details.reason` is `sequence` when the writer still holds the turn but
   * has not seen its last events (a decision came in), else `fence`.
   */
  append(write: TurnWrite): Promise<{ seq: number; due: readonly Delivery[] }>;
  get(id: TurnId): Promise<Turn | undefined>;
  /** Latest first. */
  list(options: { session?: SessionKey; status?: TurnStatus; limit: number }): Promise<Turn[]>;
  /** By the platform's message id, for edits and deletions. */
  byMessage(where: ConversationRef, messageId: string): Promise<Turn | undefined>;
  /** Replaces the text of a turn still queued. False when it has started. */
  edit(id: TurnId, text: string, now: number): Promise<boolean>;
  /**
   * Ends a queued or waiting turn as cancelled, with its pending approvals and `deliveries`, in one go; marks a
   * running one, whose worker then ends it. Returns what it found.
   */
  cancel(options: {
    id: TurnId;
    by: UserId | null;
    byName: string | null;
    now: number;
    deliveries?: readonly NewDelivery[];
    /** What follows, if the turn had begun. */
    jobs?: readonly NewJob[];
  }): Promise<'cancelled' | 'requested' | 'ended'>;
}

export interface EventStore {
  list(turnId: TurnId, afterSeq?: number): Promise<Event[]>;
  /**
   * Every event with its hashes and the stored text they cover, by turn in order of acceptance, in pages: pass
   * the last item's position.
   */
  export(options: {
    since?: number;
    after?: { ordinal: number; seq: number };
    limit: number;
  }): Promise<
    (ChainedEvent & { bodyJson: string; ordinal: number; session: SessionKey; status: TurnStatus })[]
  >;
}

export type DecideResult =
  | { readonly outcome: 'decided'; readonly approval: Approval }
  /** It counts; `approval.votes` says who approved so far, and more have to. */
  | { readonly outcome: 'voted'; readonly approval: Approval }
  | { readonly outcome: 'already-voted'; readonly approval: Approval }
  /** Somebody (or time) was first; `approval` says who. */
  | { readonly outcome: 'already-decided'; readonly approval: Approval }
  | { readonly outcome: 'expired'; readonly approval: Approval }
  | { readonly outcome: 'not-grantable'; readonly approval: Approval }
  | { readonly outcome: 'unknown' };

export interface ApprovalStore {
  get(id: ApprovalId): Promise<Approval | undefined>;
  /** Pending ones, oldest first. */
  pending(options?: { session?: SessionKey; turnId?: TurnId }): Promise<Approval[]>;
  ofTurn(turnId: TurnId): Promise<Approval[]>;
  /**
   * Compare-and-set on the row, `approval.resolved`, the grant of an "always", `deliveries`, and readying the turn
   * (once no earlier action of it is still undecided): one transaction.
   */
  decide(options: {
    id: ApprovalId;
    decision: Decision;
    by: UserId | null;
    byName: string | null;
    /** Who it is, whatever account they use; default: `by`. */
    person?: string;
    /** How many have to approve by the rules of now; the stricter of this and what it was asked under holds. */
    required?: number;
    /** For the model, of a refusal. */
    reason?: string | undefined;
    now: number;
    grantExpiresAt?: number | null;
    /** What to tell of it, given the approval and the log as they are afterwards. Pure: it may be called again. */
    deliveries?: (approval: Approval, events: readonly Event[]) => readonly NewDelivery[];
  }): Promise<DecideResult>;
  /** Appends `approval.refused`, for the audit: somebody pressed who may not. Nothing else changes. */
  recordRefusal(refusal: {
    id: ApprovalId;
    decision: Extract<Decision, 'once' | 'always' | 'deny'>;
    by: UserId;
    byName: string;
    now: number;
  }): Promise<void>;
  /** Pending ones past their deadline. */
  overdue(now: number, limit: number): Promise<Approval[]>;
  /** Pending ones that are due for a reminder. */
  forgotten(now: number, limit: number): Promise<Approval[]>;
  /** Appends `approval.reminded`, with what to tell of the log after it; false when it was decided or reminded of meanwhile. */
  remind(id: ApprovalId, now: number, tell: (events: readonly Event[]) => NewDelivery[]): Promise<boolean>;
  /** The requests of a batch, in the order of their actions. */
  ofBatch(batch: string): Promise<Approval[]>;
  /** Batches whose card still has buttons and of which nothing is pending any more. */
  decidedBatches(limit: number): Promise<{ batch: string; turnId: TurnId }[]>;
  /** Closes a batch, with the last edit of its card. */
  closeBatch(batch: string, now: number, deliveries: readonly NewDelivery[]): Promise<void>;
  /** Cards of a session since then: requests asked together count once. */
  askedSince(session: SessionKey, since: number): Promise<number>;
  /** Earliest deadline or reminder of a pending one. */
  nextDeadline(): Promise<number | undefined>;
  /** Those in force, oldest first. */
  grants(now: number): Promise<Grant[]>;
  findGrant(key: string, profile: string, workspace: string, now: number): Promise<Grant | undefined>;
  /** False when there is no such grant. */
  revoke(grantId: string, now: number): Promise<boolean>;
}

export interface OutboxStore {
  enqueue(deliveries: readonly NewDelivery[], now: number): Promise<void>;
  /** Due ones, at most one a lane, not being tried elsewhere. */
  claim(options: { worker: string; limit: number; leaseMs: number; now: number }): Promise<Delivery[]>;
  /** Records parts of a split message that are out, so that a retry goes on after them. */
  progress(key: DeliveryKey, refs: readonly MessageRef[]): Promise<void>;
  sent(key: DeliveryKey, refs: readonly MessageRef[], now: number): Promise<void>;
  /** Tried again at `retryAt`, or given up when null. */
  failed(key: DeliveryKey, error: string, retryAt: number | null, now: number): Promise<void>;
  /** Where the delivery ended up; undefined while it has not. */
  refs(key: DeliveryKey): Promise<readonly MessageRef[] | undefined>;
  /**
   * A message turned out to be a copy of one of these deliveries that was never recorded: from now on it is edited
   * with the others, and what they were last edited to is done again.
   */
  foundCopy(
    of: readonly { readonly key: DeliveryKey; readonly edits: readonly DeliveryKey[] }[],
    copy: MessageRef,
  ): Promise<void>;
  /** What was sent is elsewhere from now on: edits go there. */
  moved(key: DeliveryKey, refs: readonly MessageRef[]): Promise<void>;
  /** Earliest time at which something is due. */
  nextDue(): Promise<number | undefined>;
}

export type Topic = 'turns' | 'stops' | 'outbox' | 'jobs' | 'approvals' | 'feed';

export interface Store extends Upkeep {
  readonly dialect: 'sqlite' | 'postgres';
  /** How this process is called in leases: what to pass as `worker`. */
  readonly worker: string;
  readonly sessions: SessionStore;
  readonly turns: TurnStore;
  readonly events: EventStore;
  readonly approvals: ApprovalStore;
  readonly jobs: JobStore;
  readonly memories: MemoryStore;
  readonly skills: SkillStore;
  readonly reflections: ReflectionStore;
  readonly outbox: OutboxStore;
  readonly outputs: OutputStore;
  readonly usage: UsageStore;
  readonly feed: Feed;
  /** A key-value store of its own for each name. */
  state(namespace: string): KeyValue;
  /** Calls back after a commit of the topic, here or in another process (`stops`: a running turn is to end). Returns the way to stop. */
  onChange(topic: Topic, listener: () => void): () => void;
}
