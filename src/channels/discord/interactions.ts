/**
 * Slash commands, buttons and the form of "Ask aside". Discord wants an answer within 3 seconds, and the first answer
 * decides who sees what follows: everything is deferred, privately, before anything else is done.
 */

import { ComponentType, InteractionResponseType, MessageFlags, TextInputStyle } from 'discord-api-types/v10';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { Command, InboundMessage } from '../../domain/message.ts';
import type { Logger } from '../../domain/runtime.ts';
import type { ChannelSink } from '../adapter.ts';
import type { DiscordApi } from './api.ts';
import type { Asides } from './asides.ts';
import { codeOf, codes } from './errors.ts';
import {
  ASK_ASIDE,
  asideForm,
  type ParsedInteraction,
  parseInteraction,
  QUESTION_FIELD,
} from './inbound-interaction.ts';
import type { Intake } from './intake.ts';
import { type Place, type Places, refOf } from './places.ts';

export type Interactions = {
  /** @param replayed it was sent again after a resume. Resolves once it is durable or dropped. */
  take(raw: unknown, replayed: boolean): Promise<void>;
};

type Answer = 'accepted' | 'expired' | 'taken';

/** These take effect even if nobody can be told: the token had died before we could answer. */
const WORTH_IT = new Set(['stop', 'approve', 'btw']);
const REMEMBERED = 2_000;
/** Strangers get no answer; their private "thinking…" is ended all the same. */
const SILENT_AFTER_MS = 5_000;

export function createInteractions(deps: {
  readonly api: DiscordApi;
  readonly asides: Asides;
  readonly intake: Pick<Intake, 'inOrder' | 'dropped'>;
  readonly places: Places;
  readonly sink: () => ChannelSink | undefined;
  readonly log: Logger;
}): Interactions {
  const { api, asides, intake, places, log } = deps;
  const known = new Set<string>();

  function isKnown(id: string): boolean {
    if (known.has(id)) return true;
    known.add(id);
    const [oldest] = known;
    if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
    return false;
  }

  async function respond(interaction: ParsedInteraction, body: unknown): Promise<Answer> {
    try {
      await api.respond(interaction, body);
      return 'accepted';
    } catch (error) {
      if (codeOf(error) === codes.alreadyAcknowledged) return 'taken';
      log.warn(
        { kind: interaction.kind, detail: errorMessage(error) },
        'could not answer an interaction in time',
      );
      return 'expired';
    }
  }

  async function whereOf(
    interaction: ParsedInteraction,
    thread: string | null,
  ): Promise<Pick<InboundMessage, 'where' | 'direct' | 'closedThread'>> {
    const place = await places.placeOf(interaction.channel, interaction.guild);
    const isOpen = thread !== null && (await isOpenTo(place, thread, interaction.guild));
    return {
      where: refOf({ ...place, thread: isOpen ? thread : place.thread }),
      direct: place.direct,
      ...(place.closed === true ? { closedThread: true } : {}),
    };
  }

  /** Whoever sees a channel sees its public threads; the name of any other place in a form is forged (A36). */
  async function isOpenTo(
    { conversation }: Place,
    thread: string,
    guild: string | undefined,
  ): Promise<boolean> {
    const found = await places.placeOf(thread, guild);
    return found.conversation === conversation && found.thread === thread && found.closed !== true;
  }

  function sinkOrWait(): ChannelSink {
    const sink = deps.sink();
    if (sink === undefined) throw new AppError('channel.unavailable', 'the channel is stopping');
    return sink;
  }

  /** Each on its own: nobody's button waits for somebody's files. */
  const stored = (interaction: ParsedInteraction, work: () => Promise<void>): Promise<void> =>
    intake.inOrder(`interaction ${interaction.id}`, work);

  async function command(
    interaction: ParsedInteraction,
    chosen: Command,
    thread: string | null,
    replayed: boolean,
  ): Promise<void> {
    const answer = await respond(interaction, {
      type: InteractionResponseType.DeferredChannelMessageWithSource,
      data: { flags: MessageFlags.Ephemeral },
    });
    // Another replica has it, or this one had it before.
    if (answer === 'taken' && !replayed) return;
    if (answer === 'expired' && !WORTH_IT.has(chosen.name)) return;
    const replyToken = answer === 'expired' ? undefined : asides.token(interaction, true);
    const { id, at, author } = interaction;
    await stored(interaction, async () => {
      await sinkOrWait().message({
        id,
        at,
        ...(await whereOf(interaction, thread)),
        author,
        text: `/${chosen.name} ${chosen.argument}`.trimEnd(),
        mentionsBot: true,
        command: chosen,
        ...(replyToken === undefined ? {} : { replyToken }),
        attachments: [],
      });
    });
    if (replyToken !== undefined) endSilence(replyToken);
  }

  function endSilence(replyToken: string): void {
    const timer = setTimeout(() => {
      if (asides.isAnswered(replyToken)) return;
      const text = 'There is no answer to that. If I do not know you, ask an admin to add you.';
      asides.show({ kind: 'notice', text }, replyToken).catch((error: unknown) => {
        log.debug({ detail: errorMessage(error) }, 'cannot end a deferred reply');
      });
    }, SILENT_AFTER_MS);
    timer.unref();
  }

  async function click(
    interaction: ParsedInteraction,
    payload: string,
    message: string | undefined,
    replayed: boolean,
  ): Promise<void> {
    const answer = await respond(interaction, { type: InteractionResponseType.DeferredMessageUpdate });
    if (answer === 'taken' && !replayed) return;
    const { id, at, author } = interaction;
    await stored(interaction, async () => {
      const { where } = await whereOf(interaction, null);
      // Without an answer in time it counts all the same: the card shows what came of it (F38).
      const right = answer === 'expired' ? {} : { replyToken: asides.token(interaction, false) };
      const on = message === undefined ? {} : { on: { where, id: message } };
      await sinkOrWait().click({ id, at, where, author, token: payload, ...on, ...right });
    });
  }

  return {
    async take(raw, replayed) {
      const interaction = parseInteraction(raw);
      if (interaction === undefined) return intake.dropped('interaction');
      if (isKnown(interaction.id)) return;
      places.learn(interaction.rawChannel);
      switch (interaction.kind) {
        case 'ask-aside':
          await respond(interaction, form(interaction.thread));
          return;
        case 'question':
          return command(
            interaction,
            { name: 'btw', argument: interaction.question },
            interaction.thread,
            replayed,
          );
        case 'command':
          return command(interaction, interaction.command, null, replayed);
        case 'click':
          return click(interaction, interaction.payload, interaction.message, replayed);
      }
    },
  };
}

/** Discord's limit for one field. */
const MAX_QUESTION = 4_000;

const form = (thread: string | null): unknown => ({
  type: InteractionResponseType.Modal,
  data: {
    custom_id: asideForm(thread),
    title: ASK_ASIDE,
    components: [
      {
        type: ComponentType.ActionRow,
        components: [
          {
            type: ComponentType.TextInput,
            custom_id: QUESTION_FIELD,
            label: 'Question (only you see it)',
            style: TextInputStyle.Paragraph,
            max_length: MAX_QUESTION,
            required: true,
          },
        ],
      },
    ],
  },
});
