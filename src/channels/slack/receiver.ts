/**
 * What the two ways in share. Bolt acknowledges events before any of our code runs, so what it is given as `ack` is
 * a stand-in: Slack hears of it only once the work is done, which is once it is stored.
 */
import type { App } from '@slack/bolt';
import { z } from 'zod';

/** Acknowledges to Slack, at most once; `response` is what a modal becomes. */
export type Ack = (response?: unknown) => Promise<void>;

export type Process = (body: Readonly<Record<string, unknown>>, ack: Ack) => Promise<void>;

/** Bolt looks into what it gets without care; anything else is dropped before. */
const body = z
  .record(z.string(), z.unknown())
  .refine((value) => value.event === undefined || isRecord(value.event));

const isRecord = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const parseBody = (value: unknown): Record<string, unknown> | undefined => {
  const parsed = body.safeParse(value);
  return parsed.success ? parsed.data : undefined;
};

/** @throws whatever the work threw; then nothing was acknowledged, and Slack delivers again. */
export function createProcess(app: () => App): Process {
  return async (value, send) => {
    let sent = false;
    const ack: Ack = async (response) => {
      if (sent) return;
      sent = true;
      await send(response);
    };
    const early = value.event !== undefined;
    await app().processEvent({ body: value, ack: early ? async () => {} : ack });
    await ack();
  };
}
