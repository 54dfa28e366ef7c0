/** What the models were used for, counted by day, person, conversation, role and model. */
import type { ModelRole } from './event.ts';
import type { UserId } from './message.ts';
import type { SessionKey } from './session.ts';

export type UsageDelta = {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly user: UserId;
  readonly conversation: SessionKey;
  readonly role: ModelRole;
  readonly model: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** In the currency of the configured prices; 0 without prices. */
  readonly cost: number;
};
export type UsageRow = UsageDelta & { readonly calls: number };

export interface UsageStore {
  add(deltas: readonly UsageDelta[]): Promise<void>;
  query(options: { since?: string; user?: UserId; conversation?: SessionKey }): Promise<UsageRow[]>;
  /** Tokens and cost of one day over everything. */
  total(day: string): Promise<{ tokens: number; cost: number }>;
}
