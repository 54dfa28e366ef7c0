/** Runs commands of the command line, one after the other, for `warm-cli.ts`: what a shell would start each time anew. */
import type { RunResult } from './gateway.ts';
import type { Command } from './warm-cli.ts';

const packed = new URL('../../../bin/packed.js', import.meta.url).href;
const { program } = (await import(packed)) as { program: () => string };
const { main } = (await import(program())) as typeof import('../../../src/main.ts');
const written: { stdout: string; stderr: string } = { stdout: '', stderr: '' };
for (const name of ['stdout', 'stderr'] as const)
  process[name].write = (text) => {
    written[name] += text;
    return true;
  };

let last: Promise<void> = Promise.resolve();
process.on('message', ({ id, cwd, args }: Command) => {
  last = last.then(async () => {
    Object.assign(written, { stdout: '', stderr: '' });
    process.chdir(cwd);
    // Each command listens for a reader that leaves; as a process of its own it would be the only one.
    process.stdout.removeAllListeners('error');
    const code = await main(args);
    const result: RunResult = { code, ...written };
    process.send?.({ id, result });
  });
});
