/** The disk fills up under the real program, and there is room again later (F30). */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readLedger } from '../crash/ledger.ts';
import { startFakeModel } from '../fakes/model-server.ts';
import { createFolder, until } from './support/gateway.ts';
import { configText, OWNER_TOKEN } from './support/scenario.ts';
import { signIn } from './support/web-client.ts';

const prlimit = '/usr/bin/prlimit';
/** No file above 4 MiB; SIGXFSZ would end the process. */
const LIMITED = `trap '' XFSZ; ulimit -S -f 4096;`;
const LARGE = 'words to be kept '.repeat(6_000);

it('F30, P1, P14: a full disk is said, turns health red, leaves no half rows, and once there is room it goes on', async ({
  skip,
}) => {
  if (!existsSync(prlimit)) skip(`${prlimit} is not there, so a limit cannot be raised again`);
  const model = await startFakeModel();
  const folder = createFolder();
  folder.writeConfig(configText(model.url, { yaml: 'agent: { history_messages: 0 }' }));
  const gateway = await folder.start({ prefix: LIMITED });
  try {
    const owner = await signIn(gateway.url, OWNER_TOKEN);
    const place = await owner.createConversation('Full', false);
    const taken: string[] = [];
    const refusal = await until('the disk to be full', async () => {
      const { status, id, body } = await owner.post(place, `${taken.length} ${LARGE}`);
      if (status === 201) taken.push(id);
      return status === 201 ? undefined : { status, body };
    });
    expect(refusal.status).toBeGreaterThanOrEqual(500);
    expect(refusal.body).toMatch(/no room left|\(ref [0-9a-z]{8}\)/);
    // What is smaller still finds room for a while.
    let text = LARGE;
    await until('health to be red', async () => {
      const { status, id } = await owner.post(place, `${taken.length} ${text}`);
      if (status === 201) taken.push(id);
      else text = text.slice(0, text.length / 2);
      return (await owner.fetch('/readyz')).status === 503;
    });

    execFileSync(prlimit, ['--pid', String(gateway.pid), '--fsize=unlimited:unlimited']);
    await until('health to be green', async () => (await owner.fetch('/readyz')).status === 200);
    const { id } = await owner.post(place, 'there is room again');
    const said = [...taken, id];
    await until('everything that was taken to be answered', async () => {
      const turns = await readLedger(folder.path);
      return said.every((one) => turns.find((turn) => turn.messageId === one)?.status === 'done');
    });
    expect((await readLedger(folder.path)).map((turn) => turn.messageId)).toEqual(said);
    expect(await folder.look('audit', 'verify')).toMatchObject({ code: 0 });
    owner.close();
  } finally {
    await gateway.kill();
    await model.close();
    folder.remove();
  }
}, 60_000);
