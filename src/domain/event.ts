/**
 * The events of a turn: append-only, gapless, hash-chained. They are the state; everything else is derived.
 * A schema changes only by raising `v` and adding an upcaster: logs of every past release must still fold.
 */
import { hash } from 'node:crypto';
import { z } from 'zod';
import { memoryScopes } from './memory.ts';
import type { InboundMessage } from './message.ts';
import type { TurnId } from './turn.ts';

const usage = {
  promptTokens: z.number(),
  completionTokens: z.number(),
  totalTokens: z.number(),
};

const toolCall = z.object({
  /** The model's own id of the call, echoed back with the result. */
  id: z.string(),
  tool: z.string(),
  /** Arguments as the model wrote them: JSON text, not yet validated. */
  args: z.string(),
});
export type ToolCall = z.infer<typeof toolCall>;

const plannedAction = z.object({
  tool: z.string(),
  args: z.unknown(),
  workspace: z.string(),
  profile: z.string(),
  files: z.record(z.string(), z.string()).optional(),
  network: z.array(z.string()).optional(),
});

const risk = z.enum(['low', 'medium', 'high', 'blocked']);

/** Why a turn ended. `denied`: an approval was refused and the model answered without acting further. */
const finishReason = z.enum(['answered', 'denied', 'exhausted', 'failed', 'cancelled']);
export type FinishReason = z.infer<typeof finishReason>;

export const modelRole = z.enum(['action', 'thinker', 'btw', 'memory', 'reflection', 'embedding']);
export type ModelRole = z.infer<typeof modelRole>;

export const eventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('turn.started'),
    message: z.custom<InboundMessage>((value) => typeof value === 'object' && value !== null),
    author: z.string(),
    session: z.string(),
    channel: z.string(),
    workspace: z.string(),
    profile: z.string(),
    debug: z.boolean(),
  }),
  z.object({ type: z.literal('message.edited'), text: z.string() }),
  /** A message that arrived while the turn ran and joined it (`sessions.while_busy: steer`). */
  z.object({
    type: z.literal('message.steered'),
    message: z.custom<InboundMessage>((v) => typeof v === 'object'),
  }),
  z.object({
    type: z.literal('model.called'),
    role: modelRole,
    model: z.string(),
    round: z.number(),
    /** Pins what was put before the message, so that a resumed turn sees the same. First call only. */
    context: z
      .object({
        historyFrom: z.number(),
        historyTo: z.number(),
        /** The history held quotes or files: text that nobody on the list wrote. */
        untrusted: z.boolean().optional(),
        /** Ids of the memories it recalled. */
        memories: z.array(z.string()).optional(),
        /** `keptFrom` of the summary that stood for what came before. */
        compaction: z.number().optional(),
      })
      .optional(),
  }),
  z.object({
    type: z.literal('model.responded'),
    role: modelRole,
    model: z.string(),
    text: z.string(),
    toolCalls: z.array(toolCall),
    reasoning: z.string().nullable(),
    latencyMs: z.number(),
    ...usage,
    finishReason: z.string(),
  }),
  /** A call that gave no answer; `aborted` when the gateway stopped in the middle of it. */
  z.object({
    type: z.literal('model.failed'),
    role: modelRole,
    errorCode: z.string(),
    detail: z.string(),
    latencyMs: z.number(),
  }),
  z.object({ type: z.literal('directive.failed'), error: z.string() }),
  z.object({ type: z.literal('rounds.exhausted'), max: z.number() }),
  z.object({
    type: z.literal('tool.started'),
    index: z.number(),
    callId: z.string(),
    tool: z.string(),
    args: z.unknown(),
    /** One line for people: "Read package.json". */
    title: z.string(),
  }),
  z.object({
    type: z.literal('tool.finished'),
    index: z.number(),
    callId: z.string(),
    tool: z.string(),
    ok: z.boolean(),
    /** What the model sees, capped; the whole is kept under `outputRef` when it was cut. */
    output: z.string(),
    outputRef: z.string().optional(),
    /** The output holds text from outside: of files, programs, servers. */
    untrusted: z.boolean().optional(),
    /** Nothing to run: no such tool, or arguments that it does not take. */
    unusable: z.literal(true).optional(),
    metadata: z.record(z.string(), z.unknown()),
    durationMs: z.number(),
  }),
  /** An action of the batch that was not tried, because an earlier one was refused or the turn was stopped. */
  z.object({
    type: z.literal('tool.skipped'),
    index: z.number(),
    callId: z.string(),
    tool: z.string(),
    reason: z.string(),
  }),
  /** The gateway died while a once-only tool ran: nobody knows whether it took effect. */
  z.object({ type: z.literal('tool.interrupted'), index: z.number(), callId: z.string(), tool: z.string() }),
  z.object({
    type: z.literal('command.audited'),
    index: z.number(),
    command: z.string(),
    argv: z.array(z.string()).nullable(),
    cwd: z.string(),
    effect: z.string(),
    risk,
    reasons: z.array(z.string()),
    requiresApproval: z.boolean(),
    blocked: z.boolean(),
    approved: z.boolean(),
    approvedBy: z.string().nullable(),
    ok: z.boolean(),
    exitCode: z.number().nullable(),
    durationMs: z.number(),
  }),
  z.object({
    type: z.literal('approval.requested'),
    index: z.number(),
    callId: z.string(),
    approvalId: z.string(),
    action: plannedAction,
    digest: z.string(),
    risk,
    reasons: z.array(z.string()),
    modelReason: z.string().nullable(),
    /** What the card shows: `Assessment.display` of the tool, and the sandbox it would run in. */
    display: z.object({
      question: z.string(),
      text: z.string(),
      language: z.string(),
      title: z.string(),
    }),
    sandbox: z.string().nullable(),
    /** Whether "always" may be offered. */
    grantable: z.boolean(),
    expiresAt: z.number(),
    /** Who decides, where that is not everybody of `access.approvers`. */
    approvers: z.array(z.string()).optional(),
    /** How many have to approve; absent: one. */
    required: z.number().optional(),
    secondPerson: z.boolean().optional(),
    /** Asked together with others: the id of what decides about all of them. */
    batch: z.string().optional(),
    /** Beyond the cards of a minute: the id of the card that it shares with other requests of the turn. Decides nothing. */
    summary: z.string().optional(),
  }),
  /** One of several who have to approve did. */
  z.object({
    type: z.literal('approval.voted'),
    approvalId: z.string(),
    index: z.number(),
    by: z.string(),
    byName: z.string(),
    votes: z.number(),
    required: z.number(),
  }),
  /** Nobody had decided for a while: the approvers were asked again, in private. */
  z.object({ type: z.literal('approval.reminded'), approvalId: z.string(), index: z.number() }),
  z.object({
    type: z.literal('approval.resolved'),
    approvalId: z.string(),
    index: z.number(),
    decision: z.enum(['once', 'always', 'deny', 'expired', 'cancelled']),
    by: z.string().nullable(),
    /** Of all who approved, where several had to. */
    byName: z.string().nullable(),
    /** Why not, for the model: what the person said, or which rule forbids it by now. */
    reason: z.string().optional(),
  }),
  /** Somebody pressed who may not decide; the request stays open. */
  z.object({
    type: z.literal('approval.refused'),
    approvalId: z.string(),
    index: z.number(),
    decision: z.enum(['once', 'always', 'deny']),
    by: z.string(),
    byName: z.string(),
  }),
  z.object({ type: z.literal('turn.waiting'), approvalIds: z.array(z.string()) }),
  z.object({
    type: z.literal('turn.finished'),
    reason: finishReason,
    answer: z.string().nullable(),
    errorCode: z.string().nullable(),
    /** For operators only; never posted. */
    detail: z.string().nullable(),
  }),
  /** The older part of the history gave way to a summary, for this turn and later ones. The logs keep all of it. */
  z.object({
    type: z.literal('history.compacted'),
    /** Ordinal of the first turn that is still read in full, and its id; null: none before this one. */
    keptFrom: z.number(),
    keptFromTurn: z.string().nullable(),
    turns: z.number(),
    summary: z.string(),
    /** What was summarized held quotes or files. */
    untrusted: z.boolean(),
  }),
  /** What role `memory` made of the exchange. This and the next two come after the end and change no state. */
  z.object({
    type: z.literal('memory.decided'),
    shouldStore: z.boolean(),
    summary: z.string().nullable(),
    scope: z.enum(memoryScopes).nullable(),
    memoryType: z.string().nullable(),
    importance: z.number().nullable(),
    metadata: z.record(z.string(), z.unknown()),
    /** Why a rule of ours, not the model, kept it from being stored. */
    reason: z.string().nullable(),
  }),
  z.object({
    type: z.literal('memory.stored'),
    memoryId: z.string(),
    name: z.string(),
    scope: z.enum(memoryScopes),
    owner: z.string(),
    /** An entry of before was brought up to date. */
    updated: z.boolean(),
  }),
  z.object({ type: z.literal('memory.failed'), errorCode: z.string(), detail: z.string() }),
]);

export type EventBody = z.infer<typeof eventSchema>;
export type EventType = EventBody['type'];
export type EventOf<T extends EventType> = Extract<EventBody, { type: T }>;

/** The version new events are written with. */
export const EVENT_VERSION = 1;

export type Event = EventBody & {
  readonly turnId: TurnId;
  /** From 1, without gaps. */
  readonly seq: number;
  readonly at: number;
  readonly v: number;
};

export type ChainedEvent = { readonly event: Event; readonly prevHash: string; readonly hash: string };

/** Brings the stored body of any past version to the current one. Version 1 is the first. */
export function upcast(_v: number, body: unknown): EventBody {
  return body as EventBody;
}

/**
 * Hash of one event over its predecessor's: SHA-256 hex of both, with the stored JSON text as it is on disk.
 * @param bodyJson the exact stored text, so that verification never depends on key order.
 */
export function eventHash(
  prevHash: string,
  turnId: TurnId,
  seq: number,
  at: number,
  v: number,
  bodyJson: string,
): string {
  return hash('sha256', `${prevHash}\n${turnId}\n${seq}\n${at}\n${v}\n${bodyJson}`);
}

/** What a person said, where the event holds that. */
export function wordsOf(event: Event | undefined): string | null {
  if (event?.type === 'turn.started') return event.message.text;
  return event?.type === 'message.edited' ? event.text : null;
}
