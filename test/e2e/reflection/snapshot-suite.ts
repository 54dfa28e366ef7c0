/** ENGINE.md row 68 through the real program: a snapshot that fails alone, and a reflection that fails whole. */
import { expect, it } from 'vitest';
import { refusal } from '../../contract/store/support.ts';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/gateway.ts';
import { type Place, textOf } from '../support/web-client.ts';
import { add, memory, type Reflecting } from './support.ts';

export function snapshotRows(database: TestDatabase, scene: () => { s: Reflecting; place: Place }): void {
  it('E68: without its snapshot an outcome is kept, and said to be for good; what fails whole is tried again', async () => {
    const { s, place } = scene();
    const dialect = database.name === 'SQLite' ? 'sqlite' : 'postgres';
    const refuse = async (...which: [table: string, column: string, pattern: string]) => {
      const { begin, end } = refusal(dialect, ...which);
      await database.run(s.folder.path, begin);
      return () => database.run(s.folder.path, end);
    };
    const entry = async (name: string) => (await s.memories()).find((one) => one.name === name);
    const logOf = (text: string) =>
      until(`"${text}" in the log`, () =>
        s.gateway
          .output()
          .split('\n')
          .find((line) => line.includes(text)),
      );

    const allowEntries = await refuse('memories', 'name', 'refused-at-first');
    s.learns('fails whole', memory(add('beside-it', 'x'), add('refused-at-first', 'x')));
    await s.owner.answerTo(place, 'fails whole');
    const turnId = (await s.turns())[0]?.id;
    const jobId = `reflect ${turnId}`;
    expect(await logOf('job failed')).toContain(jobId);
    expect(await entry('beside-it')).toBeUndefined();
    expect((await s.rows()).some((row) => row.turnId === turnId)).toBe(false);
    await allowEntries();

    const allowSnapshots = await refuse('reflections', 'body', '%for-good%');
    s.learns('no snapshot', memory(add('for-good', 'Kept for good.')));
    const row = await s.work(s.owner, place, 'no snapshot');
    await allowSnapshots();
    expect(row).toMatchObject({ outcome: 'succeeded', state: 'applied', memoryChanges: 1, snapshot: false });
    expect(row.tokensIn).toBeGreaterThan(0);
    expect(await logOf('the snapshot of a reflection could not be written')).toContain(
      `reflect ${row.turnId}`,
    );
    const missing = 'cannot be undone: its snapshot is missing';
    for (const command of ['/reflections', `/reflections show ${row.id}`])
      expect(textOf((await s.owner.command(place, command)).html)).toContain(missing);
    for (const args of [['list'], ['show', row.id]])
      expect((await s.folder.look('reflections', ...args)).stdout).toContain(missing);
    const refused = 'Nothing was changed: its snapshot could not be written';
    const undo = await s.owner.command(place, `/reflections undo ${row.id}`);
    expect(textOf(undo.html)).toContain(refused);
    expect(await s.folder.look('reflections', 'undo', row.id)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(refused),
    });
    expect(await entry('for-good')).toMatchObject({ body: 'Kept for good.' });

    await until('the second try', () => entry('refused-at-first'));
    expect((await s.memories()).filter((one) => one.name.startsWith('beside-it'))).toHaveLength(1);
    const rows = (await s.rows()).filter((one) => one.turnId === turnId);
    expect(rows).toEqual([expect.objectContaining({ state: 'applied', memoryChanges: 2, snapshot: true })]);
  });
}
