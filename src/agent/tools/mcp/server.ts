/** What the configuration says of one MCP server, and where a local one runs. */
import { createHash } from 'node:crypto';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { canonicalJson } from '../../../domain/approval.ts';
import type { Shown } from '../bubblewrap.ts';
import type { Network, Outline } from '../sandbox.ts';
import { SYSTEM_PATH } from '../shell/environment.ts';

export type McpServer =
  | {
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly network: Network;
    }
  | { readonly url: string; readonly headers: Readonly<Record<string, string>> };

/**
 * What a person agreed to belongs to this entry of the file: another command or address is another server. Its
 * credentials may change.
 */
export const serverKey = (server: McpServer): string =>
  createHash('sha256')
    .update(canonicalJson('url' in server ? [server.url] : [server.command, ...server.args]))
    .digest('hex')
    .slice(0, 32);

/** Programs that say nothing about what they run; the server is their first argument. */
const starters = new Set('npx node bunx bun deno python python3 uvx uv pipx docker tsx'.split(' '));

/** `stdio: npx server-x` or the address. Arguments and queries are left out: some hold keys. */
export function describeServer(server: McpServer): string {
  if ('url' in server) return new URL(server.url).origin + new URL(server.url).pathname;
  const program = basename(server.command);
  const started = starters.has(program) ? server.args.find((arg) => !arg.startsWith('-')) : undefined;
  return `stdio: ${program}${started === undefined ? '' : ` ${basename(started)}`}`.slice(0, 120);
}

const nodeFolder = dirname(process.execPath);

/** The folder that holds a program and what it loads: all packages when it is one of them, else its own package. */
function packageFolder(file: string): string {
  const parts = file.split('/');
  const packages = parts.indexOf('node_modules');
  if (packages > 0) return parts.slice(0, packages + 1).join('/');
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    if (
      ['package.json', 'pyproject.toml', 'Cargo.toml', 'go.mod'].some((name) =>
        existsSync(join(folder, name)),
      )
    )
      return folder;
  }
  return file;
}

function findProgram(command: string, base: string): string {
  if (command.includes('/')) return resolve(base, command);
  const folders = [join(base, 'node_modules/.bin'), ...SYSTEM_PATH.split(delimiter), nodeFolder];
  return folders.map((folder) => join(folder, command)).find(existsSync) ?? command;
}

const canonical = (path: string): string => (existsSync(path) ? realpathSync(path) : path);

/**
 * A server sees what its entry names, and no more of the emptied folders: its program with the packages beside it, and
 * the folders and files among its arguments. Folders may be written to: that is what they are named for.
 */
function shownTo(program: string, args: readonly string[], base: string): Shown[] {
  // A program that lies in the gateway's own folder comes alone: its configuration and data lie there too.
  const withPackage = (path: string): string => {
    const folder = packageFolder(path);
    return folder === base || folder === '/' ? path : folder;
  };
  const packages = join(base, 'node_modules');
  const shown: Shown[] = [program, canonical(program), process.execPath]
    .filter((path) => path.startsWith('/') && existsSync(path))
    .map((path) => ({ path: withPackage(path), writable: false }));
  if (existsSync(packages)) shown.push({ path: packages, writable: false });
  for (const arg of args) {
    const path = resolve(base, arg);
    if ((!arg.includes('/') && !/\.\w{1,4}$/.test(arg)) || !existsSync(path)) continue;
    const writable = statSync(path).isDirectory();
    shown.push({ path: writable ? path : withPackage(path), writable });
    if (canonical(path) !== path)
      shown.push({ path: writable ? canonical(path) : withPackage(canonical(path)), writable });
  }
  return shown.filter(({ path }) => path !== '/' && path !== base);
}

export type Start = {
  readonly argv: readonly string[];
  readonly place: Outline & { readonly cwd: string };
  readonly env: Readonly<Record<string, string>>;
};

/** @param base the folder the gateway was started in: paths of the configuration are relative to it */
export function startOf(
  { command, args, env, network }: Extract<McpServer, { command: string }>,
  workspace: string,
  base: string,
  sandboxed: boolean,
): Start {
  const program = findProgram(command, base);
  return {
    argv: [program, ...args],
    place: { workspace, network, cwd: base, shown: shownTo(program, args, base) },
    env: {
      PATH: `${SYSTEM_PATH}${delimiter}${nodeFolder}`,
      // Inside, the folder for temporary files is the server's own and gone afterwards.
      HOME: sandboxed ? '/tmp' : workspace,
      LANG: 'C.UTF-8',
      ...env,
    },
  };
}
