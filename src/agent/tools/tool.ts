/** What a tool is. Its class (`effect`) and its assessment come from our code, never from the model or a server. */
import type { z } from 'zod';
import type { Risk } from '../../domain/approval.ts';
import type { Memory, MemoryScope } from '../../domain/memory.ts';
import type { OutputStore } from '../../domain/output.ts';
import type { Clock, Logger } from '../../domain/runtime.ts';
import type { HistoryEntry } from '../../domain/session-store.ts';
import type { OutputStreams } from './output.ts';

/**
 * What a second run would do: nothing (`read`), the same as the first (`idempotent`), or harm (`once`).
 * Decides what happens after a crash in the middle.
 */
export type Effect = 'read' | 'idempotent' | 'once';

/** What a tool says about one call before it runs: the facts that policy, card and audit share. */
export type Assessment = {
  /** The tool's own opinion; YAML rules may be stricter or, for `ask`, looser. `deny` = hard-blocked for everyone. */
  readonly decision: 'allow' | 'ask' | 'deny';
  readonly risk: Risk;
  /** Why, in words a person understands: "deletes files". */
  readonly reasons: readonly string[];
  /** The normalized exact action an "always" would store; null when it can never be always allowed. */
  readonly alwaysKey: string | null;
  readonly display: {
    /** "Run this command?" */
    readonly question: string;
    /** All of what would happen, in plain text. */
    readonly text: string;
    /** Of the code block. */
    readonly language: string;
    /** For the folded line after it ran: "Read package.json". */
    readonly title: string;
  };
  /** What the action executes, replaces or relies on, name or path → SHA-256 hex; checked again before it runs. */
  readonly files?: Readonly<Record<string, string>>;
  /**
   * Other ways to write an argument, by its name: a path without `./`, the commands that a command line consists of. Rules
   * that ask or deny mean these as well; one that allows means the words as they stand.
   */
  readonly forms?: Readonly<Record<string, readonly string[]>>;
  /** Overrides the tool's own class for this call: a command that only reads may run again after a crash. */
  readonly effect?: Effect;
  /** Argument vector when the command needs no shell; null when it does. Only the shell tool sets it. */
  readonly argv?: readonly string[] | null;
  /** True when no rule and no grant may stand in for a person's yes. */
  readonly insists?: boolean;
  /** True when the arguments leave for a place outside: also what only reads may carry data away (A28). */
  readonly sendsOut?: boolean;
  /** Set by tools that run processes: "bubblewrap, no network" or why there is none, with these hosts open besides. */
  readonly sandbox?: (hosts: readonly string[]) => string;
};

/** What a turn may remember and look up: for its person, in its place. */
export type MemoryAccess = {
  /** @returns the entry, or why it is not stored. */
  remember(entry: {
    text: string;
    scope: MemoryScope;
    type: string;
    importance: number;
  }): Promise<{ readonly memory: Memory; readonly updated: boolean } | { readonly refusal: string }>;
  recall(text: string, limit: number): Promise<Memory[]>;
  /** What was said in this conversation, also what is no longer in the prompt. */
  searchHistory(text: string, limit: number): Promise<HistoryEntry[]>;
};

export type SkillAccess = {
  /** Instructions of an enabled skill of the person, or a file beside them. */
  load(name: string, file?: string): Promise<{ readonly text: string } | { readonly problem: string }>;
};

export type ToolContext = {
  /** Absolute, canonical path the tool may work in. */
  readonly workspace: string;
  /** Aborted by `/stop`, timeout or shutdown; the tool must end its processes within 2 s of it. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly clock: Clock;
  /** `Assessment.files` of this very call, as it was agreed to: what is executed is this and nothing else. */
  readonly files: Readonly<Record<string, string>>;
  /** Hosts that rules open for this very call, as it was agreed to. */
  readonly network: readonly string[];
  /** For what a program says while it runs. */
  readonly output: OutputStreams;
  /** Reads from the stored full output of an earlier action of this turn; see `OutputStore.read`. */
  readonly readOutput: (
    reference: string,
    range: { readonly start: number; readonly length: number },
  ) => ReturnType<OutputStore['read']>;
  readonly memory: MemoryAccess;
  readonly skills: SkillAccess;
};

export type ToolResult = {
  readonly ok: boolean;
  /** All of it, or what follows its streams, as text; capping for the prompt is done by `execute.ts`. */
  readonly output: string;
  /** Small facts for the event: exit code, bytes, path. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** True when all that it said is words of our own: no text of files, programs or servers. Default: false. */
  readonly ownWords?: boolean;
};

export type Tool<Schema extends z.ZodType = z.ZodType> = {
  readonly name: string;
  /** For the model: what it does, when to use it, units and limits of the arguments. */
  readonly description: string;
  /** Arguments; `.describe()` each field for the model. */
  readonly input: Schema;
  /** JSON Schema for the model, where it is not made from `input`. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly effect: Effect;
  /** What a call can be that the tool does not refuse by itself: a rule about another risk never matches. */
  readonly risks: readonly Risk[];
  readonly timeoutMs: number;
  /** Must not change anything. Throws only on bugs; bad input is a `deny` or a result. */
  assess(input: z.output<Schema>, context: Pick<ToolContext, 'workspace'>): Promise<Assessment>;
  /** Failures a model can act on are results with `ok: false`, not exceptions. */
  run(input: z.output<Schema>, context: ToolContext): Promise<ToolResult>;
};

/** A tool whose argument type is no longer known; `execute.ts` validates before every use. */
export type AnyTool = Tool<z.ZodType>;

export function defineTool<Schema extends z.ZodType>(tool: Tool<Schema>): AnyTool {
  return tool as unknown as AnyTool;
}
