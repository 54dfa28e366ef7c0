/**
 * Where finished log lines go: a stream that may be slow, full or gone. The gateway never waits for it, ends with it or
 * keeps lines for it without bound.
 */
import type { Writable } from 'node:stream';

export type LogSink = {
  write(line: string): void;
  /** Lines that were given up because nobody took them. */
  dropped(): number;
  /** Gives what waits this long to be taken. False when it was not: it would keep the process from ending. */
  flush(ms: number): Promise<boolean>;
};

/** What waits for a reader that does not read: minutes of a busy log. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

export function createLogSink(stream: Writable, mostWaiting = MOST_WAITING_BYTES): LogSink {
  let dropped = 0;
  let untold = 0;
  let isGone = false;
  stream.on('error', () => {
    isGone = true;
  });
  stream.on('drain', () => {
    if (untold === 0) return;
    const line = { level: 40, time: new Date().toISOString(), lines: untold, msg: 'log lines were dropped' };
    untold = 0;
    stream.write(`${JSON.stringify(line)}\n`);
  });
  return {
    write(line) {
      if (isGone || stream.writableLength > mostWaiting) {
        dropped += 1;
        untold += 1;
      } else stream.write(line);
    },
    dropped: () => dropped,
    async flush(ms) {
      if (isGone || stream.writableLength === 0) return true;
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        new Promise<void>((resolve) => stream.write('', () => resolve())),
        new Promise((resolve) => {
          timer = setTimeout(resolve, ms);
        }),
      ]);
      clearTimeout(timer);
      return isGone || stream.writableLength === 0;
    },
  };
}
