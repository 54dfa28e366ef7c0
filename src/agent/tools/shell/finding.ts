/** One thing that speaks against running a command unasked. No findings at all means it only reads. */
import type { Risk } from '../../../domain/approval.ts';

export type Finding = {
  readonly decision: 'ask' | 'deny';
  readonly risk: Risk;
  /** In words for the card: "deletes files". */
  readonly reason: string;
  /** False when agreeing to it once must never become agreeing to it always. */
  readonly grantable: boolean;
};

export const ask = (risk: 'medium' | 'high', reason: string): Finding => ({
  decision: 'ask',
  risk,
  reason,
  grantable: true,
});

/** Asks every time: what runs is not fixed by the words on the card (scripts, inline code, wrappers). */
export const askAlways = (risk: 'medium' | 'high', reason: string): Finding => ({
  ...ask(risk, reason),
  grantable: false,
});

export const block = (reason: string): Finding => ({
  decision: 'deny',
  risk: 'blocked',
  reason,
  grantable: false,
});
