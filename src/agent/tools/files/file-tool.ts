/** What the four file tools share: how a reading call is assessed, and how a refused path becomes a result. */
import { looksSecret } from '../secret-paths.ts';
import type { Assessment, ToolResult } from '../tool.ts';
import { PathRefused, pathSegments } from './location.ts';

/** File tools are quick; this only ends one that hangs on a broken file system. */
export const FILE_TIMEOUT_MS = 30_000;

/** A path that cannot be used becomes a result the model can act on; anything else is a bug and is thrown. */
export async function orRefuse(work: () => Promise<ToolResult>): Promise<ToolResult> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PathRefused)) throw error;
    return { ok: false, output: error.message, metadata: { errorCode: 'tool.path_refused' } };
  }
}

/** However a path was written, rules see it as it is inside the workspace. */
export const formsOf = (inside: string): NonNullable<Assessment['forms']> => ({
  path: [inside === '' ? '.' : inside],
});

/** Reading is allowed, inside the workspace; a file that may hold secrets asks. */
export function assessReading(
  workspace: string,
  path: string,
  display: { readonly question: string; readonly title: string },
): Assessment {
  const base = { alwaysKey: null, display: { ...display, text: path, language: 'text' } };
  try {
    const inside = pathSegments(path, workspace).join('/');
    const known = { ...base, forms: formsOf(inside) };
    if (!looksSecret(inside)) return { ...known, decision: 'allow', risk: 'low', reasons: ['only reads'] };
    return { ...known, decision: 'ask', risk: 'medium', reasons: ['reads a file that may hold secrets'] };
  } catch (error) {
    if (!(error instanceof PathRefused)) throw error;
    return { ...base, decision: 'deny', risk: 'blocked', reasons: [error.message] };
  }
}
