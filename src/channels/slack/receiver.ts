/**
 * What the two ways in share. Bolt acknowledges events before any of our code runs, so what it is given as `ack` is
 * a stand-in: Slack hears of it only once the work is done, which is once it is stored.
 */
import { setImmediate as loopTurn } from 'node:timers/promises';
import type { App } from '@slack/bolt';

/** Acknowledges to Slack, at most once; `response` is what a modal becomes. */
export type Ack = (response?: unknown) => Promise<void>;

/** What our listener finds in Bolt's context. */
export type Delivery = {
  readonly ack: Ack;
  /** Set by the listener: from there on an error is ours, and Slack is to deliver again. */
  reached: boolean;
};

/** Logs with a number and counts what is in no form we know. */
export type Dropped = (about: { readonly event?: unknown; readonly bytes?: number | null }) => void;

/** `malformed`: nothing that Bolt could read; it was acknowledged, for it will not get better. */
export type Process = (body: Readonly<Record<string, unknown>>, ack: Ack) => Promise<'done' | 'malformed'>;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const parseBody = (value: unknown): Record<string, unknown> | undefined =>
  isRecord(value) && (value.event === undefined || isRecord(value.event)) ? value : undefined;

/** @throws whatever the work threw; then nothing was acknowledged, and Slack delivers again. */
export function createProcess(app: () => App): Process {
  return async (body, send) => {
    let sent = false;
    const ack: Ack = async (response) => {
      if (sent) return;
      sent = true;
      await send(response);
    };
    const delivery: Delivery = { ack, reached: false };
    try {
      await app().processEvent({ body, ack: async () => {}, customProperties: { delivery } });
    } catch (error) {
      if (delivery.reached) throw error;
      await ack();
      return 'malformed';
    }
    // What the message asks for goes first, and a call over a kept connection leaves with the next turn of the event loop.
    await loopTurn();
    await loopTurn();
    await ack();
    return delivery.reached ? 'done' : 'malformed';
  };
}
