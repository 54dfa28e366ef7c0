/**
 * Copying the write-ahead log into the database waits for the disk as long as some ten commits do. Under load a thread
 * does it, while everybody else is served; what came in meanwhile is little, and left to SQLite itself.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { errorMessage } from '../domain/errors.ts';
import type { Logger } from '../domain/runtime.ts';
import { ROOT } from '../root.ts';

export type Checkpoints = {
  /** A commit that changed so many rows. */
  committed(rows: number): void;
  /** The thread has let go of the file once this resolves. */
  close(): Promise<void>;
};

/** Changed rows after which the log is copied: about 2,000 pages of it. */
const ROWS = 6_000;
/** A commit writes its pages again, however few of their rows it changed. */
const ROWS_PER_COMMIT = 30;
const PROGRAM = join(ROOT, 'src/store/checkpoint-thread.ts');
/** It holds a connection and one statement. */
const SMALL = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 };

export function createCheckpoints(path: string, log: Logger): Checkpoints {
  /** Begun by the first load: an idle gateway has no use for it. */
  let thread: Worker | undefined;
  let rows = 0;
  let isBusy = false;

  function begin(): Worker {
    const worker = new Worker(PROGRAM, { workerData: path, execArgv: [], resourceLimits: SMALL });
    worker.unref();
    worker.on('message', () => {
      isBusy = false;
    });
    worker.on('error', (error) => {
      log.warn({ detail: errorMessage(error) }, 'the write-ahead log was not copied by its thread');
      thread = undefined;
      isBusy = false;
    });
    return worker;
  }

  return {
    committed(changed) {
      rows += changed + ROWS_PER_COMMIT;
      if (isBusy || rows < ROWS) return;
      rows = 0;
      isBusy = true;
      thread ??= begin();
      thread.postMessage('copy');
    },
    async close() {
      isBusy = true;
      await thread?.terminate();
    },
  };
}
