/** Short descriptions of actions for notices and lists (pure). The card shows all of an action; these name it. */
import type { PlannedAction } from '../domain/approval.ts';
import { showInvisible } from '../domain/visible.ts';

/** What fits on one line of a chat. */
const MAX_LENGTH = 120;

/** `rm -r build`, `write_file notes.md`: the tool's telling argument where it has one. */
export const nameAction = (action: Named): string => `\`${plainName(action, MAX_LENGTH)}\``;

type Named = Pick<PlannedAction, 'tool' | 'args'>;

/** The same as plain text. */
export function plainName({ tool, args }: Named, length: number): string {
  const path = argument(args, 'path');
  const named = path === undefined ? `${tool} ${JSON.stringify(args ?? {})}` : `${tool} ${path}`;
  return oneLine(argument(args, 'command') ?? named, length);
}

/** Plain text that cannot look like more than it is. */
export function oneLine(text: string, length: number): string {
  const line = showInvisible(text).replaceAll('`', "'").replaceAll(/\s+/g, ' ').trim();
  // Half of a character is refused by platforms.
  return line.length > length ? `${line.slice(0, length).replace(/[\uD800-\uDBFF]$/, '')}…` : line;
}

function argument(args: unknown, name: string): string | undefined {
  if (typeof args !== 'object' || args === null) return undefined;
  const value: unknown = Reflect.get(args, name);
  return typeof value === 'string' ? value : undefined;
}

/** 840 ms, 1.2 s, 3 min 5 s */
export function seconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
