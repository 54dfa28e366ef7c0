/** Kill -9 with 1,000 turns inside their model call: how soon after a restart every one of them is asked again. */
import { pause } from '../load.ts';
import { startModel } from '../model.ts';
import { markOf, startPlatform } from '../platforms.ts';
import type { Row } from '../report.ts';
import { createFolder, startParley } from '../subject.ts';

const TURNS = 1_000;
const STUCK_MS = 60_000;

export async function recovery(): Promise<Row[]> {
  const model = await startModel();
  model.hold = true;
  const platform = await startPlatform('telegram');
  const folder = createFolder();
  const options = { platform, modelUrl: model.url, folder, concurrentTurns: TURNS };
  const reach = async (calls: number): Promise<void> => {
    const end = performance.now() + STUCK_MS;
    while (model.calls() < calls) {
      if (performance.now() > end) throw new Error(`${model.calls()} of ${calls} calls came`);
      await pause(5);
    }
  };
  let subject = await startParley(options);
  try {
    for (let session = 0; session < TURNS; session++) platform.say(session, `Go. ${markOf(session, 0)}`);
    await reach(TURNS);
    await subject.end('SIGKILL');
    const startedAt = performance.now();
    subject = await startParley(options);
    await reach(2 * TURNS);
    const resumedMs = performance.now() - startedAt;
    const part = `recovery, telegram, ${TURNS} turns in flight`;
    return [
      { part, figure: 'restart to ready, ms', parley: subject.readyMs },
      {
        part,
        figure: 'restart to all resumed, ms',
        parley: resumedMs,
        goal: { of: 'parley', at: 'most', value: 3_000 },
      },
    ];
  } finally {
    await subject.end('SIGKILL');
    await platform.close();
    await model.close();
    folder.remove();
  }
}
