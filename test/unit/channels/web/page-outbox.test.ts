import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

// The page's modules are plain JavaScript, as the browser gets them.
const page = (name: string) =>
  import(new URL(`../../../../src/channels/web/page/${name}`, import.meta.url).href);
const { ApiError } = await page('api.js');
const { createOutbox } = await page('outbox.js');

type Sent = { clientId: string; text: string };

function storage() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
    size: () => values.size,
  };
}
const place = { conversation: 'c', thread: null };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('P1: messages on their way', () => {
  it('are sent in order, again under the same id after a failure, and kept until then', async () => {
    const sent: Sent[] = [];
    let isDown = true;
    const send = async (message: Sent) => {
      sent.push(message);
      if (isDown) throw new TypeError('network');
      return { id: `id-${message.text}` };
    };
    const kept = storage();
    const outbox = createOutbox({ user: 'web:ana', onChange: () => undefined, storage: kept, send });
    await outbox.add(place, 'one');
    await outbox.add(place, 'two');
    expect(new Set(sent.map(({ text }) => text))).toEqual(new Set(['one']));

    // A reload: another page finds both and sends them.
    const reloaded = createOutbox({ user: 'web:ana', onChange: () => undefined, storage: kept, send });
    expect(reloaded.list().map(({ text }: Sent) => text)).toEqual(['one', 'two']);
    isDown = false;
    await reloaded.flush();
    expect(sent.slice(-2).map(({ text }) => text)).toEqual(['one', 'two']);
    expect(new Set(sent.filter(({ text }) => text === 'one').map(({ clientId }) => clientId)).size).toBe(1);
    expect(kept.size()).toBe(0);
  });

  it('are tried again by themselves', async () => {
    let tries = 0;
    const send = async () => {
      tries += 1;
      if (tries < 3) throw new ApiError(503, 'restarting');
      return { id: 'id' };
    };
    const outbox = createOutbox({ user: 'web:ana', onChange: () => undefined, storage: storage(), send });
    await outbox.add(place, 'one');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(tries).toBe(3);
  });

  it('say why when the server refuses them for good, and let the next one through', async () => {
    const send = async ({ text }: Sent) => {
      if (text === 'bad') throw new ApiError(413, 'too large');
      return { id: 'id' };
    };
    const outbox = createOutbox({ user: 'web:ana', onChange: () => undefined, storage: storage(), send });
    await outbox.add(place, 'bad');
    await outbox.add(place, 'good');
    expect(outbox.list()).toMatchObject([
      { error: 'too large', sentId: null },
      { error: null, sentId: 'id' },
    ]);
    outbox.settled('id');
    outbox.forget(outbox.list()[0].clientId);
    expect(outbox.list()).toEqual([]);
  });
});
