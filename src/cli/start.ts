/** `parley start`: runs the gateway until it is told to stop. */
import { watch } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { basename, dirname } from 'node:path';
import { type App, startApp } from '../app.ts';
import type { LoadedConfig } from '../config/load.ts';
import { AppError, errorMessage } from '../domain/errors.ts';
import { skillFolders } from '../open-learning.ts';
import { createLogger } from '../runtime/log.ts';
import { createLogSink } from '../runtime/log-sink.ts';
import { createRedact } from '../runtime/redact.ts';
import { type CommonOptions, load, printLine } from './command-line.ts';

export type StartOptions = CommonOptions & { readonly dryRun?: boolean };

/** Editors write a file in several steps. */
const SETTLE_MS = 200;
/** After everything is closed. */
const LEFT_BEHIND_MS = 5_000;
/** For the last lines of the log. */
const FLUSH_MS = 1_000;

type Log = ReturnType<typeof createLogger>;

export async function start(options: StartOptions): Promise<number> {
  let loaded = load(options);
  // Of a command that prints and ends, a reader that leaves is the end; a gateway goes on without one.
  process.stdout.removeAllListeners('error');
  const sink = createLogSink(process.stdout);
  const log = createLogger({
    level: loaded.config.log.level,
    pretty: loaded.config.log.pretty === 'auto' ? process.stdout.isTTY : loaded.config.log.pretty,
    redact: createRedact(() => loaded.secrets),
    write: sink.write,
  });
  const app = await startApp({
    loaded,
    log,
    droppedLogLines: sink.dropped,
    dryRun: options.dryRun ?? false,
  });
  // One after the other: what was read last is what ends up in force.
  let reloading: Promise<void> = Promise.resolve();
  const reload = (): void => {
    reloading = reloading.then(async () => {
      loaded = await reloaded(app, loaded, options, log);
    });
  };
  const unwatch = [watchConfig(loaded, reload), ...skillFolders().map((one) => watchSkills(one, app, log))];
  // Before anybody is told that it is ready: who hears it may stop it at once.
  const stopped = untilStopped(app, log, reload);
  printLine(`Parley is ready: ${app.url}`);
  if (options.dryRun) printLine('Dry run: tools do nothing, and nothing is kept.');
  // Now, not at exit: a process that is killed leaves the next one as warm as one that ends in order.
  flushCompileCache();
  await stopped;
  for (const end of unwatch) end();
  if (!(await sink.flush(FLUSH_MS))) process.exit(0);
  return 0;
}

/** Whole or not at all: a file with a mistake leaves what is in force. */
async function reloaded(
  app: App,
  before: LoadedConfig,
  options: StartOptions,
  log: Log,
): Promise<LoadedConfig> {
  try {
    const next = load(options);
    await app.reload(next);
    log.setLevel(next.config.log.level);
    const fixed = (['server', 'store', 'channels'] as const).filter(
      (section) => JSON.stringify(before.config[section]) !== JSON.stringify(next.config[section]),
    );
    log.info(
      { file: next.file, revision: next.revision, needsRestart: fixed },
      fixed.length === 0
        ? 'configuration reloaded'
        : 'configuration reloaded; some sections take effect with the next start',
    );
    return next;
  } catch (error) {
    app.reloadRefused();
    log.error(
      { code: error instanceof AppError ? error.code : null, detail: errorMessage(error) },
      'configuration not reloaded, the old one stays in force',
    );
    return before;
  }
}

function watchConfig({ file }: LoadedConfig, onChange: () => void): () => void {
  if (file === null) return () => {};
  const settled = settling(onChange);
  // The folder, not the file: editors replace the file, and a watch on the old one goes blind.
  const watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
    if (name === null || name === basename(file)) settled.changed();
  });
  return () => {
    settled.end();
    watcher.close();
  };
}

/** A folder that cannot be watched is read again with the configuration. */
function watchSkills(folder: string, app: App, log: Log): () => void {
  const settled = settling(app.reloadSkills);
  const onError = (error: unknown): void =>
    log.warn({ folder, detail: errorMessage(error) }, 'changes of skills here are not noticed');
  try {
    const watcher = watch(folder, { persistent: false, recursive: true }, settled.changed);
    watcher.on('error', onError);
    return () => {
      settled.end();
      watcher.close();
    };
  } catch (error) {
    onError(error);
    return () => {};
  }
}

/** Once for a burst of changes, when it is over. */
function settling(onChange: () => void): { changed(): void; end(): void } {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => clearTimeout(timer);
  return {
    changed() {
      end();
      timer = setTimeout(onChange, SETTLE_MS);
    },
    end,
  };
}

function untilStopped(app: App, log: Log, onHangup: () => void): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      // Somebody who presses twice means it; what is in hand is kept by the log of its turn.
      if (asked) process.exit(130);
      asked = true;
      log.info({ signal }, 'stopping: taking nothing new, finishing what is in hand');
      app.stop().then(
        () => {
          log.info({}, 'stopped');
          // Whatever a library left behind: nobody waits for it. Without that the process ends by itself, and sooner.
          setTimeout(() => process.exit(), LEFT_BEHIND_MS).unref();
          resolve();
        },
        (error: unknown) => {
          log.error({ detail: errorMessage(error) }, 'stopping failed');
          process.exit(1);
        },
      );
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    process.on('SIGHUP', onHangup);
  });
}
