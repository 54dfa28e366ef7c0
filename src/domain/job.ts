/** Work that happens after or beside turns: durable, leased, idempotent by key. */
import type { EventBody } from './event.ts';
import type { MemoryChange } from './memory-store.ts';
import type { UserId } from './message.ts';
import type { LessonMark, Reflection } from './reflection.ts';
import type { TurnId } from './turn.ts';

export type JobId = string;

export type Job = {
  readonly id: JobId;
  readonly kind: string;
  /** A second job with the same key is dropped. */
  readonly key: string;
  readonly payload: unknown;
  /** Tries before this one. */
  readonly attempts: number;
  readonly runAt: number;
};

export type NewJob = {
  readonly kind: string;
  readonly key: string;
  readonly payload: unknown;
  readonly runAt: number;
  /** Jobs of one lane never run at the same time, whichever process runs them: a lock that survives a crash. */
  readonly lane?: string;
  /** Not before everything that turn has to say is out, so that a reply never waits for a job. */
  readonly afterTurn?: TurnId;
};

/** Jobs of one person run one after the other: two turns that end together must not store the same twice. */
export const personLane = (user: UserId): string => `person ${user}`;

/** All that a job changes, together with its end: done once, however often it was tried. */
export type JobWrite = {
  readonly job: Pick<Job, 'id' | 'attempts'>;
  readonly worker: string;
  readonly now: number;
  /** Given up, and why. Absent: it is done. */
  readonly error?: string;
  /** Appended to the log of a turn that has ended; its status stays. */
  readonly note?: { readonly turnId: TurnId; readonly events: readonly EventBody[] };
  readonly memories?: readonly MemoryChange[];
  /** What was learned, with all that it changes, and how earlier lessons fared. */
  readonly reflection?: { readonly row: Reflection; readonly marks: readonly LessonMark[] };
  /** What follows from it. */
  readonly jobs?: readonly NewJob[];
};

export interface JobStore {
  /** False when a job with this key exists or existed. */
  enqueue(job: NewJob): Promise<boolean>;
  claim(options: {
    worker: string;
    kinds: readonly string[];
    limit: number;
    leaseMs: number;
    now: number;
  }): Promise<Job[]>;
  /** Extends the leases a worker still holds; returns the ids of those it has lost. */
  renew(options: {
    worker: string;
    jobs: readonly Pick<Job, 'id' | 'attempts'>[];
    leaseMs: number;
    now: number;
  }): Promise<JobId[]>;
  /** False, and nothing is changed, when another worker has the job by now or it has ended. */
  settle(write: JobWrite): Promise<boolean>;
  /** Puts it back until `retryAt`, if the worker still has it. */
  retry(
    job: Pick<Job, 'id' | 'attempts'>,
    options: { worker: string; error: string; retryAt: number },
  ): Promise<void>;
}

/** What is written when a job ends. */
export type JobEffects = Pick<JobWrite, 'note' | 'memories' | 'reflection' | 'jobs'>;

export type JobHandler = {
  /**
   * May run more than once for one job, never twice at a time: what it does outside its effects must bear that.
   * An error that is retryable leads to another try, any other to `givenUp`.
   */
  run(job: Job, signal: AbortSignal): Promise<JobEffects>;
  /** The last word on a job that failed for good. */
  givenUp(job: Job, error: unknown): JobEffects;
};
