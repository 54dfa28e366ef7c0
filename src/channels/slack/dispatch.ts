/** Takes what came in to the gateway: with names and files, once each, acknowledged when it is stored. */
import { errorMessage } from '../../domain/errors.ts';
import type { ConversationRef, InboundMessage } from '../../domain/message.ts';
import type { Clock, Logger, Metrics } from '../../domain/runtime.ts';
import type { ChannelSink } from '../adapter.ts';
import { concernsUs, notFetched } from '../concern.ts';
import { createLanes } from '../lanes.ts';
import { offered } from './files.ts';
import type { Inbound } from './inbound.ts';
import type { LatestThread } from './latest-thread.ts';
import { answerView, askView } from './modal.ts';
import { createOnce } from './once.ts';
import type { Call } from './outbound.ts';
import type { SlackFile } from './payloads.ts';
import type { People } from './people.ts';
import type { Ack } from './receiver.ts';
import type { Seen } from './seen.ts';

export type DispatchDeps = {
  readonly sink: () => ChannelSink;
  readonly people: People;
  readonly call: Call;
  readonly mentionOnly: boolean;
  readonly fetchFiles: (files: readonly SlackFile[]) => Promise<InboundMessage['attachments']>;
  /** Where a command belongs that was typed outside of any thread; null: where channels are sessions themselves. */
  readonly latestThread: LatestThread | null;
  readonly seen: Pick<Seen, 'begin' | 'note'>;
  /** A message could not be stored. */
  readonly onMissed: () => void;
  readonly onGone: (reason: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

const laneOf = ({ conversation, thread }: ConversationRef): string => `${conversation} ${thread ?? ''}`;

export type Dispatch = (inbound: Inbound, ack: Ack) => Promise<void>;

export function createDispatch(deps: DispatchDeps): Dispatch {
  const { sink, people, call, seen, log } = deps;
  const once = createOnce({ clock: deps.clock });
  const inLane = createLanes();

  /** @throws what the gateway throws when nothing could be stored. */
  async function onceOnly(kind: string, key: string | undefined, work: () => Promise<void>): Promise<void> {
    if (key === undefined) return work();
    if ((await once(`${kind}:${key}`, work)) === 'copy')
      deps.metrics.count('parley_inbound_repeated_total', { channel: 'slack' });
  }

  async function take(
    message: InboundMessage,
    files: readonly SlackFile[],
    inThread: boolean,
  ): Promise<void> {
    const rules = { mentionOnly: deps.mentionOnly, inThread };
    const isOurs = files.length > 0 && concernsUs(message, rules);
    const fetching = isOurs ? deps.fetchFiles(files) : files.map(offered).map(notFetched);
    const [author, attachments] = await Promise.all([people.known(message.author), fetching]);
    // Not for commands: a side question leaves nothing behind.
    if (message.mentionsBot && message.command === undefined) deps.latestThread?.note(message.where);
    await sink().message({ ...message, author, attachments, where: await placeFor(message) });
  }

  function noteSeen({ message, posted }: Extract<Inbound, { kind: 'message' }>): void {
    if (posted === undefined) return;
    const { channel, ts } = posted;
    const { thread } = message.where;
    seen.note(posted, ts);
    // It opens a thread, in which people will answer.
    if (message.mentionsBot && thread !== undefined) seen.note({ channel, thread }, ts);
  }

  /** Slack has no commands in threads, so one outside of them is about the thread the bot was last called into. */
  async function placeFor({ command, where, direct }: InboundMessage): Promise<ConversationRef> {
    if (command === undefined || where.thread !== undefined || direct) return where;
    const thread = await deps.latestThread?.of(where);
    return thread === undefined ? where : { ...where, thread };
  }

  /** The trigger lives three seconds; when it is over, the person presses again. */
  async function openModal(trigger: string, where: ConversationRef): Promise<void> {
    try {
      await call('a modal', (client) => client.views.open({ trigger_id: trigger, view: askView(where) }));
    } catch (error) {
      log.warn({ detail: errorMessage(error) }, 'the window for asking aside could not be opened');
    }
  }

  async function onAsked(message: InboundMessage, viewId: string, ack: Ack): Promise<void> {
    const question = message.command?.argument ?? '';
    const showing = { kind: 'aside', text: '', aside: { question, done: false } } as const;
    // Nothing of a side question is stored, and the modal must say something within three seconds.
    await ack({ response_action: 'update', view: await answerView(showing) });
    try {
      await take(message, [], false);
    } catch (error) {
      log.warn({ detail: errorMessage(error) }, 'a side question could not be taken');
      const text = 'I could not take your question just now. Please ask again in a moment.';
      const view = await answerView({ kind: 'error', text });
      await call('a modal', (client) => client.views.update({ view_id: viewId, view }));
    }
  }

  return async (inbound, ack) => {
    switch (inbound.kind) {
      case 'message':
        // Names and files take their time, and what is written next must not overtake it.
        return onceOnly('message', inbound.message.id, () => {
          const { message, files, posted } = inbound;
          if (posted !== undefined) seen.begin(posted, posted.ts);
          return inLane(laneOf(message.where), async () => {
            try {
              await take(message, files, typeof posted?.thread === 'string');
            } catch (error) {
              if (posted !== undefined) deps.onMissed();
              throw error;
            }
            noteSeen(inbound);
          });
        });
      case 'edit':
        return onceOnly('edit', inbound.eventId, () =>
          inLane(laneOf(inbound.edit.where), () => sink().edit(inbound.edit)),
        );
      case 'deletion':
        return onceOnly('deletion', inbound.eventId, () =>
          inLane(laneOf(inbound.deletion.where), () => sink().deletion(inbound.deletion)),
        );
      case 'click':
        return onceOnly('click', inbound.click.id, async () =>
          sink().click({ ...inbound.click, author: await people.known(inbound.click.author) }),
        );
      case 'ask':
        await ack();
        return openModal(inbound.trigger, inbound.where);
      case 'asked':
        return onceOnly('asked', inbound.viewId, () => onAsked(inbound.message, inbound.viewId, ack));
      case 'stop':
        return sink().stop(inbound.where, await people.known(inbound.by));
      case 'gone':
        deps.onGone(inbound.reason);
    }
  };
}
