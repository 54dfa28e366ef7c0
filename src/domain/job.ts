/** Work that happens after or beside turns: durable, leased, idempotent by key. */
export type JobId = string;

export type Job = {
  readonly id: JobId;
  readonly kind: string;
  /** A second job with the same key is dropped. */
  readonly key: string;
  readonly payload: unknown;
  readonly attempts: number;
  readonly runAt: number;
};

export type NewJob = {
  readonly kind: string;
  readonly key: string;
  readonly payload: unknown;
  readonly runAt: number;
};
