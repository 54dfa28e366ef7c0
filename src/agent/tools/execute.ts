/**
 * The only way a tool is run: arguments checked, time limited, crashes contained, output cut to what a prompt
 * can hold. Whatever goes wrong becomes a result that the model can read.
 */
import { z } from 'zod';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { OutputPart } from '../../domain/output.ts';
import type { StreamingRedact } from '../../domain/runtime.ts';
import { capParts, wholeWithin } from './excerpt.ts';
import { createOutput, type OutputDeps } from './output.ts';
import type { AnyTool, ToolContext, ToolResult } from './tool.ts';

/** Larger than any tool's own limit on its arguments; stops a runaway answer before it is parsed. */
const MAX_ARGS_CHARACTERS = 2_000_000;

/** After an abort a tool has 2 s to end its processes; then its result is no longer waited for. */
const ABORT_GRACE_MS = 2_500;

/** Keys that reach into an object's prototype when copied carelessly. */
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

export type CheckedArgs =
  | { readonly ok: true; readonly args: unknown }
  | { readonly ok: false; readonly error: string };

function holdsForbiddenKey(value: unknown): boolean {
  const open = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (!Array.isArray(next) && Object.keys(next).some((key) => forbiddenKeys.has(key))) return true;
    open.push(...Object.values(next));
  }
  return false;
}

/** Never throws. @param rawJson as the model wrote it; empty means no arguments */
export function validateArgs(tool: AnyTool, rawJson: string): CheckedArgs {
  const refuse = (problem: string): CheckedArgs => ({
    ok: false,
    error: `The arguments of ${tool.name} ${problem}. Nothing was run; correct them and call it again.`,
  });
  if (rawJson.length > MAX_ARGS_CHARACTERS) return refuse('are too long');
  let parsed: unknown;
  try {
    parsed = rawJson.trim() === '' ? {} : JSON.parse(rawJson);
  } catch (error) {
    return refuse(`are not valid JSON (${errorMessage(error)})`);
  }
  if (holdsForbiddenKey(parsed)) return refuse('hold a forbidden key');
  const checked = tool.input.safeParse(parsed);
  if (checked.success) return { ok: true, args: checked.data };
  return refuse(`do not fit: ${z.prettifyError(checked.error).replaceAll('\n', ' ')}`);
}

/** A result as it goes into the log: `output` for the prompt, and what is left to store when that had to be cut. */
export type Executed = {
  readonly ok: boolean;
  readonly output: string;
  /** The whole can be read by reference, once `rest` is stored too. */
  readonly isKept: boolean;
  readonly rest: Omit<OutputPart, 'index'> | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Text from outside is in it. */
  readonly untrusted: boolean;
  readonly durationMs: number;
};

export type Execution = {
  readonly tool: AnyTool;
  /** From `validateArgs`. */
  readonly args: unknown;
  readonly context: Omit<ToolContext, 'output'>;
  /** Under which the full output can be read again. */
  readonly reference: string;
  /** UTF-8 bytes of output the prompt may hold. */
  readonly promptBytes: number;
  /** Before anything is cut: half a secret would not be found. */
  readonly redact: StreamingRedact;
  /** For what is too much to be held until the tool has ended. */
  readonly storeOutput: OutputDeps['store'];
};

const failure = (errorCode: string, output: string): ToolResult => ({
  ok: false,
  output,
  metadata: { errorCode },
});

/** Runs the tool until it ends or, some seconds after an abort, without its answer. */
async function settle(
  { tool, args }: Execution,
  context: ToolContext,
  timeout: AbortSignal,
): Promise<ToolResult> {
  const { signal } = context;
  const abandoned = Promise.withResolvers<ToolResult>();
  let grace: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    const result = timeout.aborted
      ? failure(
          'tool.timeout',
          `${tool.name} was stopped after ${tool.timeoutMs / 1000} s without an answer.`,
        )
      : failure('tool.cancelled', `${tool.name} was stopped.`);
    grace = setTimeout(() => abandoned.resolve(result), ABORT_GRACE_MS);
  };
  if (signal.aborted) return failure('tool.cancelled', `${tool.name} was stopped before it started.`);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([tool.run(args, context), abandoned.promise]);
  } catch (error) {
    context.log.error({ tool: tool.name, error: errorMessage(error) }, 'a tool crashed');
    return failure('tool.crashed', `${tool.name} failed: ${errorMessage(error)}`);
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(grace);
  }
}

/** In the words of the model, which is not told where the gateway keeps what. */
const reasonOf = (error: unknown): string =>
  error instanceof AppError && error.code === 'store.full'
    ? 'there is no room left for it'
    : 'the database did not take it';

/** Never throws. */
export async function executeTool(execution: Execution): Promise<Executed> {
  const { tool, context, reference, promptBytes, redact } = execution;
  const timeout = AbortSignal.timeout(tool.timeoutMs);
  const started = context.clock.monotonic();
  const output = createOutput({
    keep: promptBytes,
    redact,
    store: execution.storeOutput,
  });
  const signal = AbortSignal.any([context.signal, timeout]);
  const result = await settle(execution, { ...context, output, signal }, timeout);
  const { whole, parts, isStored, rest, problem } = await output.finish(redact(result.output));
  const short = wholeWithin(whole, promptBytes);
  const shown = short ?? capParts(parts, promptBytes, reference);
  const isCut = short === null;
  if (problem !== null)
    context.log.error({ tool: tool.name, error: errorMessage(problem.error) }, 'output was not stored');
  return {
    ok: result.ok,
    output: problem === null ? shown : `${shown}\n[the rest could not be stored: ${reasonOf(problem.error)}]`,
    isKept: isStored || (isCut && problem === null),
    rest: isCut || isStored ? rest : null,
    metadata: result.metadata,
    untrusted: result.ownWords !== true && `${whole.head}${whole.tail}`.trim() !== '',
    durationMs: Math.round(context.clock.monotonic() - started),
  };
}
