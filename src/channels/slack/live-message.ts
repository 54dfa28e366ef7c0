/**
 * One growing message in Slack: a native stream (`chat.startStream`) where there is a thread, else a message that is
 * edited. A stream lives about five minutes and takes 12,000 characters, so it is changed for a new one before.
 */
import type { types } from '@slack/bolt';
import { AppError } from '../../domain/errors.ts';
import type { ConversationRef } from '../../domain/message.ts';
import type { Clock } from '../../domain/runtime.ts';
import { buttonRow, clip, context } from './blocks.ts';
import { slackCode } from './errors.ts';
import { PART_LENGTH, toLive } from './format.ts';
import { type Call, noUnfurls, threadOf } from './outbound.ts';

/** What this workspace's plan and the app's scopes allow; learned from refusals, shared by all replies. */
export type Abilities = { stream: boolean; stopInStream: boolean; status: boolean; session: boolean };

export type Task = {
  readonly id: string;
  readonly title: string;
  readonly status: 'in_progress' | 'complete' | 'error';
};

export type Sketch = {
  /** All of the answer so far. */
  readonly text: string;
  readonly tasks: readonly Task[];
};

export type LiveMessage = {
  /** Timestamps of the messages so far, oldest first. */
  readonly messages: readonly string[];
  /** Shows the newest state. @throws AppError `channel.*` */
  show(sketch: Sketch): Promise<void>;
  /** Ends a stream that is open, so that its message can be edited. Never throws. */
  close(): Promise<void>;
};

export type LiveMessageDeps = {
  readonly call: Call;
  readonly where: ConversationRef;
  readonly recipient: { readonly user: string; readonly team: string } | null;
  readonly stopToken: string | null;
  readonly abilities: Abilities;
  readonly clock: Clock;
  /** Messages that a killed process left. */
  readonly adopted: readonly string[];
  readonly onMessage: (messages: readonly string[]) => Promise<void>;
};

/** Slack ends a stream near five minutes; well before that, and before its text is full, a new one goes on. */
const MAX_AGE_MS = 4 * 60_000;
const TASK_TITLE = 200;
/** A stream cannot hold the Stop button here. */
const noBlocks = new Set(['invalid_chunks', 'invalid_blocks', 'invalid_arguments']);
/** The app or the workspace's plan has no streams at all. */
const noStreams = new Set(['unknown_method', 'missing_scope', 'feature_not_enabled', 'team_not_allowed']);

export function createLiveMessage(deps: LiveMessageDeps): LiveMessage {
  const { call, where, abilities, clock } = deps;
  const messages = [...deps.adopted];
  let stream:
    | { ts: string; openedAt: number; from: number; sent: number; tasks: Map<string, string> }
    | undefined;

  /** By Slack, in this place. */
  let isRefused = false;

  /** What was taken over, or could not be streamed any more, is edited instead. */
  const canStream = (): boolean =>
    stream !== undefined ||
    (abilities.stream && !isRefused && where.thread !== undefined && messages.length === 0);

  const stop = (): types.KnownBlock[] =>
    deps.stopToken === null ? [] : buttonRow([{ label: 'Stop', token: deps.stopToken, style: 'danger' }]);

  async function remember(ts: string): Promise<void> {
    messages.push(ts);
    await deps.onMessage(messages);
  }

  async function open(from: number): Promise<void> {
    const blocks = abilities.stopInStream ? stop() : [];
    try {
      const started = await call(`a stream in ${where.conversation}`, (client) =>
        client.chat.startStream({
          channel: where.conversation,
          thread_ts: where.thread ?? '',
          ...(deps.recipient === null
            ? {}
            : { recipient_user_id: deps.recipient.user, recipient_team_id: deps.recipient.team }),
          ...(blocks.length === 0 ? {} : { chunks: [{ type: 'blocks', blocks }] }),
        }),
      );
      if (typeof started.ts !== 'string')
        throw new AppError('channel.rejected', 'Slack started a stream without its timestamp.');
      stream = { ts: started.ts, openedAt: clock.monotonic(), from, sent: from, tasks: new Map() };
      await remember(started.ts);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'channel.rejected') throw error;
      const code = slackCode(error.cause) ?? '';
      if (blocks.length > 0 && noBlocks.has(code)) {
        abilities.stopInStream = false;
        await open(from);
        return;
      }
      isRefused = true;
      if (noStreams.has(code)) abilities.stream = false;
    }
  }

  async function close(): Promise<void> {
    const open = stream;
    stream = undefined;
    if (open === undefined) return;
    await call('the end of a stream', (client) =>
      client.chat.stopStream({ channel: where.conversation, ts: open.ts }),
    ).catch(() => undefined);
  }

  async function streamOn(sketch: Sketch): Promise<void> {
    const live = toLive(sketch.text);
    if (stream === undefined) await open(0);
    else if (clock.monotonic() - stream.openedAt > MAX_AGE_MS || live.length - stream.from > PART_LENGTH) {
      const from = stream.sent;
      await close();
      await open(from);
    }
    const current = stream;
    if (current === undefined) return;
    const text = live.slice(current.sent, current.from + PART_LENGTH);
    const tasks = sketch.tasks.filter((task) => current.tasks.get(task.id) !== signature(task));
    if (text === '' && tasks.length === 0) return;
    try {
      await call(`a stream in ${where.conversation}`, (client) =>
        client.chat.appendStream({ channel: where.conversation, ts: current.ts, ...contentOf(text, tasks) }),
      );
    } catch (error) {
      // It ended by itself (its time was up): go on in a new one.
      if (!(error instanceof AppError) || slackCode(error.cause) !== 'message_not_in_streaming_state')
        throw error;
      stream = undefined;
      await open(current.sent);
      return;
    }
    current.sent += text.length;
    for (const task of tasks) current.tasks.set(task.id, signature(task));
  }

  async function editOn(sketch: Sketch): Promise<void> {
    const part = { text: 'Writing an answer', blocks: sketchBlocks(sketch, stop()) };
    const ts = messages.at(-1);
    if (ts !== undefined) {
      await call(`an edit in ${where.conversation}`, (client) =>
        client.chat.update({ channel: where.conversation, ts, ...part }),
      );
      return;
    }
    const sent = await call(`a message in ${where.conversation}`, (client) =>
      client.chat.postMessage({ channel: where.conversation, ...threadOf(where), ...part, ...noUnfurls }),
    );
    if (typeof sent.ts === 'string') await remember(sent.ts);
  }

  return {
    messages,
    async show(sketch) {
      if (canStream()) await streamOn(sketch);
      if (stream === undefined) await editOn(sketch);
    },
    close,
  };
}

const signature = (task: Task): string => `${task.status} ${task.title}`;

function contentOf(
  text: string,
  tasks: readonly Task[],
): { markdown_text: string } | { chunks: types.AnyChunk[] } {
  if (tasks.length === 0) return { markdown_text: text };
  const updates = tasks.map(
    (task): types.AnyChunk => ({ type: 'task_update', ...task, title: clip(task.title, TASK_TITLE) }),
  );
  return { chunks: [...updates, ...(text === '' ? [] : [{ type: 'markdown_text', text } as const])] };
}

/** The latest of a text too long for one message; the end shows all of it. */
function sketchBlocks({ text, tasks }: Sketch, stop: types.KnownBlock[]): types.KnownBlock[] {
  const live = toLive(text);
  const shown = live.length > PART_LENGTH ? `…${live.slice(-PART_LENGTH + 1)}` : live;
  const doing = tasks.findLast((task) => task.status === 'in_progress')?.title;
  return [
    ...(shown.trim() === '' ? [] : [{ type: 'markdown', text: shown } as const]),
    ...(doing === undefined && shown.trim() !== '' ? [] : [context(doing ?? 'Thinking…')]),
    ...stop,
  ];
}
