/**
 * Takes updates in: in order within a chat, chats beside each other, each once. An update counts as taken when the
 * gateway has stored it (or refused it for good); what could not be stored is asked for again.
 */
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { Attachment } from '../../domain/message.ts';
import type { Clock, Logger, Metrics } from '../../domain/runtime.ts';
import type { ChannelSink } from '../adapter.ts';
import { MAX_FILES, toAttachment } from '../attachments.ts';
import { concernsUs, notFetched } from '../concern.ts';
import { createLanes } from '../lanes.ts';
import type { TelegramApi } from './api.ts';
import { type Incoming, parseUpdate, updateIdOf } from './inbound.ts';
import type { BotIdentity } from './places.ts';
import type { Queries } from './queries.ts';

export type Receiver = {
  /** `next`: the first update that is still to be confirmed; undefined when nothing had a number. Never rejects. */
  take(raws: readonly unknown[]): Promise<{ readonly next: number | undefined; readonly failed: boolean }>;
};

export type ReceiverDeps = {
  readonly api: TelegramApi;
  readonly bot: BotIdentity;
  readonly sink: ChannelSink;
  /** In groups, the gateway only looks at what is addressed to the bot. */
  readonly mentionOnly: boolean;
  readonly queries: Queries;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

/** Updates remembered as taken: a few batches. The store knows messages for ever; this is for presses and commands. */
const REMEMBERED = 2_000;
/** For all files of one message: longer would hold up the chat. */
const FILES_MS = 15_000;
/** An update that fails this often for no reason of ours or the store's is dropped, or it would stop the channel. */
const MAX_TRIES = 3;

type Entry = { readonly id: number; readonly incoming: Incoming };

export function createReceiver(deps: ReceiverDeps): Receiver {
  const { bot, sink, log, metrics, clock } = deps;
  const taken = new Set<number>();
  const tries = new Map<number, number>();
  const inLane = createLanes();

  function remember(id: number): void {
    taken.add(id);
    tries.delete(id);
    const [oldest] = taken;
    if (taken.size > REMEMBERED && oldest !== undefined) taken.delete(oldest);
  }

  function read(raw: unknown): { id: number; incoming: Incoming | undefined } | undefined {
    const id = updateIdOf(raw);
    const incoming = id === undefined ? undefined : parseUpdate(raw, bot, clock.now());
    if (incoming === undefined) {
      metrics.count('parley_inbound_dropped_total', { channel: 'telegram', reason: 'unknown' });
      log.info({ update: id ?? null, kinds: kindsOf(raw) }, 'update dropped: nothing in it for us');
    }
    return id === undefined ? undefined : { id, incoming };
  }

  async function handle({ id, incoming }: Entry): Promise<boolean> {
    if (taken.has(id)) {
      metrics.count('parley_inbound_repeated_total', { channel: 'telegram' });
      return true;
    }
    try {
      await pass(incoming);
      remember(id);
      return true;
    } catch (error) {
      const count = (tries.get(id) ?? 0) + 1;
      tries.set(id, count);
      log.warn({ update: id, count, detail: errorMessage(error) }, 'update could not be taken in');
      if (error instanceof AppError || count < MAX_TRIES) return false;
      log.error({ update: id }, 'update dropped: it fails every time');
      metrics.count('parley_inbound_dropped_total', { channel: 'telegram', reason: 'failing' });
      remember(id);
      return true;
    }
  }

  async function pass(incoming: Incoming): Promise<void> {
    switch (incoming.kind) {
      case 'message':
        return sink.message({ ...incoming.message, attachments: await attachmentsOf(deps, incoming) });
      case 'edit':
        return sink.edit(incoming.edit);
      case 'stop':
        return sink.stop(incoming.where, incoming.by);
      case 'click':
        deps.queries.open(incoming.queryId);
        try {
          await sink.click(incoming.click);
        } finally {
          await deps.queries.close(incoming.queryId);
        }
    }
  }

  return {
    async take(raws) {
      const known = raws.map(read).filter((one) => one !== undefined);
      const entries = known.filter((one): one is Entry => one.incoming !== undefined);
      const failed: number[] = [];
      const lanes = Map.groupBy(joinAlbums(entries), ({ incoming }) => laneOf(incoming));
      const work = [...lanes].map(([lane, waiting]) =>
        // After what is under way in the chat: webhooks bring several updates at a time.
        inLane(lane, async () => {
          for (const entry of waiting) {
            if (await handle(entry)) continue;
            // What follows in this chat must not overtake it.
            failed.push(entry.id);
            return;
          }
        }),
      );
      await Promise.all(work);
      const ids = known.map((one) => one.id);
      const next =
        failed.length > 0 ? Math.min(...failed) : ids.length > 0 ? Math.max(...ids) + 1 : undefined;
      return { next, failed: failed.length > 0 };
    },
  };
}

function laneOf(incoming: Incoming): string {
  switch (incoming.kind) {
    case 'message':
      return incoming.message.where.conversation;
    case 'edit':
      return incoming.edit.where.conversation;
    case 'click':
      return incoming.click.where.conversation;
    case 'stop':
      return incoming.where.conversation;
  }
}

/** An album comes as one message a picture, the words with the first; together they are one question. */
function joinAlbums(entries: readonly Entry[]): Entry[] {
  const joined: Entry[] = [];
  for (const entry of entries) {
    const { incoming } = entry;
    const first = joined.findIndex((one) => isSameAlbum(one.incoming, incoming));
    const found = joined[first];
    if (incoming.kind === 'message' && found?.incoming.kind === 'message') {
      const files = [...found.incoming.files, ...incoming.files];
      joined[first] = { ...found, incoming: { ...found.incoming, files } };
    } else {
      joined.push(entry);
    }
  }
  return joined;
}

const isSameAlbum = (one: Incoming, other: Incoming): boolean =>
  one.kind === 'message' &&
  other.kind === 'message' &&
  one.album !== undefined &&
  one.album === other.album &&
  one.message.where.conversation === other.message.where.conversation;

async function attachmentsOf(
  deps: ReceiverDeps,
  { message, files }: Extract<Incoming, { kind: 'message' }>,
): Promise<Attachment[]> {
  if (files.length === 0) return [];
  const inThread = message.where.thread !== undefined;
  const isWanted = concernsUs(message, { mentionOnly: deps.mentionOnly, inThread });
  const stop = AbortSignal.timeout(FILES_MS);
  return Promise.all(
    files.map(({ fileId, ...file }, index) => {
      if (!isWanted) return notFetched(file);
      if (index >= MAX_FILES)
        return { ...file, error: `only the first ${MAX_FILES} files of a message are read` };
      return toAttachment(file, (maxBytes) => deps.api.download(fileId, maxBytes, stop));
    }),
  );
}

const kindsOf = (raw: unknown): string[] =>
  typeof raw === 'object' && raw !== null ? Object.keys(raw).slice(0, 5) : [];
