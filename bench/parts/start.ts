/** From spawning the program to ready, with one platform channel, beside the bare bot on the same platform. */
import { median } from '../machine.ts';
import { startModel } from '../model.ts';
import { type PlatformName, platformNames, startPlatform } from '../platforms.ts';
import type { Row } from '../report.ts';
import { createFolder, startFloor, startParley } from '../subject.ts';

export async function start({ rounds }: { readonly rounds: number }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of platformNames) rows.push(await startOn(name, rounds));
  return rows;
}

async function startOn(name: PlatformName, rounds: number): Promise<Row> {
  const model = await startModel();
  const parley: number[] = [];
  const floor: number[] = [];
  // The first round fills the caches of the disk and of the compiler, and does not count.
  for (let round = 0; round <= rounds; round++) {
    const platform = await startPlatform(name);
    const folder = createFolder();
    const given = { platform, modelUrl: model.url };
    const ours = await startParley({ ...given, folder });
    await ours.end('SIGTERM');
    const bare = await startFloor({ ...given, instructions: 0 });
    await bare.end('SIGTERM');
    await platform.close();
    folder.remove();
    if (round === 0) continue;
    parley.push(ours.readyMs);
    floor.push(bare.readyMs);
  }
  await model.close();
  return {
    part: `start, ${name}`,
    figure: 'start to ready, ms',
    parley: median(parley),
    floor: median(floor),
    goal: { of: 'parley', at: 'most', value: 600 },
  };
}
