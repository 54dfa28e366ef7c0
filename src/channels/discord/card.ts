/**
 * An approval card as a Discord message (pure). The action is shown whole in a block of plain text, or attached whole
 * as a file of the same message: there is never an Approve button without all of what it approves (A8, A10).
 */
import type { Card, OutboundFile, OutboundMessage } from '../../domain/message.ts';
import { codeBlock, escapeText, MAX_CONTENT } from './format.ts';
import { short } from './inbound.ts';
import type { Part } from './outbound.ts';

/** Of the action, when it does not fit: the whole is attached. */
const EXCERPT = 700;
/** Each of the smaller fields. They are ours, or labelled as the model's. */
const FIELD = 300;
/** Bots may send files of 10 MB; nobody reads this much before pressing a button. */
const MAX_FILE = 1_000_000;

const FILE_NAME = 'action.txt';

export function cardPart(message: OutboundMessage, card: Card): Part {
  const { text, language } = card.action;
  const buttons = message.buttons ?? [];
  // A block ends at the first fence in it, so such text could pass for ours.
  const whole = text.includes('```') ? null : compose(card, codeBlock(text, language));
  if (whole !== null && whole.length <= MAX_CONTENT) return { content: whole, buttons, files: [] };
  const count = text.length.toLocaleString('en');
  const file: OutboundFile = { name: FILE_NAME, mimeType: 'text/plain', text };
  if (text.length > MAX_FILE)
    return {
      content: compose(card, `**${count} characters: too much to show, so it cannot be approved here.**`),
      buttons: buttons.filter((button) => button.style === 'danger'),
      files: [],
    };
  const note = `**This is only the beginning. All ${count} characters are in ${FILE_NAME}, attached.**`;
  const content = compose(card, `${codeBlock(short(text, EXCERPT).replaceAll('`', "'"), language)}\n${note}`);
  // Once it is settled the file is there already, and an edit keeps it.
  return { content, buttons, files: card.outcome === undefined ? [file] : [] };
}

function compose(card: Card, action: string): string {
  const lines = [`**${field(card.title)}**`, action, facts(card)];
  if (card.why.length > 0) lines.push(`Why it asks: ${field(card.why.join('; '))}`);
  lines.push(...(card.notes ?? []).map((note) => `-# ${field(note)}`));
  if (card.modelReason !== undefined) lines.push(`-# The model's reason: ${field(card.modelReason)}`);
  if (card.outcome !== undefined) lines.push(`**${field(card.outcome)}**${settledAt(card)}`);
  return lines.join('\n');
}

/** Discord renders times in the reader's zone. */
function facts({ facts, expiresAt }: Card): string {
  const known = field(facts.join(' · '));
  return expiresAt === undefined ? known : `${known} · expires <t:${Math.floor(expiresAt / 1000)}:R>`;
}

const settledAt = ({ settledAt }: Card): string =>
  settledAt === undefined ? '' : ` (<t:${Math.floor(settledAt / 1000)}:t>)`;

/** One line of plain text. */
const field = (value: string): string => escapeText(short(value.replace(/\s+/g, ' '), FIELD));
