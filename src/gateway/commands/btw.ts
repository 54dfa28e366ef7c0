/** `/btw QUESTION`: a side answer that only the asker sees, while the main work goes on. */

import type { ChannelAdapter } from '../../channels/adapter.ts';
import { AppError, errorMessage, userText } from '../../domain/errors.ts';
import type { ConversationRef, EphemeralRef, OutboundMessage } from '../../domain/message.ts';
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

const NOT_REACHABLE = 'I cannot write to you in private, so I did not ask. Write to me directly instead.';

/** Where the answer appears; showing again replaces. */
type Aside = {
  show(text: string, done: boolean, kind: OutboundMessage['kind']): Promise<void>;
  readonly editEveryMs: number;
};

async function openAside(
  deps: CommandDeps,
  adapter: ChannelAdapter,
  context: CommandContext,
): Promise<Aside | undefined> {
  const { message, argument } = context;
  const toMessage = (text: string, done: boolean, kind: OutboundMessage['kind']): OutboundMessage => ({
    kind,
    text,
    aside: { question: argument, done },
  });
  const first = toMessage('', false, 'aside');
  const ref = await adapter.sendEphemeral(message.where, message.author.id, first, message.replyToken);
  if (ref.delivered) return ephemeral(adapter, context, ref, toMessage);
  const fallback = message.direct ? 'public' : deps.btwFallback();
  if (fallback === 'refuse') {
    await context.reply(
      'This place cannot show you a private answer, so I did not ask. Write to me directly instead.',
    );
    return undefined;
  }
  const to = fallback === 'public' ? message.where : await directly(adapter, context);
  if (to === undefined) return undefined;
  const sent = await adapter.send(to, first, `aside:${newId(deps.clock.now())}`);
  const [only] = sent;
  if (only === undefined) return undefined;
  return {
    editEveryMs: adapter.limits.editEveryMs,
    show: (text, done, kind) => adapter.edit(only, toMessage(text, done, kind)),
  };
}

/** Undefined, and the asker told what to do, when the platform does not let us write to them. */
async function directly(
  adapter: ChannelAdapter,
  { message, reply }: CommandContext,
): Promise<ConversationRef | undefined> {
  try {
    return await adapter.directRef(message.author.id);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'channel.rejected') throw error;
    const { invitation } = error.details;
    await reply(typeof invitation === 'string' ? invitation : NOT_REACHABLE);
    return undefined;
  }
}

function ephemeral(
  adapter: ChannelAdapter,
  { message }: CommandContext,
  ref: EphemeralRef,
  toMessage: (text: string, done: boolean, kind: OutboundMessage['kind']) => OutboundMessage,
): Aside {
  return {
    editEveryMs: adapter.limits.editEveryMs,
    show: (text, done, kind) =>
      adapter.editEphemeral(message.where, message.author.id, ref, toMessage(text, done, kind)),
  };
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
  const timer = setInterval(flush, aside.editEveryMs);
  try {
    const whole = await deps.btw.ask({
      session,
      user: message.author.id,
      question: argument,
      attachments: message.attachments,
      models: deps.models(profile),
      historyTurns: Math.ceil(deps.historyMessages(profile) / 2),
      signal: abort.signal,
      onDelta: (delta) => {
        text += delta;
      },
      onReset: () => {
        text = '';
      },
    });
    clearInterval(timer);
    await showing;
    await aside.show(whole, true, 'aside');
  } catch (error) {
    clearInterval(timer);
    await showing;
    await aside.show(failureText(deps, error, abort.signal), true, 'error');
  } finally {
    unwatch();
  }
}

function failureText(deps: CommandDeps, error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'Stopped.';
  const reference = newId(deps.clock.now());
  deps.log.warn({ reference, detail: errorMessage(error) }, 'side question failed');
  return userText(error instanceof AppError ? error.code : 'turn.internal', reference);
}
