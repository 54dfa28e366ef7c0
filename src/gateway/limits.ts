/** Rates and budgets: what a person may send in a minute, and what the model may cost in a day. */
import type { PlannedCall } from '../agent/model/client.ts';
import { dayOf } from '../domain/day.ts';
import { AppError } from '../domain/errors.ts';
import type { UserId } from '../domain/message.ts';
import type { Clock } from '../domain/runtime.ts';
import type { UsageStore } from '../domain/usage.ts';

export type LimitSettings = {
  readonly messagesPerMinute: number;
  /** Null: no limit. Over everything, per UTC day. */
  readonly tokensPerDay: number | null;
  readonly costPerDay: number | null;
};

export type Limits = {
  /** Takes one message of a person's allowance; false when it is used up. */
  take(user: UserId): boolean;
  /**
   * Before a model call. What nobody waits for names its size, and is not begun when that would exceed the budget.
   * @throws AppError `limits.budget`.
   */
  requireBudget(planned?: PlannedCall): Promise<void>;
};

/** Most people remembered at once; an idle bucket is full again after a minute, so forgetting one is harmless. */
const BUCKETS_KEPT = 10_000;

export function createLimits(deps: {
  settings: () => LimitSettings;
  usage: UsageStore;
  clock: Clock;
}): Limits {
  const buckets = new Map<UserId, { tokens: number; at: number }>();
  return {
    take(user) {
      const perMinute = deps.settings().messagesPerMinute;
      const now = deps.clock.monotonic();
      const bucket = buckets.get(user) ?? { tokens: perMinute, at: now };
      const tokens = Math.min(perMinute, bucket.tokens + ((now - bucket.at) / 60_000) * perMinute);
      buckets.delete(user);
      buckets.set(user, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
      const oldest = buckets.keys().next();
      if (buckets.size > BUCKETS_KEPT && !oldest.done) buckets.delete(oldest.value);
      return tokens >= 1;
    },
    async requireBudget(planned = { tokens: 0, cost: 0 }) {
      const { tokensPerDay, costPerDay } = deps.settings();
      if (tokensPerDay === null && costPerDay === null) return;
      const day = dayOf(deps.clock.now());
      const spent = await deps.usage.total(day);
      const exceeds = (limit: number | null, used: number, more: number) =>
        limit !== null && (used >= limit || used + more > limit);
      const over =
        exceeds(tokensPerDay, spent.tokens, planned.tokens) || exceeds(costPerDay, spent.cost, planned.cost);
      if (over)
        throw new AppError(
          'limits.budget',
          `budget of ${day} is used up: ${spent.tokens} tokens, cost ${spent.cost}`,
          { details: { ...spent } },
        );
    },
  };
}
