/**
 * The only way in. Messages, commands, clicks, edits and deletions of every platform pass through here, are checked
 * by the same rules, and are durable before the promise resolves that the adapter waits for.
 */
import type { ChannelAdapter, ChannelSink } from '../channels/adapter.ts';
import { AppError, type ErrorCode, errorMessage, userText } from '../domain/errors.ts';
import type {
  Author,
  ButtonClick,
  ConversationRef,
  InboundMessage,
  MessageDeletion,
  MessageEdit,
  OutboundMessage,
} from '../domain/message.ts';
import { type Metrics, newId } from '../domain/runtime.ts';
import { sessionKey } from '../domain/session.ts';
import type { Turn } from '../domain/turn.ts';
import type { Accepted, ClaimedTurn, NewTurn } from '../store/store.ts';
import { type AccessRules, type Role, rolesOf } from './access.ts';
import type { CommandContext, CommandDeps } from './commands/command.ts';
import { createDoneCommands, type DoneCommands } from './commands/done.ts';
import { commands } from './commands/index.ts';
import type { Limits } from './limits.ts';
import { type ChannelRules, type ProfileRoute, profileFor, route } from './router.ts';
import { nameAction, seconds } from './words.ts';
import type { Reservation, Worker } from './worker.ts';

export type GatewaySettings = {
  readonly access: AccessRules;
  readonly routes: readonly ProfileRoute[];
  readonly channel: (name: string) => ChannelRules;
  readonly queuePerSession: number;
  readonly whileBusy: 'queue' | 'interrupt';
  /** A session without a message for this long starts afresh; null: never. */
  readonly idleResetMs: number | null;
  readonly debug: boolean;
};

export type GatewayDeps = CommandDeps & {
  readonly settings: () => GatewaySettings;
  readonly limits: Limits;
  readonly reserve: Worker['reserve'];
  /** False while the process goes down: the platform is to deliver again. */
  readonly open: () => boolean;
  /** Takes the gateway's own secrets out of what people write, before it is kept or asked of a model. */
  readonly redact: (text: string) => string;
  readonly parseButton: (token: string) => ParsedButton | undefined;
  readonly metrics: Metrics;
};

export type ParsedButton =
  | { readonly kind: 'approval'; readonly id: string; readonly decision: 'once' | 'always' | 'deny' }
  | { readonly kind: 'batch'; readonly id: string; readonly decision: 'once' | 'deny' }
  | { readonly kind: 'review'; readonly id: string; readonly decision: 'once' | 'deny' }
  | { readonly kind: 'stop' | 'btw'; readonly turn: string };

export type Gateway = ChannelSink & {
  /** Waits for side questions and other commands still under way. */
  drain(): Promise<void>;
};

/** Characters of one message; more belongs in a file. Platforms allow far less, the web chat and webhooks do not. */
const MAX_MESSAGE_LENGTH = 262_144;

const URGENT: ReadonlySet<string> = new Set(['stop', 'approve']);

const commandNames = new Set(commands.map((command) => command.name));

export function createGateway(deps: GatewayDeps): Gateway {
  const underWay = new Set<Promise<void>>();
  const done = createDoneCommands({ state: deps.store.state('commands'), clock: deps.clock });

  const background = (work: Promise<void>): void => {
    const tracked = work
      .catch((error: unknown) => {
        deps.log.error({ detail: errorMessage(error) }, 'a side question failed without an answer');
      })
      .finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  };

  return {
    async message(received) {
      requireOpen(deps);
      const roles = admit(deps, received.author);
      if (roles === undefined) return refuseStranger(deps, received);
      if (received.text.length > MAX_MESSAGE_LENGTH)
        return tell(deps, received, errorNotice(deps, 'message.too_large'));
      const message = withoutSecrets(received, deps.redact);
      const settings = deps.settings();
      const routed = route({
        message,
        rules: settings.channel(message.where.channel),
        routes: settings.routes,
        commandNames,
        knownThread: await knownThread(deps, message),
      });
      deps.metrics.count('parley_messages_total', { channel: message.where.channel, kind: routed.kind });
      if (routed.kind === 'ignore') return;
      // Whoever wants it to stop, or has to decide, is never told to wait.
      const urgent = routed.kind === 'command' && URGENT.has(routed.command.name);
      if (!urgent && !deps.limits.take(message.author.id))
        return tell(deps, message, errorNotice(deps, 'limits.rate'));
      if (routed.kind === 'turn') return acceptTurn(deps, settings, message, routed.session, routed.profile);
      const work = runCommand(deps, done, message, routed.command.name, routed.command.argument, roles);
      // A side question takes as long as the model does; the platform is not kept waiting for it.
      if (routed.command.name === 'btw') background(work);
      else await work;
    },
    async edit(edit) {
      requireOpen(deps);
      await onEdit(deps, edit);
    },
    async deletion(deletion) {
      requireOpen(deps);
      await onDeletion(deps, deletion);
    },
    async click(click) {
      requireOpen(deps);
      await onClick(deps, click);
    },
    async stop(where, by) {
      if (admit(deps, by) === undefined) return;
      await deps.stopper.stopSession(sessionKey(where), by, false);
    },
    async drain() {
      await Promise.allSettled(underWay);
    },
  };
}

function withoutSecrets(message: InboundMessage, redact: (text: string) => string): InboundMessage {
  const { text, command, quoted, attachments } = message;
  return {
    ...message,
    text: redact(text),
    ...(command === undefined ? {} : { command: { ...command, argument: redact(command.argument) } }),
    ...(quoted === undefined ? {} : { quoted: quoted.map((one) => ({ ...one, text: redact(one.text) })) }),
    attachments: attachments.map((one) =>
      one.text === undefined ? one : { ...one, text: redact(one.text) },
    ),
  };
}

function requireOpen(deps: GatewayDeps): void {
  if (!deps.open())
    throw new AppError('channel.unavailable', 'the gateway is shutting down; deliver this again');
}

/** The one authorization. Undefined for strangers, bots, webhooks, guests and anonymous senders. */
function admit(deps: GatewayDeps, author: Author): Role[] | undefined {
  const roles = rolesOf(deps.settings().access, author);
  if (roles.length > 0) return roles;
  deps.metrics.count('parley_refused_total', { kind: author.kind });
  return undefined;
}

async function refuseStranger(deps: GatewayDeps, message: InboundMessage): Promise<void> {
  const { access } = deps.settings();
  // Bots get no answer at all: two of them would talk for ever.
  if (access.unknown === 'ignore' || message.author.kind !== 'person') return;
  if (!message.direct && !message.mentionsBot) return;
  await tell(deps, message, {
    kind: 'notice',
    text: 'I only talk with people on my list. Ask an admin to add you.',
  });
}

async function knownThread(deps: GatewayDeps, message: InboundMessage): Promise<boolean> {
  if (message.where.thread === undefined || message.direct || message.mentionsBot) return false;
  if (!deps.settings().channel(message.where.channel).mentionOnly) return false;
  return (await deps.store.sessions.get(sessionKey(message.where))) !== undefined;
}

async function acceptTurn(
  deps: GatewayDeps,
  settings: GatewaySettings,
  message: InboundMessage,
  session: string,
  profile: string,
): Promise<void> {
  if (settings.idleResetMs !== null) await resetIdle(deps, session, settings.idleResetMs);
  const accepted = await acceptInto(deps, deps.reserve(), {
    message,
    session,
    profile,
    workspace: deps.workspace(profile),
    debug: settings.debug,
    queueLimit: settings.queuePerSession,
    now: deps.clock.now(),
  });
  deps.metrics.count('parley_accepted_total', { outcome: accepted.outcome });
  if (accepted.outcome === 'queue-full') return tell(deps, message, errorNotice(deps, 'session.queue_full'));
  if (accepted.outcome !== 'accepted' || accepted.ahead === 0) return;
  // Only now: a message that came twice, or found no room, stops nothing.
  if (settings.whileBusy === 'interrupt') await deps.stopper.stopBefore(accepted.turn, message.author);
  else await sayWhatIsAhead(deps, message, accepted);
}

/** The turn starts here and now if there is room; else it is looked for once there is. */
async function acceptInto(
  deps: GatewayDeps,
  room: Reservation | undefined,
  turn: NewTurn,
): Promise<Accepted> {
  let claimed: ClaimedTurn | undefined;
  try {
    const accepted = await deps.store.turns.accept(
      room === undefined ? turn : { ...turn, taker: room.taker },
    );
    if (accepted.outcome === 'accepted') claimed = accepted.claimed;
    return accepted;
  } finally {
    if (claimed === undefined) room?.giveBack();
    else room?.take(claimed);
  }
}

async function resetIdle(deps: GatewayDeps, key: string, idleMs: number): Promise<void> {
  const known = await deps.store.sessions.get(key);
  const now = deps.clock.now();
  if (known !== undefined && now - known.lastTurnAt >= idleMs) await deps.store.sessions.reset(key, now);
}

/** Only when a person has to act: an ordinary queue moves by itself. */
async function sayWhatIsAhead(
  deps: GatewayDeps,
  message: InboundMessage,
  accepted: Extract<Accepted, { outcome: 'accepted' }>,
): Promise<void> {
  const [waiting] = await deps.store.approvals.pending({ session: accepted.turn.session });
  if (waiting === undefined) return;
  const asked = seconds(deps.clock.now() - waiting.createdAt);
  const place = accepted.ahead === 1 ? 'is next' : `comes after ${accepted.ahead - 1} more`;
  const text = `Waiting for approval of ${nameAction(waiting.action)} (asked ${asked} ago). Your message ${place}; /stop cancels.`;
  await tell(deps, message, { kind: 'notice', text });
}

async function runCommand(
  deps: GatewayDeps,
  done: DoneCommands,
  message: InboundMessage,
  name: string,
  argument: string,
  roles: readonly Role[],
): Promise<void> {
  const command = commands.find((one) => one.name === name);
  const context: CommandContext = {
    message,
    argument,
    session: sessionKey(message.where),
    profile: profileFor(message.where, deps.settings().routes),
    roles,
    reply: (text, kind = 'notice') => tell(deps, message, { kind, text }),
  };
  if (command === undefined) return context.reply(`There is no command /${name}. /help lists them.`);
  const leavesTraces = name !== 'btw';
  if (leavesTraces && (await done.has(message))) return;
  deps.metrics.count('parley_commands_total', { command: name });
  try {
    await command.run(deps, context);
  } catch (error) {
    // The database refusing is the platform's cue to deliver again; everything else is told to the asker.
    if (error instanceof AppError && error.code.startsWith('store.')) throw error;
    const code = error instanceof AppError ? error.code : 'turn.internal';
    const reference = newId(deps.clock.now());
    deps.log.error({ reference, command: name, code, detail: errorMessage(error) }, 'command failed');
    await context.reply(userText(code, reference), 'error');
  }
  if (leavesTraces) await done.add(message);
}

async function onClick(deps: GatewayDeps, click: ButtonClick): Promise<void> {
  const button = deps.parseButton(click.token);
  const say = (text: string) => tell(deps, click, { kind: 'notice', text });
  if (admit(deps, click.author) === undefined) return say('You may not do this. Ask an admin to add you.');
  if (button === undefined) {
    deps.metrics.count('parley_clicks_refused_total', { reason: 'unknown' });
    return say('This button means nothing to me any more.');
  }
  if (button.kind === 'approval' || button.kind === 'batch') {
    // A copy that was sent before a crash is known from here on, and settled with the others.
    if (click.on !== undefined)
      await deps.store.outbox.foundCopy(await deps.approvals.cardsWith(button.id, click.author.id), click.on);
    const { accepted, text } = await deps.approvals.decide(button.id, button.decision, click.author);
    // What was decided shows on the card itself; only what did not count needs telling.
    return accepted ? undefined : say(text);
  }
  if (button.kind === 'review') {
    const { accepted, text } = await deps.reviews.decide(button.id, button.decision === 'once', click.author);
    return accepted ? undefined : say(text);
  }
  // Asking aside needs a place to type, which the platform's own adapter opens.
  if (button.kind === 'btw') return;
  const turn = await deps.store.turns.get(button.turn);
  if (turn === undefined || !samePlace(turn, click.where))
    return say('That work is not in this conversation.');
  await deps.stopper.stopTurn(turn, click.author);
}

const samePlace = (turn: Turn, where: ConversationRef): boolean => turn.session === sessionKey(where);

async function onEdit(deps: GatewayDeps, edit: MessageEdit): Promise<void> {
  if (admit(deps, edit.author) === undefined) return;
  const turn = await deps.store.turns.byMessage(edit.where, edit.id);
  // The author's own words only, and only before they are being worked on.
  if (turn === undefined || turn.user !== edit.author.id || turn.status !== 'queued') return;
  if (edit.text.length > MAX_MESSAGE_LENGTH) return;
  await deps.store.turns.edit(turn.id, deps.redact(edit.text), deps.clock.now());
}

async function onDeletion(deps: GatewayDeps, deletion: MessageDeletion): Promise<void> {
  if (admit(deps, deletion.author) === undefined) return;
  const turn = await deps.store.turns.byMessage(deletion.where, deletion.id);
  if (turn === undefined || turn.user !== deletion.author.id) return;
  if (turn.status === 'queued' || turn.status === 'waiting')
    await deps.stopper.stopTurn(turn, deletion.author);
}

function errorNotice(deps: GatewayDeps, code: ErrorCode): OutboundMessage {
  return { kind: 'error', text: userText(code, newId(deps.clock.now())) };
}

/** To one person, where they are: privately where the platform can, else in the conversation. Never throws. */
async function tell(
  deps: GatewayDeps,
  asked: Pick<InboundMessage, 'where' | 'author' | 'replyToken'>,
  message: OutboundMessage,
): Promise<void> {
  const adapter: ChannelAdapter | undefined = deps.adapter(asked.where.channel);
  if (adapter === undefined) return;
  try {
    const shown = await adapter.sendEphemeral(asked.where, asked.author.id, message, asked.replyToken);
    if (!shown.delivered) await adapter.send(asked.where, message, `notice:${newId(deps.clock.now())}`);
  } catch (error) {
    deps.log.warn(
      { channel: asked.where.channel, detail: errorMessage(error) },
      'could not answer a command',
    );
  }
}
