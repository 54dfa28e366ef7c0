/**
 * The command line as a process that stays: tests look into the log and the ledger hundreds of times, and starting a
 * program each time took longer than all the rest. What a command does as a process of its own has tests of its own.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { RunResult } from './gateway.ts';

export type Command = { readonly id: number; readonly cwd: string; readonly args: readonly string[] };

const waiting = new Map<number, (result: RunResult) => void>();
let child: ChildProcess | undefined;
let commands = 0;

export function runWarm(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<RunResult> {
  child ??= startChild(env);
  commands += 1;
  const command: Command = { id: commands, cwd, args };
  child.send(command);
  return new Promise((resolve) => waiting.set(command.id, resolve));
}

function startChild(env: NodeJS.ProcessEnv): ChildProcess {
  const started = fork(join(import.meta.dirname, 'warm-cli-child.ts'), { env, execArgv: [] });
  started.on('message', ({ id, result }: { id: number; result: RunResult }) => {
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  // It ends with the test file: nobody waits for it.
  started.unref();
  started.channel?.unref();
  process.on('exit', () => started.kill());
  return started;
}
