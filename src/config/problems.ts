/** Errors in a configuration, each with the place it is at and the way to mend it. */
import { type Document, isMap, isScalar, type LineCounter, type Node } from 'yaml';
import type { z } from 'zod';
import { AppError } from '../domain/errors.ts';

export type Problem = { readonly line: number; readonly column: number; readonly message: string };

export type Located = { readonly document: Document; readonly lines: LineCounter; readonly source: string };

/** One error that lists them all, in the order of the file. */
export function configError(file: string, problems: readonly Problem[]): AppError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const lines = sorted.map((problem) => `${file}:${problem.line}:${problem.column}: ${problem.message}`);
  const count = sorted.length === 1 ? '1 problem' : `${sorted.length} problems`;
  return new AppError('config.invalid', `${count} in the configuration:\n${lines.join('\n')}`, {
    details: { problems: sorted },
  });
}

export function problemAt(at: Located, path: readonly PropertyKey[], message: string): Problem {
  const offset = offsetOf(at, path);
  const { line, col } = at.lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col), message };
}

/** The problems of one zod issue: unknown keys are one each, at the key itself. */
export function problemsOf(
  at: Located,
  issue: z.core.$ZodIssue,
  prefix: readonly PropertyKey[],
  shape: (path: readonly PropertyKey[]) => readonly string[],
): Problem[] {
  const path = [...prefix, ...issue.path];
  const name = path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const known = shape(issue.path);
      const hint = closest(key, known);
      const where = name === '' ? '' : ` in ${name}`;
      const rest =
        hint === undefined
          ? known.length === 0
            ? ''
            : `; known here: ${known.join(', ')}`
          : `; did you mean "${hint}"?`;
      return problemAt(at, [...path, key], `unknown key "${key}"${where}${rest}`);
    });
  }
  if (issue.code === 'invalid_union') {
    // The branch that got furthest speaks; a scalar that fits none is described by all.
    const inner = issue.errors
      .flat()
      .map((one) => ({ ...one, path: [...issue.path, ...one.path] }) as z.core.$ZodIssue);
    const messages = [...new Set(inner.map((one) => one.message))];
    const [first] = inner;
    if (first !== undefined)
      return [
        problemAt(
          at,
          [...prefix, ...first.path],
          `${name}: ${messages.join(', or ')}${numberHint(at, path)}`,
        ),
      ];
  }
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  return [
    problemAt(at, path, `${name === '' ? 'the file' : name}: ${lower(message)}${numberHint(at, path)}`),
  ];
}

const _wantsText = (issue: z.core.$ZodIssue): boolean =>
  issue.code === 'invalid_type' && issue.expected === 'string';

const lower = (text: string): string => text.replace(/^Invalid input: /, '');

/** YAML rounds long numbers: a 19-digit Discord id without quotes silently names somebody else. */
function numberHint(at: Located, path: readonly PropertyKey[]): string {
  const node = at.document.getIn(path, true);
  if (!isScalar(node) || typeof node.value !== 'number' || !node.range) return '';
  const written = at.source.slice(node.range[0], node.range[1]);
  return /^\d{5,}$/.test(written) ? `. Put it in quotes: "${written}" (YAML rounds long numbers)` : '';
}

/** Of the node at the path; of its nearest ancestor that exists when it does not. */
function offsetOf(at: Located, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent =
      length === 1
        ? at.document.contents
        : (at.document.getIn(path.slice(0, length - 1), true) as Node | null | undefined);
    const key = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      const node = pair?.key;
      if (isScalar(node) && node.range) return node.range[0];
      continue;
    }
    const node = at.document.getIn(path.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return Number(node.range[0]);
  }
  return 0;
}

/** At most two changed letters count as a slip. */
function closest(word: string, known: readonly string[]): string | undefined {
  return known
    .map((one) => ({ one, by: distance(word, one) }))
    .filter(({ by }) => by <= 2)
    .sort((a, b) => a.by - b.by)[0]?.one;
}

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
