/** The web chat as a stage: a page that sends again what was not taken, and reads the feed where it was. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { createFolder } from '../e2e/support/gateway.ts';
import { configText, OWNER_TOKEN } from '../e2e/support/scenario.ts';
import { signIn, textOf } from '../e2e/support/web-client.ts';
import { startFakeModel } from '../fakes/model-server.ts';
import type { Stage, StageOptions } from './points-suite.ts';
import { answerOf, obedient, questionOf } from './script.ts';

export async function openWebStage({ storeUrl, start }: StageOptions): Promise<Stage> {
  const model = await startFakeModel();
  model.script(obedient);
  const folder = createFolder();
  folder.writeConfig(configText(model.url, { storeUrl, memory: true, reflection: '{ enabled: true }' }));
  /** One for each question, however often it is sent. */
  const clientIds = new Map<number, string>();
  let gateway = await folder.start(start);
  const client = await signIn(gateway.url, OWNER_TOKEN);
  const place = await client.home();
  return {
    folder,
    gateway: () => gateway,
    async restart() {
      gateway = await folder.start(start);
      await client.reconnect(gateway.url);
    },
    async ask(round) {
      const clientId = clientIds.get(round) ?? randomUUID();
      clientIds.set(round, clientId);
      return (await client.post(place, questionOf(round), clientId)).status === 201;
    },
    async press() {
      const card = client.posts().findLast((post) => post.card !== null && post.buttons.length > 0);
      if (card === undefined) return;
      const isUnknown = card.card?.why.join().includes('unknown') === true;
      await client.press(place, card, isUnknown ? 'Deny' : 'Approve once');
    },
    answers: (round) =>
      client.posts().filter((post) => post.kind === 'answer' && textOf(post.html).includes(answerOf(round)))
        .length,
    async isOver(round) {
      const rows = await folder.json<{ outcome: string }>('reflections', 'list', '--json');
      // E70: once, however often its job was tried.
      expect(rows.length).toBeLessThanOrEqual(round);
      return rows.length === round;
    },
    async close() {
      client.close();
      await gateway.kill();
      await model.close();
      folder.remove();
    },
  };
}
