/** The change to a file as a unified diff, for the approval card (pure). Exact, not always the shortest. */

type Line = { readonly kind: ' ' | '-' | '+'; readonly text: string };

/** Unchanged lines shown around a change. */
const CONTEXT = 3;

/** Cells of the comparison table; above it the whole middle counts as replaced, which is still correct. */
const MAX_CELLS = 1_000_000;

const cut = (text: string): string[] => (text === '' ? [] : text.split(/(?<=\n)/));

/** Longest common subsequence of the part between the common start and the common end. */
function compareMiddle(before: readonly string[], after: readonly string[]): Line[] {
  const replaced: Line[] = [
    ...before.map((text) => ({ kind: '-', text }) as const),
    ...after.map((text) => ({ kind: '+', text }) as const),
  ];
  const columns = after.length + 1;
  if (before.length === 0 || after.length === 0 || (before.length + 1) * columns > MAX_CELLS) return replaced;
  const length = new Uint32Array((before.length + 1) * columns);
  const at = (row: number, column: number): number => length[row * columns + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      length[row * columns + column] =
        before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: Line[] = [];
  let row = 0;
  let column = 0;
  while (row < before.length || column < after.length) {
    const old = before[row];
    const fresh = after[column];
    if (old !== undefined && old === fresh) {
      lines.push({ kind: ' ', text: old });
      row += 1;
      column += 1;
    } else if (old !== undefined && (fresh === undefined || at(row + 1, column) >= at(row, column + 1))) {
      lines.push({ kind: '-', text: old });
      row += 1;
    } else if (fresh !== undefined) {
      lines.push({ kind: '+', text: fresh });
      column += 1;
    }
  }
  return lines;
}

function compare(before: readonly string[], after: readonly string[]): Line[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const same = (lines: readonly string[]): Line[] => lines.map((text) => ({ kind: ' ', text }));
  return [
    ...same(before.slice(0, start)),
    ...compareMiddle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...same(before.slice(before.length - end)),
  ];
}

/** Without a final line feed the next line would run on, and the reader could not see the difference. */
const shown = ({ kind, text }: Line): string =>
  text.endsWith('\n') ? `${kind}${text}` : `${kind}${text}\n\\ No newline at end of file\n`;

/** Every changed line, with some lines around it. Empty when nothing changes. */
export function unifiedDiff(path: string, before: string, after: string): string {
  const lines = compare(cut(before), cut(after));
  const keep = new Uint8Array(lines.length);
  for (const [index, line] of lines.entries()) {
    if (line.kind !== ' ') keep.fill(1, Math.max(0, index - CONTEXT), index + CONTEXT + 1);
  }
  if (!keep.includes(1)) return '';
  let text = `--- ${path}\n+++ ${path}\n`;
  let oldLine = 1;
  let newLine = 1;
  for (let index = 0; index < lines.length; ) {
    let end = index;
    while (end < lines.length && keep[end] === keep[index]) end += 1;
    const part = lines.slice(index, end);
    const olds = part.filter((line) => line.kind !== '+').length;
    const news = part.filter((line) => line.kind !== '-').length;
    if (keep[index] === 1) {
      // By convention an empty side is numbered with the line before it.
      const from = `${olds === 0 ? oldLine - 1 : oldLine},${olds}`;
      const to = `${news === 0 ? newLine - 1 : newLine},${news}`;
      text += `@@ -${from} +${to} @@\n${part.map(shown).join('')}`;
    }
    oldLine += olds;
    newLine += news;
    index = end;
  }
  return text;
}
