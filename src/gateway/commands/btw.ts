/** `/btw QUESTION`: a side answer that only the asker sees, while the main work goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelAdapter } from '../../channels/adapter.ts';
import { AppError, errorMessage, userText } from '../../domain/errors.ts';
import type { ConversationRef, MessageRef, OutboundMessage } from '../../domain/message.ts';
import { newId } from '../../domain/runtime.ts';
import type { ChatCommand, CommandContext, CommandDeps } from './command.ts';

export const btw: ChatCommand = {
  name: 'btw',
  argument: 'QUESTION',
  about: 'Ask aside: only you see the answer, and the work goes on',
  async run(deps, context) {
    const { message, argument } = context;
    if (argument === '' && message.attachments.length === 0) {
      await context.reply(
        'Usage: /btw QUESTION. Ask something about this conversation; only you see the answer.',
      );
      return;
    }
    const adapter = deps.adapter(message.where.channel);
    if (adapter === undefined) return;
    const place = await openAside(deps, adapter, context);
    if (place === undefined) return;
    await answer(deps, context, place);
  },
};

const NOT_REACHABLE = 'I cannot write to you in private. Write to me directly instead.';
const REFUSED = 'This place cannot show you a private answer. Write to me directly instead.';

/** Where the answer appears; showing again replaces. */
type Aside = {
  show(text: string, done: boolean, kind: OutboundMessage['kind']): Promise<void>;
  readonly editEveryMs: number;
  /** Where it goes when it turns out that it cannot be shown there; null: nowhere else. */
  readonly other: (() => Promise<Aside | undefined>) | null;
};

async function openAside(
  deps: CommandDeps,
  adapter: ChannelAdapter,
  context: CommandContext,
): Promise<Aside | undefined> {
  const { message, argument } = context;
  const { where, author } = message;
  const ref = await adapter.sendEphemeral(where, author.id, begun(argument), message.replyToken);
  if (!ref.delivered) return openFallback(deps, adapter, context);
  return {
    editEveryMs: adapter.limits.editEveryMs,
    show: (text, done, kind) =>
      adapter.editEphemeral(where, author.id, ref, asideOf(argument, text, done, kind)),
    other: () => openFallback(deps, adapter, context),
  };
}

const asideOf = (
  question: string,
  text: string,
  done: boolean,
  kind: OutboundMessage['kind'],
): OutboundMessage => ({ kind, text, aside: { question, done } });
const begun = (question: string): OutboundMessage => asideOf(question, '', false, 'aside');

/** What the operator chose for places without private answers, in that order. Undefined: the asker was told why there is none. */
async function openFallback(
  deps: CommandDeps,
  adapter: ChannelAdapter,
  context: CommandContext,
): Promise<Aside | undefined> {
  const { message, argument } = context;
  const send = (to: ConversationRef) => adapter.send(to, begun(argument), `aside:${newId(deps.clock.now())}`);
  let why = REFUSED;
  for (const way of message.direct ? (['public'] as const) : deps.btwFallback()) {
    if (way === 'refuse') break;
    const sent = way === 'public' ? await send(message.where) : await directly(adapter, context, send);
    if (typeof sent === 'string') {
      why = sent;
      continue;
    }
    const [only] = sent;
    if (only === undefined) return undefined;
    return {
      editEveryMs: adapter.limits.editEveryMs,
      show: (text, done, kind) => adapter.edit(only, asideOf(argument, text, done, kind)),
      other: null,
    };
  }
  await context.reply(why);
  return undefined;
}

/** What the asker can do about it, when the platform does not let us write to them. */
async function directly(
  adapter: ChannelAdapter,
  { message }: CommandContext,
  send: (to: ConversationRef) => Promise<MessageRef[]>,
): Promise<MessageRef[] | string> {
  try {
    return await send(await adapter.directRef(message.author.id));
  } catch (error) {
    // A person whose private chat is closed shows only when something is sent there, on some platforms.
    if (!(error instanceof AppError) || error.retryable) throw error;
    const { invitation } = error.details;
    return typeof invitation === 'string' ? invitation : NOT_REACHABLE;
  }
}

/** Longest wait for a platform that asks for one, and how often: the asker waits too. */
const LONGEST_WAIT_MS = 15_000;
const MAX_WAITS = 3;

/** The last word, which must not get lost: after the wait that the platform asks for, or in the other place. */
async function showAtLast(aside: Aside, text: string, kind: OutboundMessage['kind']): Promise<void> {
  for (let waits = 0; ; waits++) {
    try {
      return await aside.show(text, true, kind);
    } catch (error) {
      const wait = error instanceof AppError ? error.details.retryAfterMs : undefined;
      if (typeof wait === 'number' && wait <= LONGEST_WAIT_MS && waits < MAX_WAITS) {
        await sleep(wait);
        continue;
      }
      // Who is no member of the conversation any more is told nothing of it, anywhere (A36).
      const isStranger = error instanceof AppError && error.details.stranger === true;
      if (isStranger || aside.other === null) throw error;
      const other = await aside.other();
      await other?.show(text, true, kind);
      return;
    }
  }
}

async function answer(deps: CommandDeps, context: CommandContext, aside: Aside): Promise<void> {
  const { message, session, profile, argument } = context;
  const abort = new AbortController();
  const unwatch = deps.stopper.watch(session, message.author, abort);
  let text = '';
  let shown = '';
  let showing: Promise<void> = Promise.resolve();
  const flush = (): void => {
    if (text === shown) return;
    shown = text;
    const now = text;
    // One after the other: an older text must not overtake a newer one.
    showing = showing.then(() => aside.show(now, false, 'aside')).catch(() => {});
  };
  let timer: NodeJS.Timeout | undefined;
  const asking = deps.btw.ask({
    session,
    user: message.author.id,
    question: argument,
    attachments: message.attachments,
    models: deps.models(profile),
    historyTurns: Math.ceil(deps.historyMessages(profile) / 2),
    signal: abort.signal,
    onDelta: (delta) => {
      text += delta;
      // The first words at once, as somebody waits for them; the next ones at the pace that is allowed.
      if (timer !== undefined) return;
      timer = setInterval(flush, aside.editEveryMs);
      flush();
    },
    onReset: () => {
      text = '';
    },
  });
  const [last, kind] = await asking.then(
    (whole) => [whole, 'aside'] as const,
    (error: unknown) => [failureText(deps, error, abort.signal), 'error'] as const,
  );
  clearInterval(timer);
  unwatch();
  await showing;
  await showAtLast(aside, last, kind);
}

function failureText(deps: CommandDeps, error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'Stopped.';
  const reference = newId(deps.clock.now());
  deps.log.warn({ reference, detail: errorMessage(error) }, 'side question failed');
  return userText(error instanceof AppError ? error.code : 'turn.internal', reference);
}
