/** Which git commands only read (pure). Options that write, run programs or change settings are left out. */
import { ask, askAlways, type Finding } from './finding.ts';
import { flagSpec, parseFlags } from './flags.ts';
import { pathConcern } from './paths.ts';
import type { Arg } from './word.ts';

const showing =
  '-p -u -s --stat? --shortstat --numstat --name-only --name-status --summary --patch --no-patch --raw ' +
  '--unified? -U? --color? --no-color --word-diff? --minimal --patience --histogram --ignore-all-space -w ' +
  '--ignore-space-change -b --ignore-blank-lines --no-ext-diff --no-textconv --no-renames -M? --find-renames? ' +
  '--diff-filter: --check --full-index --abbrev? --no-pager -S: -G: --exit-code --quiet -q ';

const logging =
  `${showing} -n: -# --oneline --graph --all --decorate? --no-decorate --reverse --merges --no-merges ` +
  '--first-parent --author: --grep: -i --since: --after: --until: --before: --max-count: --skip: --pretty? ' +
  '--format? --date: --follow --abbrev-commit --branches? --tags? --remotes? --topo-order --date-order ' +
  '--full-history --cherry-pick --left-right --relative-date ';

const subcommands = new Map(
  Object.entries({
    status: '-s -b -v -z -u? --short --branch --porcelain? --long --ignored? --untracked-files? --show-stash',
    log: logging,
    show: logging,
    diff: `${showing} --cached --staged --merge-base`,
    blame: '-L: -l -t -s -e -w -M -C --date: --porcelain --line-porcelain --show-email --root',
    shortlog: '-s -n -e -c --summary --numbered --email --all --since: --no-merges',
    'rev-parse':
      '--abbrev-ref? --short? --verify --show-toplevel --show-prefix --show-cdup --git-dir --git-common-dir ' +
      '--is-inside-work-tree --is-bare-repository --symbolic-full-name -q --quiet --all --branches --tags',
    'rev-list':
      '--count --all --max-count: -n: --since: --until: --no-merges --merges --reverse --left-right',
    'ls-files': '-c -d -m -o -i -s -u -z --cached --deleted --modified --others --exclude-standard --stage',
    'ls-tree': '-d -r -t -l -z --long --name-only --name-status --full-name --full-tree --abbrev?',
    describe: '--all --tags --long --always --abbrev? --match: --exact-match --contains',
    'merge-base': '-a --all --is-ancestor --octopus --fork-point',
    'cat-file': '-t -s -e -p',
    'name-rev': '--name-only --tags --always',
    'show-ref': '--head --tags --heads --verify -q --quiet -s --hash? -d --dereference',
    'count-objects': '-v -H --verbose --human-readable',
    version: '--build-options',
  }).map(([name, flags]) => [name, flagSpec(flags)] as const),
);

/** Listing only when an option says so or nothing follows: `git branch x` creates one. */
const listings = new Map(
  Object.entries({
    branch:
      '-a -r -v -vv --all --remotes --list -l --show-current --contains: --merged? --no-merged? --verbose',
    tag: '-l --list -n? --contains: --sort: --merged? --no-merged?',
    remote: '-v --verbose',
    stash: '',
    worktree: '',
  }).map(([name, flags]) => [name, flagSpec(flags)] as const),
);

/** The one operand that makes these list instead of act. */
const listingOperand = new Map([
  ['stash', 'list'],
  ['worktree', 'list'],
]);

const outward = new Set(['push', 'fetch', 'pull', 'clone', 'ls-remote', 'submodule', 'send-email']);
const destructive = new Set([
  'reset',
  'clean',
  'rebase',
  'filter-branch',
  'gc',
  'prune',
  'reflog',
  'restore',
  'rm',
]);

function revisionConcern(operand: Arg, workspace: string): Finding[] {
  if (operand.kind !== 'literal') return [ask('medium', 'leaves it to the shell what git reads')];
  // `HEAD:secrets/.env` names a path as well.
  const concerns = operand.value
    .split(':')
    .map((part) => (part === '' ? null : pathConcern(part, workspace)));
  return concerns.filter((reason) => reason !== null).map((reason) => ask('medium', reason));
}

/** @param args everything after `git`. Empty when the command only reads. */
export function judgeGit(args: readonly Arg[], workspace: string): Finding[] {
  const rest = args[0]?.kind === 'literal' && args[0].value === '--no-pager' ? args.slice(1) : args;
  const first = rest[0];
  if (first === undefined) return [];
  if (first.kind !== 'literal') return [askAlways('high', 'the git command itself is computed')];
  const name = first.value;
  if (name.startsWith('-')) {
    return [askAlways('high', `uses a git option that may run other programs or leave the folder (${name})`)];
  }
  const reading = subcommands.get(name) ?? listings.get(name);
  if (reading === undefined) {
    if (outward.has(name)) return [ask('high', `reaches another machine with \`git ${name}\``)];
    if (destructive.has(name)) return [ask('high', `may discard work with \`git ${name}\``)];
    return [ask('medium', `may change the repository with \`git ${name}\``)];
  }
  const parsed = parseFlags(rest.slice(1), reading);
  if (parsed.unknown !== null) {
    return [ask('medium', `\`git ${name} ${parsed.unknown}\` is not known to be read-only`)];
  }
  const sorting = parsed.values.some(({ flag, value }) => flag === '--sort' && value.includes('signature'));
  if (sorting || rest.some((arg) => /%[-+ ]?G/.test(arg.value)))
    return [ask('medium', 'checks signatures, for which git starts another program')];
  if (!listings.has(name)) return parsed.operands.flatMap((operand) => revisionConcern(operand, workspace));
  const wanted = listingOperand.get(name);
  const lists =
    wanted === undefined
      ? parsed.operands.length === 0 || parsed.seen.has('--list') || parsed.seen.has('-l')
      : parsed.operands.length === 1 && parsed.operands[0]?.value === wanted;
  return lists ? [] : [ask('medium', `changes the repository with \`git ${name}\``)];
}
