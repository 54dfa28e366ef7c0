/** A log that nobody takes, and metrics that nobody reads to the end (F48). */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startFakeModel } from '../fakes/model-server.ts';
import { createFolder, until } from './support/gateway.ts';
import { configText, OWNER_TOKEN } from './support/scenario.ts';
import { signIn, textOf } from './support/web-client.ts';

/** Hands the log on until the gateway is ready, then does what is said. */
const reader = (then: string): string => `exec > >(sed -u "/Parley is ready/q" >&2; ${then});`;

function fillPipe(pid: number): void {
  const pipe = openSync(`/proc/${pid}/fd/1`, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    for (;;) writeSync(pipe, 'x\n'.repeat(1024));
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' });
  } finally {
    closeSync(pipe);
  }
}

it.each([
  ['is gone', 'true', false],
  ['takes nothing any more', 'while kill -0 $$ 2>/dev/null; do sleep 0.2; done', true],
])('F48: where the reader of the log %s, turns go on', async (_what, then, isFull) => {
  const model = await startFakeModel();
  const folder = createFolder();
  folder.writeConfig(configText(model.url));
  try {
    const gateway = await folder.start({ prefix: reader(then) });
    if (isFull) fillPipe(gateway.pid);
    const owner = await signIn(gateway.url, OWNER_TOKEN);
    const place = await owner.home();
    for (let i = 0; i < 3; i++) {
      // Makes a line in the log.
      gateway.signal('SIGHUP');
      expect(textOf((await owner.answerTo(place, `message ${i}`)).html)).toBe('ok');
    }
    if (!isFull)
      await until('lines to be counted as dropped', async () => {
        gateway.signal('SIGHUP');
        return /^parley_log_dropped_total [1-9]/m.test(await (await owner.fetch('/metrics')).text());
      });
    owner.close();
    expect(await gateway.stop()).toBe(0);
  } finally {
    await model.close();
    folder.remove();
  }
});

it('F48: somebody who asks for the metrics and does not take them holds nothing up', async () => {
  const model = await startFakeModel();
  const folder = createFolder();
  folder.writeConfig(configText(model.url));
  const gateway = await folder.start();
  try {
    const scraper = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    scraper.pause();
    for (let i = 0; i < 50; i++) scraper.write('GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    const owner = await signIn(gateway.url, OWNER_TOKEN);
    expect(textOf((await owner.answerTo(await owner.home(), 'are you there?')).html)).toBe('ok');
    scraper.destroy();
    owner.close();
  } finally {
    await gateway.kill();
    await model.close();
    folder.remove();
  }
});
