/**
 * The JSON directive: how endpoints without tool calling propose actions. Pure parsing, so that a stored answer
 * means the same when a turn is folded again.
 */
import { z } from 'zod';
import { parseJsonAnswer } from './json.ts';

const directiveSchema = z.object({ actions: z.array(z.unknown()) });
const actionSchema = z.object({
  tool: z.string().min(1),
  args: z.record(z.string(), z.unknown()).default({}),
  reason: z.string().nullish(),
});

export type DirectiveAction =
  | { readonly tool: string; readonly args: string; readonly reason: string | null }
  /** An item that is no action; the others of the list still run. */
  | { readonly malformed: string };

export type ParsedDirective =
  | { readonly ok: true; readonly actions: readonly DirectiveAction[] }
  | { readonly ok: false; readonly error: string };

/** Shown to the model, and what its answer is checked against. */
export const DIRECTIVE_FORM =
  '{"actions": [{"tool": "NAME", "args": {…}, "reason": "why, in one sentence"}]}';

export function parseDirective(text: string): ParsedDirective {
  let value: unknown;
  try {
    value = parseJsonAnswer(text);
  } catch (error) {
    return { ok: false, error: `not valid JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  const parsed = directiveSchema.safeParse(value);
  if (!parsed.success) return { ok: false, error: `not of the form ${DIRECTIVE_FORM}` };
  return { ok: true, actions: parsed.data.actions.map(toAction) };
}

function toAction(item: unknown): DirectiveAction {
  const parsed = actionSchema.safeParse(item);
  if (!parsed.success) {
    return {
      malformed: `This entry of "actions" is not an object with tool and args: ${JSON.stringify(item)?.slice(0, 200)}`,
    };
  }
  return {
    tool: parsed.data.tool,
    args: JSON.stringify(parsed.data.args),
    reason: parsed.data.reason ?? null,
  };
}
