/**
 * Reads an argument list by a list of the options a program is known to have (pure). Only what is listed is
 * understood: the result for anything else, an abbreviated long option included, is that it is unknown.
 */
import type { Arg } from './word.ts';

type Kind = '' | ':' | '::' | '@' | '?';

export type FlagSpec = {
  /**
   * `-l`, `--all` → nothing follows; `:` a value follows; `::` two values; `@` a path; `?` a value in the same word, if
   * any (`--color=never`, `-U5`).
   */
  readonly flags: ReadonlyMap<string, Kind>;
  /** `head -5` */
  readonly numeric: boolean;
  /** Programs with a reader of their own, which takes the letters of `-ps` or `-Io` otherwise than all others do. */
  readonly apart: boolean;
};

export type ParsedFlags = {
  readonly seen: ReadonlySet<string>;
  readonly values: readonly { readonly flag: string; readonly value: string; readonly isPath: boolean }[];
  readonly operands: readonly Arg[];
  /** The first option that is not in the list, as written; null when all are known. */
  readonly unknown: string | null;
};

/** `'-l -n: --color? -#'`: one word an option, in the notation of `FlagSpec`; `-#` allows numbers, `-=` is `apart`. */
export function flagSpec(text: string): FlagSpec {
  const flags = new Map<string, Kind>();
  let [numeric, apart] = [false, false];
  for (const word of text.split(' ').filter((part) => part !== '')) {
    const last = word.at(-1);
    if (word === '-#') numeric = true;
    else if (word === '-=') apart = true;
    else if (word.endsWith('::')) flags.set(word.slice(0, -2), '::');
    else if (last === ':' || last === '@' || last === '?') flags.set(word.slice(0, -1), last);
    else flags.set(word, '');
  }
  return { flags, numeric, apart };
}

/** `--include=*.ts` can only become more options of the same name, none of them a path. */
const isOptionPattern = (arg: Arg, spec: FlagSpec): boolean =>
  arg.kind === 'glob' && spec.flags.get(/^(--[a-z-]+)=/.exec(arg.value)?.[1] ?? '') === ':';

/**
 * @param stopAtOperand for wrappers: everything after the first operand belongs to the wrapped command.
 */
export function parseFlags(args: readonly Arg[], spec: FlagSpec, stopAtOperand = false): ParsedFlags {
  const seen = new Set<string>();
  const values: { flag: string; value: string; isPath: boolean }[] = [];
  const operands: Arg[] = [];
  let unknown: string | null = null;
  let index = 0;
  const takeValue = (flag: string, attached: string | null, kind: ':' | '@'): void => {
    const next = attached === null ? args[index + 1] : undefined;
    if (attached === null) index += 1;
    const value = attached ?? (next?.kind === 'literal' ? next.value : null);
    if (value === null) unknown ??= flag;
    else values.push({ flag, value, isPath: kind === '@' });
  };
  for (; index < args.length; index++) {
    const arg = args[index];
    if (arg === undefined) break;
    const text = arg.value;
    const fixed = arg.kind === 'literal' || isOptionPattern(arg, spec);
    if (!fixed || text === '-' || !text.startsWith('-')) {
      if (stopAtOperand) return { seen, values, operands: args.slice(index), unknown };
      operands.push(arg);
      continue;
    }
    if (text === '--') {
      operands.push(...args.slice(index + 1));
      break;
    }
    if (spec.numeric && /^-\d+$/.test(text)) continue;
    if (text.startsWith('--')) {
      const equals = text.indexOf('=');
      const name = equals < 0 ? text : text.slice(0, equals);
      const kind = spec.flags.get(name);
      seen.add(name);
      if (kind === undefined || (kind === '' && equals >= 0)) unknown ??= text;
      else if (kind === ':' || kind === '@')
        takeValue(name, equals < 0 ? null : text.slice(equals + 1), kind);
      else if (kind === '::') for (const _ of '12') takeValue(name, null, ':');
      continue;
    }
    for (let at = 1; at < text.length; at++) {
      const name = `-${text[at]}`;
      const kind = spec.flags.get(name);
      seen.add(name);
      if (kind === undefined) unknown ??= text;
      if (kind === '?') break;
      if (kind === ':' || kind === '@') {
        const rest = text.slice(at + 1);
        if (spec.apart && text.length > 2 && (at > 1 || !/^\d/.test(rest))) unknown ??= text;
        takeValue(name, rest === '' ? null : rest, kind);
        break;
      }
    }
  }
  return { seen, values, operands, unknown };
}
