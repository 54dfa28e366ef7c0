/** `npm start` runs its script in a shell and gives signals to that alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createFolder } from './support/gateway.ts';

const ROOT = join(import.meta.dirname, '../..');

test('P12: SIGTERM to what `npm start` started ends the gateway in order, and leaves none behind', async () => {
  const folder = createFolder();
  onTestFinished(() => folder.remove());
  folder.writeConfig('server: { port: 0 }\n');
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const script = String(scripts.start).replace('bin/parley.js', join(ROOT, 'bin/parley.js'));
  const { HOME } = process.env;
  const env = { PATH: `${dirname(process.execPath)}:${process.env.PATH}`, HOME };
  const child = spawn('sh', ['-c', `${script} --config parley.yaml`], { cwd: folder.path, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (data: string) => {
      output += data;
      if (data.includes('Parley is ready')) child.kill('SIGTERM');
    });
  // Not before its output is closed, which a gateway that was left behind would hold open.
  const [code] = await once(child, 'close');
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('"stopped"') });
});
