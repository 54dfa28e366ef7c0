/** The machine's clock is set an hour ahead and back again while the gateway works (F33). */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type App, startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createSteadyClock } from '../../src/domain/steady-clock.ts';
import { createLogger } from '../../src/runtime/log.ts';
import { readLedger } from '../crash/ledger.ts';
import { type FakeModel, startFakeModel } from '../fakes/model-server.ts';
import { createFolder, until } from './support/gateway.ts';
import { configText, DENY, gate, OWNER_TOKEN, sh } from './support/scenario.ts';
import { signIn, textOf, type WebClient } from './support/web-client.ts';

const HOUR = 3_600_000;
const folder = createFolder();
let offset = 0;
let model: FakeModel;
let app: App;
let owner: WebClient;

beforeAll(async () => {
  model = await startFakeModel();
  const storeUrl = `sqlite:${join(folder.path, 'data/parley.db')}`;
  const yaml = `agent: { workspace: "${join(folder.path, 'data/workspace')}" }`;
  folder.writeConfig(configText(model.url, { storeUrl, yaml }));
  const loaded = loadConfig(join(folder.path, 'parley.yaml'), {
    lookup: () => ({ missing: 'is not set' }),
  });
  const clock = createSteadyClock({ now: () => Date.now() + offset, monotonic: () => performance.now() });
  const log = createLogger({ level: 'silent', pretty: false, redact: (text) => text, write: () => {} });
  app = await startApp({ loaded, log, clock });
  owner = await signIn(new URL(app.url).origin, OWNER_TOKEN);
});
afterAll(async () => {
  owner.close();
  await app.stop();
  await model.close();
  folder.remove();
});

it.each([
  ['ahead', HOUR],
  ['back', -HOUR],
])(
  'F33: set an hour %s, nothing expires early, runs twice or waits for the hour to pass',
  async (_way, set) => {
    const door = gate();
    const doers = new Set<string>();
    model.script((call) => {
      if (call.question === 'wait for the door') return { text: 'through it', hold: door.wait };
      const isFirst = !doers.has(call.question);
      doers.add(call.question);
      return call.question.startsWith('do') && isFirst ? sh(`mkdir made-${set}`) : { text: 'done' };
    });
    const slow = await owner.createConversation('slow', false);
    const asking = await owner.createConversation('asking', false);
    const other = await owner.createConversation('other', false);
    const { id } = await owner.post(slow, 'wait for the door');
    await owner.post(asking, `do it ${set}`);
    const card = await owner.card(asking);

    offset += set;
    // Each of these makes the worker look for turns to take, and the second one what follows from the first.
    for (const text of ['look', 'look again'])
      expect(textOf((await owner.answerTo(other, text)).html)).toBe('done');

    expect(owner.posts().find((post) => post.id === card.id)?.buttons).not.toEqual([]);
    await owner.press(asking, card, DENY);
    await until('the answer after the decision', () =>
      owner.posts().find((post) => post.conversation === asking.conversation && post.kind === 'answer'),
    );
    door.open();
    await until('the answer to the slow one', () =>
      owner.posts().find((post) => post.conversation === slow.conversation && post.kind === 'answer'),
    );
    const turn = (await readLedger(folder.path)).find((one) => one.messageId === id);
    expect(turn?.events.map((event) => event.type)).toEqual([
      'turn.started',
      'model.called',
      'model.responded',
      'turn.finished',
    ]);
  },
);
