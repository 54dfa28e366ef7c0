/** Resident memory when idle and with 1 to 10,000 sessions that have each written once, and what a message leaves on disk. */
import { pause, runEach } from '../load.ts';
import { startModel } from '../model.ts';
import { startPlatform } from '../platforms.ts';
import type { Row } from '../report.ts';
import { createFolder, startParley } from '../subject.ts';

const STEPS = [1, 100, 1_000, 10_000];
const SETTLE_MS = 3_000;
const GOALS: Readonly<Record<number, number>> = { 0: 120, 10000: 350 };

export async function memory({ quick }: { readonly quick: boolean }): Promise<Row[]> {
  const model = await startModel();
  model.pace = 'instant';
  const platform = await startPlatform('telegram');
  const folder = createFolder();
  const subject = await startParley({ platform, modelUrl: model.url, folder });
  const rows: Row[] = [];
  const note = async (sessions: number): Promise<void> => {
    await pause(SETTLE_MS);
    const value = GOALS[sessions];
    rows.push({
      part: 'memory, telegram',
      figure: sessions === 0 ? 'resident MB idle' : `resident MB, ${sessions} sessions`,
      parley: subject.residentMb(),
      ...(value === undefined ? {} : { goal: { of: 'parley', at: 'most', value } }),
    });
  };
  try {
    await note(0);
    const before = folder.databaseBytes();
    let done = 0;
    for (const sessions of quick ? STEPS.slice(0, 3) : STEPS) {
      await runEach({ platform, from: done, to: sessions });
      done = sessions;
      await note(sessions);
    }
    await subject.end('SIGTERM');
    const bytes = (folder.databaseBytes() - before) / done;
    rows.push({ part: 'memory, telegram', figure: 'database bytes/message', parley: bytes });
  } finally {
    await subject.end('SIGKILL');
    await platform.close();
    await model.close();
    folder.remove();
  }
  return rows;
}
