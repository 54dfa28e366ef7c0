/**
 * News of commits between replicas, by LISTEN and NOTIFY on a connection of its own. News is sent after the commit,
 * not inside it: a NOTIFY in a transaction makes all commits of the server wait for each other. What is lost with a
 * connection is made up for by calling every listener once the connection is back.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { errorMessage } from '../domain/errors.ts';
import type { Logger } from '../domain/runtime.ts';
import type { Listeners } from './database.ts';
import type { Topic } from './store.ts';

const CHANNEL = 'parley';
const topics: readonly Topic[] = ['turns', 'stops', 'outbox', 'jobs', 'approvals', 'feed'];
const RECONNECT_MS = 500;

export type Notifier = {
  /** @throws when the first connection fails; later ones are tried until `stop`. */
  start(): Promise<void>;
  /** Tells the other replicas; never throws. */
  announce(changed: Iterable<Topic>): void;
  stop(): Promise<void>;
};

type Deps = { readonly connect: () => pg.Client; readonly listeners: Listeners; readonly log: Logger };

export function createNotifier({ connect, listeners, log }: Deps): Notifier {
  // This process has called its own listeners already.
  const origin = randomUUID();
  const waiting = new Set<Topic>();
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let sending = false;

  async function send(): Promise<void> {
    // One at a time; what changes meanwhile goes together in the next.
    while (waiting.size > 0) {
      const payload = `${origin}:${[...waiting].join(',')}`;
      waiting.clear();
      try {
        await client?.query('select pg_notify($1, $2)', [CHANNEL, payload]);
      } catch (error) {
        log.debug({ detail: errorMessage(error) }, 'news of a commit was not sent');
      }
    }
    sending = false;
  }

  function hear(payload: string): void {
    const [from, changed = ''] = payload.split(':');
    if (from === origin) return;
    const names = new Set(changed.split(','));
    listeners.call(topics.filter((topic) => names.has(topic)));
  }

  async function listen(): Promise<void> {
    const next = connect();
    next.on('notification', (message) => hear(message.payload ?? ''));
    next.on('error', (error) =>
      log.warn({ detail: errorMessage(error) }, 'the connection for news of commits was lost'),
    );
    next.on('end', () => {
      if (client !== next) return;
      client = undefined;
      reconnectSoon();
    });
    try {
      await next.connect();
      await next.query(`listen ${CHANNEL}`);
    } catch (error) {
      await next.end().catch(() => {});
      throw error;
    }
    if (stopped) await next.end();
    else client = next;
  }

  function reconnectSoon(): void {
    if (stopped) return;
    timer = setTimeout(() => {
      listen().then(
        () => listeners.call(topics),
        () => reconnectSoon(),
      );
    }, RECONNECT_MS);
  }

  return {
    start: listen,
    announce(changed) {
      for (const topic of changed) waiting.add(topic);
      if (sending || waiting.size === 0) return;
      sending = true;
      // All commits of this turn of the event loop in one notification.
      setImmediate(() => void send());
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      const last = client;
      client = undefined;
      await last?.end();
    },
  };
}
