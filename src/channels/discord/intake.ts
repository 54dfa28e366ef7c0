/**
 * Takes events of the connection and of the back-fill in: in order within a channel, each once, and stored before it
 * counts as received. What cannot be stored now is tried again; what is malformed is logged, counted and dropped.
 */
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { Attachment } from '../../domain/message.ts';
import { type Clock, type Logger, type Metrics, newId } from '../../domain/runtime.ts';
import type { ChannelSink } from '../adapter.ts';
import { concernsUs, notFetched } from '../concern.ts';
import { createLanes } from '../lanes.ts';
import {
  isEdit,
  type ParsedMessage,
  parseDeletion,
  parseMessage,
  type RemoteFile,
  toEdit,
  toInbound,
} from './inbound.ts';
import type { Places } from './places.ts';

export type Intake = {
  /** Resolves once the message is durable or dropped. */
  message(raw: unknown): Promise<void>;
  edit(raw: unknown): Promise<void>;
  deletion(raw: unknown): Promise<void>;
  /** Does something in its turn among the events of a channel, again until it could be stored. */
  inOrder(channel: string, work: () => Promise<void>): Promise<void>;
  dropped(kind: string): void;
  /** Ends the waiting for a store that does not answer. */
  stop(): void;
};

export type IntakeDeps = {
  readonly sink: () => ChannelSink | undefined;
  readonly bot: () => string;
  readonly places: Places;
  readonly commands: ReadonlySet<string>;
  readonly mentionOnly: boolean;
  readonly fetchFiles: (files: readonly RemoteFile[]) => Promise<Attachment[]>;
  readonly onSeen: (channel: string, message: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** Events the platform may send again, and authors of messages that may be deleted. */
const REMEMBERED = 5_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

export function createIntake(deps: IntakeDeps): Intake {
  const { places, log, metrics } = deps;
  const inLane = createLanes();
  const authors = new Map<string, ParsedMessage['author']>();
  const done = new Map<string, true>();
  const stopping = new AbortController();

  function remember<T>(map: Map<string, T>, key: string, value: T): void {
    map.set(key, value);
    const [oldest] = map.keys();
    if (map.size > REMEMBERED && oldest !== undefined) map.delete(oldest);
  }

  function dropped(kind: string): void {
    const reference = newId(deps.clock.now());
    log.warn({ reference, kind }, 'dropped an event that Discord sent in a form I do not know');
    metrics.count('parley_inbound_dropped_total', { channel: 'discord', reason: kind });
  }

  async function untilStored(work: () => Promise<void>): Promise<void> {
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      try {
        return await work();
      } catch (error) {
        // Refused for good: trying again would hold up everything behind it.
        if (error instanceof AppError && !error.retryable) {
          log.error({ detail: error.message, code: error.code }, 'an event was refused for good');
          return;
        }
        if (stopping.signal.aborted) throw error;
        log.warn({ detail: errorMessage(error) }, 'an event could not be taken in, trying again');
        await pause(wait, stopping.signal);
      }
    }
  }

  const inOrder = (channel: string, work: () => Promise<void>): Promise<void> =>
    inLane(channel, () => untilStored(work));

  async function take(parsed: ParsedMessage): Promise<void> {
    const sink = deps.sink();
    if (sink === undefined) throw new AppError('channel.unavailable', 'the channel is stopping');
    const question = parsed.command === undefined ? parsed : undefined;
    const place = await places.placeOf(parsed.channel, parsed.guild, question);
    const message = toInbound(parsed, place, parsed.files.map(notFetched));
    const inThread = parsed.channel !== place.conversation;
    const isWanted = concernsUs(message, { mentionOnly: deps.mentionOnly, inThread });
    await sink.message(isWanted ? { ...message, attachments: await deps.fetchFiles(parsed.files) } : message);
  }

  const read = (raw: unknown): ParsedMessage | undefined => parseMessage(raw, deps.bot(), deps.commands);

  return {
    inOrder,
    dropped,
    async message(raw) {
      const parsed = read(raw);
      if (parsed === undefined) {
        if (!isKnownSilence(raw, deps.bot())) dropped('message');
        return;
      }
      remember(authors, parsed.id, parsed.author);
      await inOrder(parsed.channel, async () => {
        if (!done.has(parsed.id)) await take(parsed);
        remember(done, parsed.id, true);
        deps.onSeen(parsed.channel, parsed.id);
      });
    },
    async edit(raw) {
      if (!isEdit(raw)) return;
      const parsed = read(raw);
      if (parsed === undefined) return;
      remember(authors, parsed.id, parsed.author);
      await inOrder(parsed.channel, async () => {
        const place = await places.placeOf(parsed.channel, parsed.guild, parsed);
        await deps.sink()?.edit(toEdit(parsed, place));
      });
    },
    async deletion(raw) {
      const parsed = parseDeletion(raw);
      if (parsed === undefined) return dropped('deletion');
      await inOrder(parsed.channel, async () => {
        for (const id of parsed.ids) {
          // Discord does not say whose it was.
          const author = authors.get(id);
          if (author === undefined) continue;
          const { account, conversation } = await places.placeOf(parsed.channel, parsed.guild);
          await deps.sink()?.deletion({ id, where: { channel: 'discord', account, conversation }, author });
        }
      });
    },
    stop: () => stopping.abort(),
  };
}

/** Well-formed and not for us: the bot's own messages, and what is no talk (joins, pins, boosts). */
function isKnownSilence(raw: unknown, bot: string): boolean {
  if (typeof raw !== 'object' || raw === null) return false;
  const { type, author } = raw as { type?: unknown; author?: { id?: unknown } | null };
  return (typeof type === 'number' && type !== 0 && type !== 19) || author?.id === bot;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
