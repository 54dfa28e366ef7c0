/** A reflection as people read it: what it would change or has changed, line by line. Pure. */
import type { ReflectedChange, Reflection } from '../../domain/reflection.ts';
import { unifiedDiff } from '../tools/files/diff.ts';

const endings: Record<Reflection['state'], string> = {
  none: 'nothing changed',
  applied: 'in force',
  staged: 'waits for a yes',
  dismissed: 'dismissed',
  undone: 'undone',
};

/** One line: when, what came of it, how much. */
export function reflectionLine(reflection: Reflection): string {
  const { outcome, state, memoryChanges, skillEdited, rejected, errorCode, changes } = reflection;
  if (outcome === 'failed') return `failed (${errorCode ?? 'unknown'})`;
  if (outcome === 'abstained') return 'nothing to learn';
  const refused = Object.entries(rejected).map(([code, count]) => `${count} × ${code}`);
  return [
    ...(memoryChanges === 0 ? [] : [`${memoryChanges} ${memoryChanges === 1 ? 'entry' : 'entries'}`]),
    ...(skillEdited ? [`the skill ${nameOfSkill(reflection)}`] : []),
    ...(reflection.lesson === null ? [] : ['a lesson']),
    endings[state],
    ...(changes === null ? ['cannot be undone: its snapshot is missing'] : []),
    ...(refused.length === 0 ? [] : [`rejected: ${refused.join(', ')}`]),
  ].join(', ');
}

const nameOfSkill = ({ changes, skill }: Reflection): string =>
  changes?.find((change) => change.kind === 'skill')?.name ?? skill ?? '';

/** All that it touches, as a diff. @param builtIn text of the skill that comes with Parley, which a first copy is held against */
export const reflectionDiff = (
  { changes }: Pick<Reflection, 'changes'>,
  builtIn: (name: string) => string | undefined,
): string => (changes ?? []).map((change) => changeText(change, builtIn)).join('\n');

function changeText(change: ReflectedChange, builtIn: (name: string) => string | undefined): string {
  if (change.kind === 'skill') {
    const original = builtIn(change.name) ?? '';
    const [before, after] = [change.before.text ?? original, change.after.text ?? original];
    return unifiedDiff(`${change.name}/SKILL.md`, before, after);
  }
  const { before, after } = change;
  const lines = (sign: string, body: string) => body.split('\n').map((line) => `${sign} ${line}`);
  const name = (after ?? before)?.name ?? '';
  const body = [
    ...(before === null || before.body === after?.body ? [] : lines('-', before.body)),
    ...(after === null || before?.body === after.body ? [] : lines('+', after.body)),
  ];
  const renamed = before !== null && after !== null && before.description !== after.description;
  return [`memory ${name}`, ...(renamed ? [`~ ${after.description}`] : []), ...body].join('\n');
}
