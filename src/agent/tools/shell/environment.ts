/** The whole environment of a command: nothing of the gateway's own reaches it (E26, A19). */

/** Not the gateway's PATH: a folder that the workspace could write to must not be in it. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Settings that git would otherwise take from files which a command may have written. */
const git = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_PAGER: 'cat',
  GIT_TERMINAL_PROMPT: '0',
  // A folder of the project that looks like a bare repository would bring settings of its own.
  GIT_CONFIG_COUNT: '2',
  GIT_CONFIG_KEY_0: 'safe.bareRepository',
  GIT_CONFIG_VALUE_0: 'explicit',
  // `git diff` would write down anew when it last saw which file, and so change the index (E19).
  GIT_CONFIG_KEY_1: 'diff.autoRefreshIndex',
  GIT_CONFIG_VALUE_1: 'false',
};

/** @param above the folder over the workspace: git looks for a repository no higher up than below it */
export const commandEnvironment = (workspace: string, above: string): Readonly<Record<string, string>> => ({
  PATH: SYSTEM_PATH,
  HOME: workspace,
  LANG: 'C.UTF-8',
  TERM: 'dumb',
  PAGER: 'cat',
  ...git,
  GIT_CEILING_DIRECTORIES: above,
});
