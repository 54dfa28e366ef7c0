/**
 * An approval card as a Discord message (pure). The action is shown whole in a block of plain text, or attached whole
 * as a file of the same message: there is never an Approve button without all of what it approves (A8, A10).
 */
import type { Card, OutboundFile, OutboundMessage } from '../../domain/message.ts';
import { codeBlock, escapeText, MAX_CONTENT } from './format.ts';
import { short } from './inbound.ts';
import type { Part } from './outbound.ts';

/** Of each of the smaller fields, which are ours or labelled as the model's, and of an action that is attached whole. */
type Room = { readonly field: number; readonly excerpt: number };

const AMPLE: Room = { field: 300, excerpt: 700 };
/** The last one fits whatever is in it: escaping doubles marks, and a card that requests share has lines of its own. */
const NARROW: readonly Room[] = [
  { field: 300, excerpt: 200 },
  { field: 150, excerpt: 200 },
  { field: 60, excerpt: 200 },
];
/** Bots may send files of 10 MB; nobody reads this much before pressing a button. */
const MAX_FILE = 1_000_000;

const FILE_NAME = 'action.txt';

export function cardPart(message: OutboundMessage, card: Card): Part {
  const { text, language } = card.action;
  const buttons = message.buttons ?? [];
  // A block ends at the first fence in it, so such text could pass for ours.
  const whole = text.includes('```') ? null : compose(card, codeBlock(text, language), AMPLE);
  if (whole !== null && whole.length <= MAX_CONTENT) return { content: whole, buttons, files: [] };
  const count = text.length.toLocaleString('en');
  const file: OutboundFile = { name: FILE_NAME, mimeType: 'text/plain', text };
  if (text.length > MAX_FILE)
    return {
      content: fitted(
        card,
        () => `**${count} characters: too much to show, so it cannot be approved here.**`,
      ),
      buttons: buttons.filter((button) => button.style === 'danger'),
      files: [],
    };
  const isFiled = card.outcome === undefined || card.isRenewed !== true;
  const note = isFiled
    ? `**This is only the beginning. All ${count} characters are in ${FILE_NAME}, attached.**`
    : `**This is only the beginning of ${count} characters.**`;
  const content = fitted(card, ({ excerpt }) => {
    return `${codeBlock(short(text, excerpt).replaceAll('`', "'"), language)}\n${note}`;
  });
  // Once it is settled the file is there already, and an edit keeps it.
  return { content, buttons, files: card.outcome === undefined ? [file] : [] };
}

function fitted(card: Card, action: (room: Room) => string): string {
  let content = compose(card, action(AMPLE), AMPLE);
  for (const room of NARROW) if (content.length > MAX_CONTENT) content = compose(card, action(room), room);
  return content;
}

function compose(card: Card, action: string, room: Room): string {
  const field = (value: string): string => escapeText(short(value.replace(/\s+/g, ' '), room.field));
  const lines = [`**${field(card.title)}**`, action, field(card.facts.join(' · ')) + expiry(card)];
  if (card.why.length > 0) lines.push(`Why it asks: ${field(card.why.join('; '))}`);
  lines.push(...(card.notes ?? []).map((note) => `-# ${field(note)}`));
  if (card.modelReason !== undefined) lines.push(`-# The model's reason: ${field(card.modelReason)}`);
  if (card.outcome !== undefined) lines.push(`**${field(card.outcome)}**${settledAt(card)}`);
  return lines.join('\n');
}

/** Discord renders times in the reader's zone. */
const expiry = ({ expiresAt }: Card): string =>
  expiresAt === undefined ? '' : ` · expires <t:${Math.floor(expiresAt / 1000)}:R>`;

const settledAt = ({ settledAt }: Card): string =>
  settledAt === undefined ? '' : ` (<t:${Math.floor(settledAt / 1000)}:t>)`;
