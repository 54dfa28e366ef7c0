/**
 * Performs the actions of a turn: validate, ask policy, run or ask a person. Each function returns what is to be
 * appended; nothing here writes to the store, so that one step of a turn stays one transaction.
 */
import type { PlannedAction } from '../domain/approval.ts';
import type { EventBody } from '../domain/event.ts';
import type { OutputPart } from '../domain/output.ts';
import type { Turn } from '../domain/turn.ts';
import { openedFor } from './last-look.ts';
import type { PolicyDecision } from './policy.ts';
import type { EngineDeps, Run, TurnSettings } from './run.ts';
import type { Action } from './state.ts';
import { taintOf } from './taint.ts';
import { type Executed, executeTool, validateArgs } from './tools/execute.ts';
import type { AnyTool, Assessment, ToolContext } from './tools/tool.ts';

/** An action that is understood: its tool, checked arguments, what they would do and what policy says. */
export type Judged = {
  readonly action: Action;
  readonly tool: AnyTool;
  readonly args: unknown;
  readonly assessment: Assessment;
  readonly policy: PolicyDecision;
  readonly granted: boolean;
};

/** What an action that has run leaves. */
type Effects = {
  readonly events: EventBody[];
  readonly outputs: OutputPart[];
};

/** Understands an action, or says in the model's terms why it cannot be. */
export async function judge(
  deps: Pick<EngineDeps, 'store' | 'clock'>,
  { settings, turn, state }: Pick<Run, 'settings' | 'turn' | 'state'>,
  action: Action,
  stored?: PlannedAction,
): Promise<Judged | { readonly failure: string }> {
  if (action.malformed !== null) return { failure: action.malformed };
  const tool = settings.tools.get(action.tool);
  if (tool === undefined) {
    const names = settings.tools.list().map((known) => known.name);
    return { failure: `There is no tool "${action.tool}". Tools: ${names.join(', ') || 'none'}.` };
  }
  const checked =
    stored === undefined ? validateArgs(tool, action.args) : validateArgs(tool, JSON.stringify(stored.args));
  if (!checked.ok) return { failure: checked.error };
  const assessment = await tool.assess(checked.args, { workspace: turn.workspace });
  const granted =
    assessment.alwaysKey !== null &&
    (await deps.store.approvals.findGrant(
      assessment.alwaysKey,
      turn.profile,
      turn.workspace,
      deps.clock.now(),
    )) !== undefined;
  const policy = settings.decide({
    tool,
    args: checked.args,
    assessment,
    user: turn.user,
    where: turn.input.where,
    granted,
    untrusted: taintOf(state),
  });
  return { action, tool, args: checked.args, assessment, policy, granted };
}

/** Runs it and reports. The caller has appended `tool.started`. */
export async function run(
  deps: EngineDeps,
  settings: TurnSettings,
  turn: Turn,
  judged: Judged,
  signal: AbortSignal,
): Promise<Effects> {
  const { action, tool } = judged;
  const reference = `${turn.id}/${action.index}`;
  const done = await executeTool({
    tool,
    args: judged.args,
    reference,
    promptBytes: settings.promptOutputBytes,
    redact: deps.redact,
    storeOutput: (part) =>
      deps.store.outputs.keep({ ...part, index: action.index, turnId: turn.id, fence: turn.fence }),
    context: {
      workspace: turn.workspace,
      signal,
      log: deps.log.child({ turn: turn.id, tool: tool.name }),
      clock: deps.clock,
      files: judged.assessment.files ?? {},
      network: openedFor(judged),
      readOutput: (wanted, range) => readOutput(deps, turn, wanted, range),
      skills: deps.skills(turn),
      memory: deps.memory(turn),
    },
  });
  const effects: Effects = { events: [], outputs: [] };
  effects.events.push({
    type: 'tool.finished',
    index: action.index,
    callId: action.callId,
    tool: tool.name,
    ok: done.ok,
    output: done.output,
    ...(done.isKept ? { outputRef: reference } : {}),
    ...(done.untrusted ? { untrusted: true } : {}),
    metadata: { ...done.metadata },
    durationMs: done.durationMs,
  });
  if (done.rest !== null) effects.outputs.push({ index: action.index, ...done.rest });
  if (tool.name === 'shell') effects.events.push(auditOf(turn, judged, done));
  return effects;
}

/** Only outputs of the same turn: a reference is no way into other conversations. */
const readOutput = async (
  deps: EngineDeps,
  turn: Turn,
  ...[reference, range]: Parameters<ToolContext['readOutput']>
): ReturnType<ToolContext['readOutput']> => {
  const [turnId, index] = reference.split('/');
  return turnId === turn.id ? deps.store.outputs.read(turn.id, Number(index), range) : undefined;
};

/** The audit row of a command; `done` null when it never ran. */
export function auditOf(turn: Turn, judged: Judged, done: Executed | null): EventBody {
  const { action, assessment, policy } = judged;
  const byPerson = action.status === 'approved' || action.status === 'started' ? action.decision : null;
  const approved = byPerson?.kind === 'once' || byPerson?.kind === 'always' || judged.granted;
  const exitCode = done?.metadata.exitCode;
  return {
    type: 'command.audited',
    index: action.index,
    command: assessment.display.text,
    argv: assessment.argv === undefined || assessment.argv === null ? null : [...assessment.argv],
    cwd: turn.workspace,
    effect: assessment.effect ?? judged.tool.effect,
    risk: policy.risk,
    reasons: [...policy.reasons],
    requiresApproval: policy.decision === 'ask',
    blocked: policy.decision === 'deny',
    approved,
    approvedBy: byPerson?.by ?? null,
    ok: done?.ok ?? false,
    exitCode: typeof exitCode === 'number' ? exitCode : null,
    durationMs: done?.durationMs ?? 0,
  };
}
