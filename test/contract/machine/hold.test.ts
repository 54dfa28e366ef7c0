/** Half an answer never comes after the whole: another process may deliver it as soon as it is written (P5). */
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openStore } from '../../../src/store/open.ts';
import { silent } from '../store/support.ts';
import { openHouse } from './house.ts';

const at = { time: 1 };

async function open() {
  const store = await openStore({ url: 'sqlite::memory:', log: silent });
  const house = openHouse(store, at, [], { oneByOne: false, cardsPerMinute: 1 });
  const due = () => store.outbox.claim({ worker: 'another', limit: 9, leaseMs: 1, now: at.time });
  return { store, house, due };
}

it('P5: an answer is not written while its draft is on the way', async () => {
  const { store, house, due } = await open();
  const shown = Promise.withResolvers<void>();
  house.showing = shown.promise;
  const ended = house.propose([]);
  await setTimeout(200);
  expect(await due()).toEqual([]);
  shown.resolve();
  await ended;
  expect(await due()).toHaveLength(1);
  await store.close();
});

it('P5: an answer is written after two seconds, whatever the draft does', async () => {
  const { store, house, due } = await open();
  house.showing = new Promise(() => {});
  await house.propose([]);
  expect(await due()).toHaveLength(1);
  await store.close();
});
