/** The `shell` tool: judged by `classify`, run without a shell where none is needed, inside the sandbox. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../../domain/approval.ts';
import type { OwnFiles } from '../own-files.ts';
import { type Network, type Sandbox, withHosts } from '../sandbox.ts';
import { type Assessment, defineTool, type ToolContext, type ToolResult } from '../tool.ts';
import { classify } from './classify.ts';
import { diskConcerns, runsOwn } from './disk-facts.ts';
import { commandEnvironment } from './environment.ts';
import { type CheckedFile, copyExecuted, executedFiles, scriptsOf, tooLargeToRun } from './executed-files.ts';
import { placeCopies, planCopies } from './placed-copies.ts';
import { type ProcessResult, runProcess } from './run.ts';

export type ShellDeps = {
  readonly sandbox: Sandbox;
  readonly network: Network;
  /** Hosts beyond it that rules open for some commands: the model is told of them. */
  readonly opened?: readonly string[];
  readonly ownFiles: OwnFiles;
  readonly timeoutMs: number;
  /** A command that says more is ended. */
  readonly maxOutputBytes: number;
};

type Limits = { readonly timeoutMs: number; readonly maxBytes: number };

const GiB = 2 ** 30;

/** Longer commands belong into a file: nobody reads them on a card. */
const MAX_COMMAND_CHARACTERS = 16_000;

/** Above the command's own limit, so that a timeout is reported by the tool, with the output so far. */
const BACKSTOP_MS = 5_000;

/** Parts of the shell itself, which do not exist as programs. */
const builtins = new Set(
  (
    '. : alias bg bind break builtin caller cd command compgen complete continue declare dirs disown enable eval ' +
    'exec exit export fc fg getopts hash help history jobs let local logout mapfile popd pushd read readarray ' +
    'readonly return set shift shopt source suspend times trap type typeset ulimit umask unalias unset wait'
  ).split(' '),
);

const shellProgram = existsSync('/bin/bash')
  ? ['/bin/bash', '--noprofile', '--norc', '-c']
  : ['/bin/sh', '-c'];

/** One line, short enough for a list. */
const oneLine = (command: string): string => {
  const line = command.trim().split('\n', 1)[0] ?? '';
  return line.length > 80 || line !== command.trim() ? `${[...line].slice(0, 80).join('')}…` : line;
};

function endNote(result: ProcessResult, { timeoutMs, maxBytes }: Limits): string {
  if (result.ended === 'not-started')
    return `The command could not be started: ${result.problem ?? 'unknown reason'}`;
  if (result.ended === 'timeout') return `[stopped after ${timeoutMs / 1000} s: it took too long]`;
  if (result.ended === 'too-much') return `[stopped: more than ${maxBytes / GiB} GiB of output]`;
  if (result.ended === 'not-stored') return '[stopped: its output could not be stored]';
  if (result.ended === 'aborted') return '[stopped]';
  if (result.signal !== null) return `[ended by ${result.signal}]`;
  if (result.exitCode !== 0) return `[exit code ${result.exitCode}]`;
  return result.bytes === 0 ? '[no output]' : '';
}

const errorCodes = {
  timeout: 'tool.timeout',
  aborted: 'tool.cancelled',
  'too-much': 'tool.too_much_output',
  'not-stored': 'tool.output_not_stored',
  'not-started': 'tool.not_started',
};

function toResult(result: ProcessResult, limits: Limits, sandbox: string): ToolResult {
  const { exitCode, signal, bytes, durationMs, ended } = result;
  const errorCode = ended === 'exited' ? {} : { errorCode: errorCodes[ended] };
  return {
    ok: ended === 'exited' && exitCode === 0,
    output: endNote(result, limits),
    metadata: { exitCode, signal, bytes, durationMs, sandbox, ...errorCode },
    ownWords: bytes === 0,
  };
}

export function createShellTool(deps: ShellDeps) {
  const { sandbox } = deps;
  const placeWith = (hosts: readonly string[]): string => sandbox.describe(deps.network, hosts);
  const { opened = [] } = deps;
  const ruled = opened.length === 0 ? '' : `; some commands may reach ${opened.join(', ')}`;
  const limitSeconds = Math.max(1, Math.floor(deps.timeoutMs / 1000));
  const input = z.strictObject({
    command: z
      .string()
      .min(1)
      .max(MAX_COMMAND_CHARACTERS)
      .refine((text) => !text.includes('\0'), 'must not hold a NUL character')
      .describe('The command line, in bash. It starts in the workspace; standard input is empty.'),
    timeout_seconds: z
      .int()
      .min(1)
      .max(limitSeconds)
      .optional()
      .describe(`At most ${limitSeconds}, the default.`),
  });

  async function assess(command: string, workspace: string): Promise<Assessment> {
    const judged = classify(command, workspace);
    const title = `Ran ${oneLine(command)}`;
    const base = {
      display: { question: 'Run this command?', text: command, language: 'bash', title },
      argv: judged.argv,
      forms: { command: [...judged.facts.forms] },
      sandbox: placeWith,
    };
    const refused = (reason: string): Assessment => ({
      ...base,
      ...{ decision: 'deny', risk: 'blocked', reasons: [reason], alwaysKey: null },
    });
    if (sandbox.refusal !== null) return refused(sandbox.refusal);
    const { decision, risk, alwaysKey, facts } = judged;
    const { digests: files, tooLarge } = await executedFiles(facts, workspace);
    if (tooLarge !== null) return refused(tooLargeToRun(tooLarge));
    const own = await runsOwn(Object.keys(files), workspace, deps.ownFiles);
    if (own !== null) return refused(own);
    const scripts = sandbox.active ? [] : scriptsOf(facts, workspace, files);
    const plan = await planCopies(command, scripts, workspace);
    if (plan.refusal !== null) return refused(plan.refusal);
    const reasons = [...judged.reasons, ...plan.notes];
    // An "always" holds for these files as they are: with other content it is another action (A21).
    const content = Object.keys(files).length === 0 ? '' : `:${canonicalJson(files)}`;
    const verdict = {
      ...base,
      ...(content === '' ? {} : { files }),
      alwaysKey: alwaysKey === null ? null : `${alwaysKey}${content}`,
    };
    if (decision !== 'allow') return { ...verdict, decision, risk, reasons };
    const concerns = await diskConcerns(facts, workspace, deps.ownFiles);
    if (concerns.length > 0)
      return { ...verdict, decision: 'ask', risk: 'medium', reasons: concerns, alwaysKey: null };
    return { ...verdict, decision, risk, reasons, effect: 'read' };
  }

  async function run(command: string, timeoutMs: number, context: ToolContext): Promise<ToolResult> {
    const { workspace } = context;
    const { decision, argv, reasons, facts } = classify(command, workspace);
    // Policy has refused these before; nothing that calls this by mistake may get past it either.
    const never =
      sandbox.refusal ?? (decision === 'deny' ? `This command never runs: it ${reasons[0]}.` : null);
    if (never !== null) return { ok: false, output: never, metadata: { errorCode: 'tool.refused' } };
    await mkdir(workspace, { recursive: true });
    const notRun = (problem: string): ToolResult => ({
      ok: false,
      output: `Not run: ${problem}.`,
      metadata: { errorCode: 'tool.refused' },
      ownWords: true,
    });
    const checked = await copyExecuted(facts, workspace, context.files);
    if (!checked.ok) return notRun(checked.problem);
    try {
      const { refusal } = await planCopies(command, sandbox.active ? [] : checked.copies, workspace);
      if (refusal !== null) return notRun(refusal);
      return await runChecked(command, argv, checked.copies, timeoutMs, context);
    } finally {
      await checked.remove();
    }
  }

  async function runChecked(
    command: string,
    argv: readonly string[] | null,
    copies: readonly CheckedFile[],
    timeoutMs: number,
    { workspace, signal, clock, network, output }: ToolContext,
  ): Promise<ToolResult> {
    // In the sandbox the copies lie in the places of the files; elsewhere the command is told where they are.
    const placed = await placeCopies(command, argv, sandbox.active ? [] : copies, workspace);
    try {
      const direct = placed.argv !== null && !builtins.has(placed.argv[0] ?? '');
      const result = await runProcess({
        run: await sandbox.wrap(direct ? placed.argv : [...shellProgram, placed.command], {
          workspace,
          network: withHosts(deps.network, network),
          fixed: copies,
        }),
        cwd: workspace,
        env: commandEnvironment(workspace, dirname(workspace)),
        timeoutMs,
        signal,
        clock,
        output,
        maxBytes: deps.maxOutputBytes,
      });
      return toResult(result, { timeoutMs, maxBytes: deps.maxOutputBytes }, placeWith(network));
    } finally {
      await placed.remove();
    }
  }

  return defineTool({
    name: 'shell',
    description:
      'Runs a command in the workspace and returns its output and exit code. Commands that only read run at ' +
      `once; others ask a person first. A script cannot be changed by the command that runs it. Sandbox: ${placeWith([])}${ruled}.`,
    input,
    effect: 'once',
    risks: ['low', 'medium', 'high'],
    timeoutMs: deps.timeoutMs + BACKSTOP_MS,
    assess: ({ command }, { workspace }) => assess(command, workspace),
    run: ({ command, timeout_seconds }, context) =>
      run(command, timeout_seconds === undefined ? deps.timeoutMs : timeout_seconds * 1000, context),
  });
}
