/**
 * Answers that one person alone sees. Discord has them only as answers to an interaction, whose token lives 15 minutes
 * and travels as the reply token; its first answer fills the deferred reply, further ones follow it.
 */
import { AppError } from '../../domain/errors.ts';
import type { EphemeralRef, OutboundMessage } from '../../domain/message.ts';
import type { Clock } from '../../domain/runtime.ts';
import type { DiscordApi } from './api.ts';
import { type Part, toAsideParts, toEdit, toEphemeral, toRawFiles } from './outbound.ts';

export type Asides = {
  /** A token to answer with. `deferred`: a private "thinking…" is shown and waits for the first answer. */
  token(interaction: { readonly token: string; readonly at: number }, deferred: boolean): string;
  /** Whether a token has been answered at all. */
  isAnswered(replyToken: string): boolean;
  show(message: OutboundMessage, replyToken: string | undefined): Promise<EphemeralRef>;
  edit(ref: EphemeralRef, message: OutboundMessage): Promise<void>;
};

/** Discord gives 15 minutes; the margin is for the way there and for clocks. */
const TOKEN_LIVES_MS = 14 * 60_000 + 30_000;
const REMEMBERED = 1_000;
const ORIGINAL = '@original';

export function createAsides(deps: {
  readonly api: DiscordApi;
  readonly application: () => string;
  readonly clock: Clock;
}): Asides {
  const { api } = deps;
  const answered = new Set<string>();

  function read(replyToken: string): { token: string; deferred: boolean } | undefined {
    const [kind, until, ...rest] = replyToken.split('|');
    if (rest.length === 0 || deps.clock.now() >= Number(until)) return undefined;
    return { token: rest.join('|'), deferred: kind === 'd' };
  }

  function markAnswered(replyToken: string): void {
    answered.add(replyToken);
    const [oldest] = answered;
    if (answered.size > REMEMBERED && oldest !== undefined) answered.delete(oldest);
  }

  const handle = (token: string) => ({ application: deps.application(), token });

  async function follow(token: string, parts: readonly Part[]): Promise<void> {
    for (const part of parts) await api.followUp(handle(token), toEphemeral(part), toRawFiles(part.files));
  }

  return {
    token: ({ token, at }, deferred) => `${deferred ? 'd' : 'f'}|${at + TOKEN_LIVES_MS}|${token}`,
    isAnswered: (replyToken) => answered.has(replyToken),
    async show(message, replyToken) {
      const right = replyToken === undefined ? undefined : read(replyToken);
      if (right === undefined || replyToken === undefined) return { delivered: false };
      const [first, ...rest] = await toAsideParts(message);
      const takesOriginal = right.deferred && !answered.has(replyToken);
      markAnswered(replyToken);
      const id = takesOriginal
        ? await fillOriginal(right.token, first)
        : await api.followUp(handle(right.token), toEphemeral(first), toRawFiles(first.files));
      await follow(right.token, rest);
      return { delivered: true, id: `${id}|${replyToken}` };
    },
    async edit({ id }, message) {
      const [at = '', ...rest] = (id ?? '').split('|');
      const right = read(rest.join('|'));
      if (right === undefined)
        throw new AppError('channel.rejected', 'the right to answer this interaction has run out');
      const [first, ...others] = await toAsideParts(message);
      await api.editReply(handle(right.token), at, toEdit(first), toRawFiles(first.files));
      await follow(right.token, others);
    },
  };

  async function fillOriginal(token: string, part: Part): Promise<string> {
    await api.editReply(handle(token), ORIGINAL, toEdit(part), toRawFiles(part.files));
    return ORIGINAL;
  }
}
