/**
 * The only way a tool is run: arguments checked, time limited, crashes contained, output cut to what a prompt
 * can hold. Whatever goes wrong becomes a result that the model can read.
 */
import { z } from 'zod';
import { errorMessage } from '../../domain/errors.ts';
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

/** A result as it goes into the log: `output` for the prompt, `full` when that had to be cut. */
export type Executed = {
  readonly ok: boolean;
  readonly output: string;
  readonly full: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Text from outside is in it. */
  readonly untrusted: boolean;
  readonly durationMs: number;
};

export type Execution = {
  readonly tool: AnyTool;
  /** From `validateArgs`. */
  readonly args: unknown;
  readonly context: ToolContext;
  /** Under which the full output can be read again. */
  readonly reference: string;
  /** UTF-8 bytes of output the prompt may hold. */
  readonly promptBytes: number;
  /** Before anything is cut: half a secret would not be found. */
  readonly redact: (text: string) => string;
};

const failure = (errorCode: string, output: string): ToolResult => ({
  ok: false,
  output,
  metadata: { errorCode },
});

/** Runs the tool until it ends or, some seconds after an abort, without its answer. */
async function settle(execution: Execution, signal: AbortSignal, timeout: AbortSignal): Promise<ToolResult> {
  const { tool, args, context } = execution;
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
    return await Promise.race([tool.run(args, { ...context, signal }), abandoned.promise]);
  } catch (error) {
    context.log.error({ tool: tool.name, error: errorMessage(error) }, 'a tool crashed');
    return failure('tool.crashed', `${tool.name} failed: ${errorMessage(error)}`);
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(grace);
  }
}

/** Never throws. */
export async function executeTool(execution: Execution): Promise<Executed> {
  const { tool, context, reference, promptBytes } = execution;
  const timeout = AbortSignal.timeout(tool.timeoutMs);
  const started = context.clock.monotonic();
  const result = await settle(execution, AbortSignal.any([context.signal, timeout]), timeout);
  const whole = execution.redact(result.output);
  const isWhole = Buffer.byteLength(whole) <= promptBytes;
  const parts = (result.parts ?? [result.output]).map(execution.redact);
  const output = isWhole ? whole : capParts(parts, promptBytes, reference);
  return {
    ok: result.ok,
    output,
    full: isWhole ? null : whole,
    metadata: result.metadata,
    untrusted: result.ownWords !== true && result.output.trim() !== '',
    durationMs: Math.round(context.clock.monotonic() - started),
  };
}

/** Whole characters only: how much of `text` fits in `bytes`, in UTF-16 units. */
const fitting = (text: string, bytes: number): number =>
  new TextEncoder().encodeInto(text, new Uint8Array(Math.max(0, bytes))).read;

/** The end of `text` that fits in `bytes`, never starting in the middle of a character. */
function lastOf(text: string, bytes: number): string {
  let start = text.length;
  let left = bytes;
  while (start > 0) {
    const code = text.codePointAt(start - 2) ?? 0;
    const width = start > 1 && code > 0xffff ? 2 : 1;
    left -= Buffer.byteLength(text.slice(start - width, start));
    if (left < 0) break;
    start -= width;
  }
  return text.slice(start);
}

/** Each part cut to an equal share of the room; what a short one leaves over is for the others. */
export function capParts(parts: readonly string[], maxBytes: number, reference: string): string {
  const gaps = Math.max(0, parts.length - 1);
  let [room, left] = [maxBytes - gaps, parts.length];
  const capped = new Map<number, string>();
  const byLength = [...parts.entries()].toSorted(
    ([, a], [, b]) => Buffer.byteLength(a) - Buffer.byteLength(b),
  );
  for (const [index, part] of byLength) {
    const text = capOutput(part, Math.floor(room / left), reference);
    room -= Buffer.byteLength(text);
    left -= 1;
    capped.set(index, text);
  }
  return parts.map((_, index) => capped.get(index) ?? '').join('\n');
}

/** Head and tail of a text that is too long, with a marker that says how to read the rest (E14). */
export function capOutput(text: string, maxBytes: number, reference: string): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const marker = (count: number): string =>
    `\n[… ${count} characters left out; full output: read_output("${reference}")]\n`;
  const room = Math.max(0, maxBytes - Buffer.byteLength(marker(text.length)));
  const head = text.slice(0, fitting(text, Math.ceil(room / 2)));
  const tail = lastOf(text.slice(head.length), Math.floor(room / 2));
  return `${head}${marker(text.length - head.length - tail.length)}${tail}`;
}
