/** What a long output goes through with the gateway that stores it: a kill, and a disk that is full (E14, F5, F29, F30). */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { startFakeModel } from '../fakes/model-server.ts';
import { createFolder, type GatewayFolder, ROOT, until } from './support/gateway.ts';
import {
  configText,
  freshPlace,
  OWNER_TOKEN,
  type Scenario,
  sh,
  startScenario,
  toolResults,
} from './support/scenario.ts';
import { signIn, textOf } from './support/web-client.ts';

/** Characters of output that are stored. */
function stored(folder: GatewayFolder): number {
  const database = new Database(join(folder.path, 'data/parley.db'), { readonly: true });
  try {
    return (
      database.prepare<[], number>('select coalesce(sum(length), 0) from output_pieces').pluck().get() ?? 0
    );
  } finally {
    database.close();
  }
}

it('F5, F29, E14: a command that only reads begins anew after a kill, and nothing of its first output is left', async ({
  onTestFinished,
}) => {
  const s: Scenario = await startScenario();
  onTestFinished(() => s.close());
  const [first, second] = ['first.txt', 'second.txt'].map((name) =>
    join(s.folder.path, 'data/workspace', name),
  );
  if (first === undefined || second === undefined) throw new Error('two files were named');
  // It says a good deal, and waits in the middle of it.
  writeFileSync(first, 'what the first run says\n'.repeat(150_000));
  execFileSync('mkfifo', [second]);
  s.model.script((_call, index) => (index === 0 ? sh('cat first.txt second.txt') : { text: 'read it' }));
  const place = await freshPlace(s);
  const { id } = await s.owner.post(place, 'read both');
  await until('some of it to be stored', () => stored(s.folder) > 2 ** 20);
  await s.gateway.kill();
  rmSync(second);
  writeFileSync(first, 'the second ');
  writeFileSync(second, 'run\n');
  await s.restart();
  const answer = await until('the answer', () =>
    s.owner.posts().find((post) => post.conversation === place.conversation && post.kind === 'answer'),
  );
  expect(textOf(answer.html)).toBe('read it');
  expect(toolResults(await s.eventsOf(id))).toMatchObject([{ ok: true, output: 'the second run\n' }]);
  expect(stored(s.folder)).toBe(0);
}, 60_000);

it('F30, F29: where the disk fills up with what a command says, the gateway goes on', async ({
  onTestFinished,
  skip,
}) => {
  const prlimit = '/usr/bin/prlimit';
  if (!existsSync(prlimit)) skip(`${prlimit} is not there, so a limit cannot be raised again`);
  const model = await startFakeModel();
  const folder = createFolder();
  onTestFinished(async () => {
    await gateway.kill();
    await model.close();
    folder.remove();
  });
  folder.writeConfig(configText(model.url));
  // No file above 8 MiB; SIGXFSZ would end the process.
  const gateway = await folder.start({ prefix: `trap '' XFSZ; ulimit -S -f 8192;` });
  const owner = await signIn(gateway.url, OWNER_TOKEN);
  onTestFinished(() => owner.close());
  model.script((_call, index) => (index === 0 ? sh('cat noise.txt') : { text: 'that was much' }));
  // It cannot be compressed by much.
  writeFileSync(join(folder.path, 'data/workspace/noise.txt'), randomBytes(24_000_000).toString('base64'));
  const place = await owner.createConversation('Full', false);
  await owner.post(place, 'say a lot');
  await until('some of it to be stored', () => stored(folder) > 2 ** 20);
  const said = () => owner.posts().filter((post) => post.conversation === place.conversation);
  await until('it to be over, or the disk to be full', async () => {
    if (said().some((post) => post.kind === 'answer')) return true;
    return (await owner.fetch('/readyz')).status === 503;
  });
  execFileSync(prlimit, ['--pid', String(gateway.pid), '--fsize=unlimited:unlimited']);
  const answer = await until('the answer', () => said().find((post) => post.kind === 'answer'));
  expect(textOf(answer.html)).toBe('that was much');
  expect(await folder.look('audit', 'verify')).toMatchObject({ code: 0 });
}, 60_000);

it('E14, A48: all that a command said is printed by parley output, and a terminal obeys none of it', async ({
  onTestFinished,
}) => {
  const s: Scenario = await startScenario();
  onTestFinished(() => s.close());
  const toClipboard = '\u001B]52;c;cm0gLXJm\u0007';
  const said = `${toClipboard}${Array.from({ length: 100_000 }, (_, line) => `line ${line} äöü 😀\n`).join('')}`;
  writeFileSync(join(s.folder.path, 'data/workspace', 'long.txt'), said);
  s.model.script((_call, index) => (index === 0 ? sh('cat long.txt') : { text: 'read it' }));
  const place = await freshPlace(s);
  const { id } = await s.owner.post(place, 'read it');
  await until('the answer', () => s.owner.posts().find((post) => post.kind === 'answer'));
  const [result] = toolResults(await s.eventsOf(id));
  const printed = await s.folder.cli('output', String(result?.outputRef), '--config', 'parley.yaml');
  expect(printed).toMatchObject({ code: 0, stdout: said });
  const terminal = '/usr/bin/script';
  if (existsSync(terminal)) {
    const program = [process.execPath, join(ROOT, 'bin/parley.js'), 'output', result?.outputRef].join(' ');
    const shown = execFileSync(terminal, ['-qec', `${program} --config parley.yaml`, '/dev/null'], {
      cwd: s.folder.path,
      maxBuffer: 2 ** 24,
      encoding: 'utf8',
    });
    expect(shown).toContain('\\u{001B}]52;c;cm0gLXJm\\u{0007}line 0 äöü 😀');
    expect(shown).not.toContain('\u001B');
  }
  expect(await s.folder.look('output', `${result?.outputRef}9`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('No output is kept'),
  });
  expect(await s.folder.look('output', 'nonsense')).toMatchObject({ code: 2 });
});
