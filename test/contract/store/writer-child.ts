/**
 * A process that accepts messages until it is killed or the store refuses, printing each only after it was
 * acknowledged: `ack ID`, then `refused CODE` and, after a line on stdin, `ack ID` again.
 */
import { once } from 'node:events';
import { openStore } from '../../../src/store/open.ts';
import { accept, silent } from './support.ts';

const [url = '', textLength = '10'] = process.argv.slice(2);
const store = await openStore({ url, log: silent });
const text = 'x'.repeat(Number(textLength));

for (let round = 0; ; round++) {
  // Several at once, so that a kill falls into a shared commit.
  const ids = [0, 1, 2].map((index) => `${round}-${index}`);
  const results = await Promise.allSettled(
    ids.map(async (id) => {
      await accept(store, id, { conversation: id, text });
      process.stdout.write(`ack ${id}\n`);
    }),
  );
  const refused = results.find((result) => result.status === 'rejected');
  if (refused !== undefined) {
    process.stdout.write(`refused ${refused.reason.code ?? refused.reason}\n`);
    await once(process.stdin, 'data');
    await accept(store, 'after', { text });
    process.stdout.write('ack after\n');
    await store.close();
    process.exit();
  }
}
