/** Which paths a command may read without asking: inside the workspace, and not where secrets are kept (pure). */
import { looksSecret } from '../secret-paths.ts';

/** What makes reading this path (or pattern of paths) worth a question; null when nothing does. */
export function pathConcern(path: string, workspace: string): string | null {
  if (path === '/dev/null') return null;
  const within = path === workspace || path.startsWith(`${workspace}/`);
  const outside = path.startsWith('/') && !within;
  if (outside || path.startsWith('~') || path.split('/').includes('..')) {
    return `reads outside the workspace (${path})`;
  }
  // The folders above the workspace may well be called `.ssh`; what counts is what lies inside.
  const inside = within ? path.slice(workspace.length) : path;
  return looksSecret(inside) ? `reads a file that may hold secrets (${path})` : null;
}

/** The same for a glob, which may also match hidden files and `..`. */
export function globConcern(pattern: string, workspace: string): string | null {
  const hidden = pattern.split('/').some((segment) => /^(\.|\[|\\).*[*?[]/.test(segment));
  if (hidden) return `a pattern that may match hidden files (${pattern})`;
  return pathConcern(pattern, workspace);
}
