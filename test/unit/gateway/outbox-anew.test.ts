/** A card that still asks and cannot be edited is posted anew; tried again, the new one stays as it is (F8, F40, P5). */
import { expect, it } from 'vitest';
import type { ChannelAdapter } from '../../../src/channels/adapter.ts';
import { AppError } from '../../../src/domain/errors.ts';
import type { MessageRef, OutboundMessage } from '../../../src/domain/message.ts';
import { createOutbox, type OutboxDeps } from '../../../src/gateway/outbox.ts';
import type { Delivery } from '../../../src/store/store.ts';

const where = { channel: 'chat', account: 'a', conversation: 'c' };
const card = {
  title: 'Run this command?',
  action: { text: 'mkdir next', language: 'bash' },
  facts: [],
  why: [],
  isRenewed: true as const,
};
const message: OutboundMessage = {
  kind: 'card',
  text: '',
  card,
  buttons: [{ label: 'Approve once', token: 'o', style: 'primary' }],
};

/** A platform on which no edit can show the card, and a key that was sent once is not sent again. */
function crowded() {
  const shown = new Map<string, OutboundMessage>();
  const byKey = new Map<string, string>();
  const adapter = {
    async edit({ id }: MessageRef, edited: OutboundMessage) {
      if ((edited.buttons ?? []).length > 0) throw new AppError('channel.rejected', 'outgrown');
      shown.set(id, edited);
    },
    async send(to: MessageRef['where'], sent: OutboundMessage, key: string) {
      const id = byKey.get(key) ?? `anew-${byKey.size}`;
      byKey.set(key, id);
      if (!shown.has(id)) shown.set(id, sent);
      return [{ where: to, id }];
    },
  } as Partial<ChannelAdapter> as ChannelAdapter;
  return { shown, adapter };
}

it('F8, A49: what was posted anew keeps its buttons when the edit is done once more', async () => {
  const { shown, adapter } = crowded();
  let refs: readonly MessageRef[] = [{ where, id: 'old' }];
  let sent = () => {};
  const store = {
    outbox: {
      moved: async (_key: string, to: readonly MessageRef[]) => {
        refs = to;
      },
      sent: async () => sent(),
    },
    onChange: () => () => {},
  } as unknown as OutboxDeps['store'];
  const outbox = createOutbox({
    store,
    adapter: () => adapter,
    live: { take: () => undefined },
    worker: 'w',
    clock: { now: () => 1 },
    log: { info() {}, warn() {}, debug() {}, error() {} },
    metrics: { count() {} },
  } as unknown as OutboxDeps);
  // Killed after it was posted and before that was recorded as done: the edit is claimed again.
  for (const attempts of [0, 1]) {
    const done = new Promise<void>((resolve) => {
      sent = resolve;
    });
    const delivery: Delivery = {
      key: 'S:card:id-2:asked',
      turnId: 't',
      lane: 'l',
      target: { kind: 'edit', of: 'S:card' },
      message,
      attempts,
      createdAt: 0,
      refs,
    };
    outbox.take([delivery]);
    await done;
  }
  expect(refs).toEqual([{ where, id: 'anew-0' }]);
  expect(shown.get('anew-0')?.buttons).toHaveLength(1);
  expect(shown.get('old')?.card?.outcome).toBe('Asked anew in a later message.');
});
