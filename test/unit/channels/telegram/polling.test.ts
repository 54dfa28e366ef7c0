/** One long question after the other. */
import { expect, test } from 'vitest';
import type { TelegramApi } from '../../../../src/channels/telegram/api.ts';
import { poll } from '../../../../src/channels/telegram/polling.ts';
import type { Logger } from '../../../../src/domain/runtime.ts';
import { createMemoryKeyValue } from '../../../fakes/memory-feed.ts';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

test('P1: asks for more once what came is stored, and after the calls that came of it have left', async () => {
  const order: string[] = [];
  const stop = new AbortController();
  const api: Pick<TelegramApi, 'updates'> = {
    async updates({ offset }) {
      order.push(`asked from ${offset}`);
      if (offset === undefined) return [{ update_id: 7 }];
      stop.abort();
      return [];
    },
  };
  await poll({
    api: api as TelegramApi,
    receiver: {
      async take(raws) {
        if (raws.length === 0) return { next: undefined, failed: false };
        order.push('stored');
        setImmediate(() => order.push('called'));
        return { next: 8, failed: false };
      },
    },
    botId: 1,
    allowed: [],
    state: createMemoryKeyValue(),
    onState: () => {},
    stop: stop.signal,
    clock: { now: () => 0, monotonic: () => 0 },
    log,
  });
  expect(order).toEqual(['asked from undefined', 'stored', 'called', 'asked from 8']);
});
