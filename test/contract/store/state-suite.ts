/** Small durable values, and who of several sets one first (A2). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from '../../../src/store/store.ts';
import type { Backend, OpenBackend } from './support.ts';

export function describeState(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  test('A2: it is kept by namespace and key, and of several who set one once, one does', async () => {
    const [a, b] = [store.state('a'), store.state('b')];
    await a.set('offset', '1');
    await a.set('offset', '2 \u0000');
    await b.set('offset', '3');
    expect([await a.get('offset'), await b.get('offset'), await a.get('other')]).toEqual([
      '2 \u0000',
      '3',
      undefined,
    ]);
    await a.delete('offset');
    expect([await a.get('offset'), await b.get('offset')]).toEqual([undefined, '3']);
    // Of several who set it once, one does.
    const tries = await Promise.all(['4', '5', '6'].map((value) => a.setOnce('once:2', value)));
    expect(tries.filter(Boolean)).toHaveLength(1);
    expect(await a.get('once:2')).toBe(['4', '5', '6'][tries.indexOf(true)]);
    for (const key of ['once:1', 'once:3']) expect(await a.setOnce(key, 'x')).toBe(true);
    await b.set('once:1', 'of b');
    await a.deleteBetween('once:', 'once:3');
    const left = await Promise.all(['once:1', 'once:2', 'once:3'].map((key) => a.get(key)));
    expect(left).toEqual([undefined, undefined, 'x']);
    expect(await b.get('once:1')).toBe('of b');
  });
}
