/** An outbound message as the messages Discord will show (pure): texts within its limit, files, buttons, nonces. */
import { createHash } from 'node:crypto';
import type { RawFile } from 'discord.js';
import { ButtonStyle, ComponentType, MessageFlags } from 'discord-api-types/v10';
import type { Button, DeliveryKey, OutboundFile, OutboundMessage } from '../../domain/message.ts';
import { toLongAnswer, WHOLE_ANSWER } from '../long-answer.ts';
import { splitAndRender } from '../split.ts';
import type { EditBody, MessageBody } from './api.ts';
import { cardPart } from './card.ts';
import { escapeText, MAX_CONTENT, renderInSlices, renderMarkdown } from './format.ts';
import { short } from './inbound.ts';

export type Part = {
  readonly content: string;
  readonly buttons: readonly Button[];
  readonly files: readonly OutboundFile[];
};

/** More messages than this for one answer would flood a channel; the rest is a file then. */
const MAX_PARTS = 8;
/** Of the question above an aside. */
const QUESTION = 300;
/** Discord's limit for the words on a button. */
const MAX_LABEL = 80;
/** Buttons in a row, rows of a message. */
const IN_ROW = 5;

/** At least one part. @param isPublic others see it too: an aside must not claim the contrary */
export async function toParts(
  message: OutboundMessage,
  isPublic = false,
): Promise<readonly [Part, ...Part[]]> {
  if (message.card !== undefined) return [cardPart(message, message.card)];
  const head = headOf(message, isPublic);
  const { texts, whole } = await toLongAnswer(message.text, {
    limit: MAX_CONTENT - head.length,
    mostParts: MAX_PARTS,
    note: `**This is the beginning; all of it is in ${WHOLE_ANSWER}.**`,
    split: splitContent,
  });
  const [first = '…', ...rest] = texts;
  const last = rest.length;
  const buttons = message.buttons ?? [];
  const files = [...(whole === undefined ? [] : [whole]), ...(message.files ?? [])];
  const part = (content: string, index: number): Part =>
    index === last ? { content, buttons, files } : { content, buttons: [], files: [] };
  return [part(head + first, 0), ...rest.map((content, index) => part(content, index + 1))];
}

const splitContent = (markdown: string, limit: number): Promise<string[]> =>
  splitAndRender(markdown, { limit, render: renderInSlices, measure: (content) => content.length });

/** What is being written, as one message: the end of it, when it has become too long. */
export function toDraft(markdown: string, head: string, footer: string): string {
  const room = MAX_CONTENT - head.length - footer.length - 1;
  // The whole of a long one is not worth rendering for its end.
  let shown = renderMarkdown(markdown.slice(-4 * room).toWellFormed());
  for (let keep = room; shown.length > room; keep = Math.floor(keep * 0.8))
    shown = `…\n${renderMarkdown(markdown.slice(-keep).toWellFormed())}`;
  return head + ([shown, footer].filter((text) => text !== '').join('\n') || '…');
}

/** While it is being written an aside is one message; whole, it may take several. */
export async function toAsideParts(
  message: OutboundMessage,
  isPublic = false,
): Promise<readonly [Part, ...Part[]]> {
  if (message.aside === undefined || message.aside.done) return toParts(message, isPublic);
  return [{ content: toDraft(message.text, headOf(message, isPublic), ''), buttons: [], files: [] }];
}

function headOf({ aside }: OutboundMessage, isPublic: boolean): string {
  if (aside === undefined) return '';
  const question = short(aside.question.replace(/\s+/g, ' ').trim(), QUESTION);
  const label = isPublic ? 'Aside, everyone here sees this' : 'Aside, only you see this';
  return `-# ${label}\n${question === '' ? '' : `-# ${escapeText(question)}\n`}`;
}

export const small = (text: string): string => `-# ${escapeText(short(text.replace(/\s+/g, ' '), QUESTION))}`;

/** Nobody is rung by anything the bot says (A37). */
const nobody = { parse: [], replied_user: false } satisfies MessageBody['allowed_mentions'];

export function toBody(part: Part, nonce: string): MessageBody {
  return {
    content: part.content,
    allowed_mentions: nobody,
    // No previews: fetching a link would tell its server who reads (A28).
    flags: MessageFlags.SuppressEmbeds,
    components: rows(part.buttons),
    ...nonceOf(nonce),
  };
}

/** Discord then answers with the message it made of the first copy, for a few minutes. */
const nonceOf = (nonce: string): Pick<MessageBody, 'nonce' | 'enforce_nonce'> => ({
  nonce,
  enforce_nonce: true,
});

/** To one person, as a follow-up of an interaction. */
export const toEphemeral = (part: Part): MessageBody => ({
  content: part.content,
  allowed_mentions: nobody,
  flags: MessageFlags.SuppressEmbeds | MessageFlags.Ephemeral,
  components: rows(part.buttons),
});

export const toEdit = (part: Part): EditBody => ({
  content: part.content,
  allowed_mentions: nobody,
  flags: MessageFlags.SuppressEmbeds,
  components: rows(part.buttons),
});

/** The same key and part give the same nonce: at most 25 characters. */
export const nonceFor = (key: DeliveryKey, part: number): string =>
  createHash('sha256').update(`${part} ${key}`).digest('base64url').slice(0, 25);

export const toRawFiles = (files: readonly OutboundFile[]): RawFile[] =>
  files.map(({ name, mimeType, text }) => ({ name, contentType: mimeType, data: Buffer.from(text) }));

const styles = {
  primary: ButtonStyle.Primary,
  danger: ButtonStyle.Danger,
  plain: ButtonStyle.Secondary,
} as const;

function rows(buttons: readonly Button[]): NonNullable<MessageBody['components']> {
  const keys = buttons.map(({ label, token, style }) => ({
    type: ComponentType.Button as const,
    style: styles[style],
    label: short(label, MAX_LABEL),
    custom_id: token,
  }));
  const all = [];
  for (let at = 0; at < keys.length; at += IN_ROW)
    all.push({ type: ComponentType.ActionRow as const, components: keys.slice(at, at + IN_ROW) });
  return all;
}
