/**
 * The gateway's own files (database, configuration, `.env`) are none of the agent's business, also where an operator lets
 * the workspace be the folder they lie in (A40). The sandbox hides them from programs; this keeps our own tools out.
 */
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { PathRefused, pathSegments } from './files/location.ts';
import type { AnyTool } from './tool.ts';

export type OwnFiles = {
  /** Absolute: one of them, or inside one. */
  isOwn(path: string, workspace: string): boolean;
  /** A folder with one of them somewhere below. */
  holdsOwn(folder: string, workspace: string): boolean;
};

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** @param hide absolute paths; what does not exist yet counts as well */
export function createOwnFiles(hide: readonly string[]): OwnFiles {
  const own = hide.map((path) => (existsSync(path) ? realpathSync(path) : path));
  // `data/` is hidden as a whole, and the workspace often lies in it.
  const within = (workspace: string): string[] => own.filter((path) => !isBelow(workspace, path));
  return {
    isOwn: (path, workspace) => within(workspace).some((one) => isBelow(path, one)),
    holdsOwn: (folder, workspace) => within(workspace).some((one) => isBelow(one, folder)),
  };
}

/** Links are never followed by the file tools, so that names decide. */
export function keepOut(tool: AnyTool, ownFiles: OwnFiles): AnyTool {
  function concern(args: unknown, workspace: string): string | null {
    const path: unknown = Reflect.get(Object(args), 'path');
    if (typeof path !== 'string') return null;
    try {
      const full = join(workspace, ...pathSegments(path, workspace));
      if (ownFiles.isOwn(full, workspace)) return `"${path}" belongs to the gateway itself.`;
      const searched = tool.name === 'search_files' && ownFiles.holdsOwn(full, workspace);
      return searched ? `"${path}" holds files of the gateway itself; search a folder inside it.` : null;
    } catch (error) {
      if (error instanceof PathRefused) return null;
      throw error;
    }
  }
  return {
    ...tool,
    async assess(args, context) {
      const found = concern(args, context.workspace);
      const assessment = await tool.assess(args, context);
      if (found === null) return assessment;
      return { ...assessment, decision: 'deny', risk: 'blocked', reasons: [found], alwaysKey: null };
    },
    async run(args, context) {
      const found = concern(args, context.workspace);
      if (found === null) return tool.run(args, context);
      return { ok: false, output: found, metadata: { errorCode: 'tool.path_refused' }, ownWords: true };
    },
  };
}
