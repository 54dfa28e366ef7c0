/** Killed again and again while it remembers: every turn is weighed once, every fact is stored once, the log holds. */
import { expect, it } from 'vitest';
import { until } from '../support/gateway.ts';
import type { EventRow } from '../support/scenario.ts';
import { startRemembering, toStore } from './support.ts';

const FACTS = 8;
/** A start of the whole program for each. */
const TIMEOUT_MS = 120_000;

it(
  'E36, E70, F10, P4: over many kills each turn is weighed once and each fact stored once',
  async () => {
    const s = await startRemembering();
    try {
      const home = await s.owner.home();
      for (let i = 0; i < FACTS; i++) {
        const fact = `drawer${i}x`;
        s.decides(fact, toStore(`The key of ${fact} hangs on hook number ${i}.`));
        await s.owner.post(home, `Where the key of ${fact} is: hook ${i}.`);
        // At another moment each time: while the turn runs, when its reply goes out, when it is weighed, after it.
        const seen = ['turn.started', 'model.called', 'turn.finished', 'memory.decided'][i % 4] ?? '';
        await until(`${seen} of ${fact}`, async () => {
          const [turn] = await s.turns();
          const events = turn === undefined ? [] : await s.folder.json<EventRow>('events', turn.id, '--json');
          return events.some((event) => event.type === seen);
        });
        await s.restart();
      }
      const logs = await until(
        'every turn to be weighed',
        async () => {
          const all: EventRow[][] = [];
          for (const turn of await s.turns())
            all.push(await s.folder.json<EventRow>('events', turn.id, '--json'));
          const isWeighed = (log: EventRow[]) => log.some((event) => event.type === 'memory.decided');
          return all.length === FACTS && all.every(isWeighed) && all;
        },
        60_000,
      );
      const count = (type: string) => logs.map((log) => log.filter((event) => event.type === type).length);
      for (const type of ['turn.finished', 'memory.decided', 'memory.stored'])
        expect([type, ...count(type)]).toEqual([type, ...Array.from({ length: FACTS }, () => 1)]);
      const bodies = (await s.memories()).map((one) => one.body);
      expect(bodies.toSorted()).toEqual(
        Array.from(
          { length: FACTS },
          (_, i) => `The key of drawer${i}x hangs on hook number ${i}.`,
        ).toSorted(),
      );
      expect(await s.folder.look('audit', 'verify')).toMatchObject({ code: 0 });
    } finally {
      await s.close();
    }
  },
  TIMEOUT_MS,
);
