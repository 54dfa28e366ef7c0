/** Figures as a table for people and as JSON for machines, each with its goal where there is one. */

export type Row = {
  readonly part: string;
  readonly figure: string;
  readonly parley: number;
  readonly floor?: number;
  /** Where they were measured in pairs: the median of the pairs. */
  readonly ratio?: number;
  /** What the figure has to be, of the ratio to the floor where `of` says so. */
  readonly goal?: { readonly of: 'parley' | 'ratio'; readonly at: 'least' | 'most'; readonly value: number };
  readonly note?: string;
};

export const ratioOf = ({ parley, floor, ratio }: Row): number | undefined =>
  floor === undefined || floor === 0 ? undefined : (ratio ?? parley / floor);

export function isMet(row: Row): boolean | undefined {
  if (row.goal === undefined) return undefined;
  const value = row.goal.of === 'ratio' ? (ratioOf(row) ?? Number.NaN) : row.parley;
  return row.goal.at === 'least' ? value >= row.goal.value : value <= row.goal.value;
}

const short = (value: number | undefined): string =>
  value === undefined
    ? ''
    : value >= 100
      ? value.toFixed(0)
      : value >= 10
        ? value.toFixed(1)
        : value.toFixed(2);

function goalOf(row: Row): string {
  if (row.goal === undefined) return '';
  const { of, at, value } = row.goal;
  return `${at === 'least' ? '≥' : '≤'} ${value}${of === 'ratio' ? ' ×' : ''} ${isMet(row) ? 'met' : 'MISSED'}`;
}

export function toTable(rows: readonly Row[]): string {
  const head = ['part', 'figure', 'Parley', 'floor', 'ratio', 'goal', ''];
  const body = rows.map((row) => [
    row.part,
    row.figure,
    short(row.parley),
    short(row.floor),
    short(ratioOf(row)),
    goalOf(row),
    row.note ?? '',
  ]);
  const lines = [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

export const toJson = (machine: string, rows: readonly Row[]): string =>
  `${JSON.stringify({ machine, figures: rows.map((row) => ({ ...row, ratio: ratioOf(row), met: isMet(row) })) })}\n`;
