/**
 * Programs that only read, with the options of theirs that only read. Options are allowed, never forbidden:
 * what is not listed asks. The notation is that of `flagSpec`.
 */
import { type FlagSpec, flagSpec } from './flags.ts';

export type ReadOnlySpec = {
  readonly flags: FlagSpec;
  /**
   * What the operands are. `pattern-paths`: the first is a pattern unless `-e` or `-f` gave one.
   * `echo`: everything is text, options included.
   */
  readonly operands: 'paths' | 'one-path' | 'pattern-paths' | 'text' | 'echo' | 'format' | 'none';
  /** True when no option at all can write or run anything: a pattern may stand where a file named like one is looked for. */
  readonly anyOptionHarmless: boolean;
};

const table = new Map<string, ReadOnlySpec>();

function add(
  names: string,
  operands: ReadOnlySpec['operands'],
  flags: string,
  anyOptionHarmless = false,
): void {
  const spec = { flags: flagSpec(flags), operands, anyOptionHarmless };
  for (const name of names.split(' ')) table.set(name, spec);
}

add(
  'ls',
  'paths',
  '-a -A -b -B -c -C -d -f -F -g -G -h -i -k -l -m -n -N -o -p -q -Q -r -R -s -S -t -T: -u -U -v -w: -x -X -1 ' +
    '--all --almost-all --color? --classify? --directory --full-time --group-directories-first ' +
    '--human-readable --inode --no-group --numeric-uid-gid --recursive --reverse --size --sort: --time: ' +
    '--time-style: --ignore: --hide: -I:',
  true,
);
add(
  'cat',
  'paths',
  '-A -b -e -E -n -s -t -T -u -v --number --number-nonblank --show-all --squeeze-blank',
  true,
);
add('tac', 'paths', '', true);
// Behind `-n` and lines to print.
add('sed', 'paths', '');
add('rev', 'paths', '', true);
add('nl', 'paths', '-b: -w: -n: -s: -v: -i:', true);
add('head', 'paths', '-n: -c: -q -v -z --lines: --bytes: --quiet --verbose -#', true);
add('tail', 'paths', '-n: -c: -q -v -z --lines: --bytes: --quiet --verbose -#', true);
add('wc', 'paths', '-c -m -l -L -w --bytes --chars --lines --words --max-line-length', true);
add('stat', 'paths', '-c: -f -L -t --format: --printf: --file-system --dereference --terse', true);
add('file', 'paths', '-b -i -h -k -r -0 -E --brief --mime --mime-type --mime-encoding');
add(
  'du',
  'paths',
  '-a -b -c -d: -h -k -m -s -S -x -0 --all --apparent-size --bytes --max-depth: --human-readable ' +
    '--summarize --total --one-file-system --exclude:',
  true,
);
add('df', 'paths', '-a -h -H -i -k -l -P -T --human-readable --all --inodes --local --total', true);
add(
  'grep egrep fgrep',
  'pattern-paths',
  '-a -b -c -E -F -G -h -H -i -I -l -L -n -o -P -q -r -s -v -w -x -y -z -e: -m: -A: -B: -C: -f@ ' +
    '--after-context: --basic-regexp --before-context: --color? --colour? --context: --count ' +
    '--exclude: --exclude-dir: --extended-regexp --files-with-matches --files-without-match ' +
    '--fixed-strings --ignore-case --include: --invert-match --line-number --line-regexp --max-count: ' +
    '--no-filename --no-messages --only-matching --perl-regexp --quiet --recursive --regexp: --silent ' +
    '--text --with-filename --word-regexp -#',
  true,
);
add(
  'rg',
  'pattern-paths',
  '-a -c -e: -F -g: -h -H -i -I -l -m: -n -N -o -p -P -q -S -s -t: -T: -U -v -w -x -0 -A: -B: -C: -d: -. ' +
    '--after-context: --before-context: --case-sensitive --color: --column --context: --count --files ' +
    '--files-with-matches --files-without-match --fixed-strings --glob: --heading --hidden --iglob: ' +
    '--ignore-case --invert-match --json --line-number --max-count: --max-depth: --multiline --no-heading ' +
    '--no-ignore --no-line-number --only-matching --pcre2 --quiet --regexp: --smart-case --sort: --stats ' +
    '--type: --type-list --type-not: --vimgrep --word-regexp --no-config',
);
add(
  'sort',
  'paths',
  '-b -c -C -d -f -g -h -i -k: -m -M -n -r -R -s -t: -u -V -z --check? --dictionary-order ' +
    '--field-separator: --general-numeric-sort --human-numeric-sort --ignore-case --key: --month-sort ' +
    '--numeric-sort --reverse --stable --unique --version-sort --zero-terminated',
);
add(
  'uniq',
  'one-path',
  '-c -d -D -f: -i -s: -u -w: -z --count --repeated --unique --ignore-case --skip-fields: --skip-chars:',
);
add(
  'cut',
  'paths',
  '-b: -c: -d: -f: -n -s -z --bytes: --characters: --delimiter: --fields: --complement ' +
    '--only-delimited --output-delimiter:',
  true,
);
add('tr', 'text', '-c -C -d -s -t --complement --delete --squeeze-repeats --truncate-set1', true);
add('fold', 'paths', '-b -s -w: --width: --spaces --bytes', true);
add('fmt', 'paths', '-w: -s -u --width:', true);
add('expand unexpand', 'paths', '-t: -i -a --tabs:', true);
add('paste', 'paths', '-d: -s -z --delimiters: --serial', true);
add('join', 'paths', '-a: -e: -i -j: -o: -t: -v: -1: -2: -z', true);
add('comm', 'paths', '-1 -2 -3 -z --check-order --nocheck-order --output-delimiter: --total', true);
add('column', 'paths', '-t -s: -o: -n -x -c: --table --separator: --output-separator:');
add('od', 'paths', '-A: -t: -N: -j: -v -w: -c -x -b -d -o -a', true);
add('hexdump', 'paths', '-C -n: -s: -v -b -c -d -o -x', true);
add('xxd', 'one-path', '-= -b -c: -g: -l: -p -s: -u -i');
add('strings', 'paths', '-a -n: -t: -f --all --bytes: --radix:');
add(
  'md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum sum',
  'paths',
  '-b -t --binary --text --tag',
  true,
);
add(
  'diff',
  'paths',
  '-a -b -B -c -C: -d -e -E -i -N -n -p -q -s -t -T -u -U: -w -W: -y -Z --brief --color? ' +
    '--ignore-all-space --ignore-blank-lines --ignore-case --ignore-space-change ' +
    '--ignore-trailing-space --label: --minimal --new-file --report-identical-files ' +
    '--side-by-side --strip-trailing-cr --suppress-common-lines --text --unified? --width: --context?',
);
add('cmp', 'paths', '-b -i: -l -n: -s --bytes: --print-bytes --quiet --silent --verbose', true);
add(
  'tree',
  'paths',
  '-= -a -d -f -F -h -i -I: -L: -n -N -p -P: -q -Q -r -s -t -u -v -x -C -D -J -S -X --dirsfirst --du ' +
    '--filelimit: --gitignore --noreport --prune',
);
add('basename', 'text', '-a -s: -z --multiple --suffix: --zero', true);
add('dirname', 'text', '-z --zero', true);
add('realpath', 'paths', '-e -m -L -P -q -s -z --canonicalize-existing --canonicalize-missing', true);
add('readlink', 'paths', '-e -f -m -n -q -s -v -z', true);
add('pwd', 'none', '-L -P', true);
add('date', 'format', '-d: -I? -R -u -r@ --date: --iso-8601? --rfc-3339: --rfc-email --utc --reference@');
add('cal', 'text', '-1 -3 -y -m -j', true);
add('whoami', 'none', '', true);
add('id', 'text', '-a -g -G -n -r -u -z --group --groups --name --real --user', true);
add('groups', 'text', '', true);
add('uname', 'none', '-a -i -m -n -o -p -r -s -v --all --machine --kernel-name --kernel-release', true);
add('arch nproc uptime', 'none', '--all', true);
add('hostname', 'none', '-f -s -i -I -d', true);
add('free', 'none', '-b -h -k -m -g -t -w', true);
add('seq', 'text', '-f: -s: -w', true);
add('sleep', 'text', '', true);
add('echo', 'echo', '');
add('printf', 'text', '');
add('true false :', 'text', '');
add('which', 'text', '-a', true);
add('type', 'text', '-a -t -p -P -f', true);
add(
  'jq',
  'pattern-paths',
  '-c -C -e -j -M -n -r -s -S -a --arg:: --compact-output --exit-status --join-output --monochrome-output ' +
    '--null-input --raw-output --slurp --sort-keys --tab --indent:',
);

/** Looked up by program name, without a directory. */
export const readOnlySpec = (name: string): ReadOnlySpec | undefined => table.get(name);

/**
 * Programs that may be asked for their version, and how. Nothing else may be on the line. Not those that first look for
 * another version of themselves in the project, and start that one: yarn, pnpm, cargo, rustc, go; nor those that first
 * read settings or modules of the home folder, which is the workspace: curl, pip.
 */
const versions = new Map(
  (
    'node:--version,-v npm:--version,-v npx:--version,-v bun:--version,-v ' +
    'deno:--version,-V python:--version,-V python3:--version,-V ' +
    'ruby:--version,-v perl:--version,-v php:--version,-v java:--version,-version ' +
    'gcc:--version g++:--version clang:--version make:--version,-v ' +
    'cmake:--version git:--version docker:--version,-v bash:--version tsc:--version,-v ' +
    'jq:--version rg:--version,-V grep:--version,-V sed:--version tar:--version'
  )
    .split(' ')
    .map((entry) => {
      const [name = '', options = ''] = entry.split(':');
      return [name, options.split(',')] as const;
    }),
);

export const asksVersion = (name: string, option: string): boolean =>
  versions.get(name)?.includes(option) ?? false;
