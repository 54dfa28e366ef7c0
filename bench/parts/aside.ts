/** `/btw` while 100 turns run: from the model's first piece of the side answer to the asker seeing it. */
import { pause, runLoad } from '../load.ts';
import { quantile } from '../machine.ts';
import { ASIDE_WORD, startModel } from '../model.ts';
import { startPlatform } from '../platforms.ts';
import type { Row } from '../report.ts';
import { createFolder, startParley } from '../subject.ts';

const QUESTIONS = 20;
const STUCK_MS = 20_000;

export async function aside(): Promise<Row[]> {
  const model = await startModel();
  const platform = await startPlatform('telegram');
  const folder = createFolder();
  const subject = await startParley({ platform, modelUrl: model.url, folder, concurrentTurns: 128 });
  const after: number[] = [];
  const whole: number[] = [];
  try {
    const load = runLoad({
      platform,
      subject,
      sessions: 100,
      warmUpMs: 1_500,
      measureMs: 1_000,
      until: ask(),
    });
    await load;
  } finally {
    await subject.end('SIGKILL');
    await platform.close();
    await model.close();
    folder.remove();
  }
  const part = 'side question, telegram, 100 turns running';
  return [
    {
      part,
      figure: "first words after the model's own, p50 ms",
      parley: quantile(after, 0.5),
      goal: { of: 'parley', at: 'most', value: 50 },
    },
    { part, figure: "first words after the model's own, p99 ms", parley: quantile(after, 0.99) },
    { part, figure: 'question to first words, p50 ms', parley: quantile(whole, 0.5) },
  ];

  async function ask(): Promise<void> {
    await pause(1_500);
    const load = platform.onShown;
    for (let count = 0; count < QUESTIONS; count++) {
      const asked = performance.now();
      let first = 0;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const timer = setTimeout(() => reject(new Error('a side question got no answer')), STUCK_MS);
      model.onAside = (at) => {
        first = at;
      };
      platform.onShown = (text) => {
        if (first > 0 && text.includes(ASIDE_WORD)) resolve();
        else load(text);
      };
      platform.say(count, '/btw What is it doing?');
      await promise;
      clearTimeout(timer);
      platform.onShown = load;
      after.push(performance.now() - first);
      whole.push(performance.now() - asked);
      await pause(100);
    }
  }
}
