/** What is allowed unasked is really run here, and must leave the workspace as it was. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSandbox } from '../../../../../src/agent/tools/sandbox.ts';
import { createShellTool } from '../../../../../src/agent/tools/shell/tool.ts';
import { readCorpus } from '../../../../corpus/read-corpus.ts';
import { contextFor, execute, fillProject, noOwnFiles, scratch } from '../scratch.ts';

/** Every name, kind, mode and content below a folder, git's own files included. */
function snapshot(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const { mode } = lstatSync(path);
      const content = lstatSync(path).isFile()
        ? createHash('sha256').update(readFileSync(path)).digest('hex')
        : '';
      return `${name} ${mode.toString(8)} ${content}`;
    });
}

const sandbox = await openSandbox({ mode: 'auto', hide: [] });
const allowed = readCorpus('shell.tsv').filter(({ verdict }) => verdict === 'allow');

describe(`commands that run unasked (sandbox: ${sandbox.describe(false)})`, () => {
  it(`E19 leave every file as it was: ${allowed.length} commands`, async () => {
    const { workspace } = scratch();
    fillProject(workspace);
    const tool = createShellTool({
      ownFiles: noOwnFiles,
      sandbox,
      network: false,
      timeoutMs: 20_000,
      maxOutputBytes: 2 ** 30,
    });
    const before = snapshot(workspace);
    const queue = [...allowed];
    const changed: string[] = [];
    let succeeded = 0;
    const runNext = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const args = { command: next.command };
        const assessment = await tool.assess(args, { workspace });
        if (assessment.decision !== 'allow' || assessment.effect !== 'read') {
          changed.push(`${next.command}: ${assessment.reasons.join(', ')}`);
        }
        const result = await execute(tool, args, contextFor(workspace));
        if (result.ok) succeeded += 1;
        if (result.metadata.errorCode === 'tool.timeout') changed.push(`${next.command}: timed out`);
        if (JSON.stringify(snapshot(workspace)) !== JSON.stringify(before))
          changed.push(`${next.command}: changed files`);
      }
    };
    // A few at a time: each is a process, and most of the time goes into starting it.
    await Promise.all([runNext(), runNext(), runNext(), runNext()]);
    expect(changed).toEqual([]);
    expect(snapshot(workspace)).toEqual(before);
    // Some programs are not installed everywhere and some commands fail on purpose; most must really have run.
    expect(succeeded).toBeGreaterThan(allowed.length * 0.8);
  }, 120_000);
});
