/** What Bolt is given, and when Slack hears of it. */
import type { App } from '@slack/bolt';
import { expect, test, vi } from 'vitest';
import { createProcess, type Delivery } from '../../../../src/channels/slack/receiver.ts';

/** Bolt, with a listener that does this. */
const appWith = (work: () => Promise<void>): App =>
  ({
    async processEvent({ customProperties }: { customProperties: { delivery: Delivery } }) {
      customProperties.delivery.reached = true;
      await work();
    },
  }) as unknown as App;

test('P1: Slack hears of an event once it is stored, after the calls that came of it have left', async () => {
  const order: string[] = [];
  // Made after a while of promises, a call over a kept connection leaves a turn of the event loop later.
  const call = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await null;
    setImmediate(() => order.push('called'));
  };
  const app = appWith(async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    order.push('stored');
    void call();
  });
  const outcome = await createProcess(() => app)({ event: {} }, async () => void order.push('acknowledged'));
  expect(outcome).toBe('done');
  expect(order).toEqual(['stored', 'called', 'acknowledged']);
});

test('P1: Slack does not hear of what could not be stored', async () => {
  const app = appWith(() => Promise.reject(new Error('no')));
  const ack = vi.fn(async () => {});
  await expect(createProcess(() => app)({ event: {} }, ack)).rejects.toThrow('no');
  expect(ack).not.toHaveBeenCalled();
});
