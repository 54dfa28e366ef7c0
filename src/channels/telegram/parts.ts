/** An outbound message as the messages Telegram will show (pure): texts within its limits, files, buttons. */
import type { Button, Card, OutboundFile, OutboundMessage, StepLine } from '../../domain/message.ts';
import { toLongAnswer, WHOLE_ANSWER } from '../long-answer.ts';
import { inSlices } from '../slices.ts';
import { splitAndRender, splitMarkdown } from '../split.ts';
import { escapeHtml, measureHtml, neutral, pre, renderInSlices } from './format.ts';
import { folded, MAX_RICH, measureRich, type RichBlock, toRichInSlices } from './rich.ts';

export type Keyboard = {
  readonly inline_keyboard: {
    readonly text: string;
    readonly callback_data: string;
    readonly style?: 'danger' | 'primary';
  }[][];
};

export type Part =
  | { readonly kind: 'rich'; readonly blocks: readonly RichBlock[]; readonly keyboard?: Keyboard }
  | { readonly kind: 'text'; readonly html: string; readonly keyboard?: Keyboard }
  | { readonly kind: 'file'; readonly file: OutboundFile };

/** Telegram counts after reading the tags; counting them too keeps every part legal however it counts. */
export const MAX_HTML = 4096;
/** Room for what is put around a part: the mark of a repeat. */
const RESERVE = 160;
/** More messages than this for one answer would flood a group (20 a minute); the rest is a file then. */
const MAX_PARTS = 6;
/** Of rich messages; each is as long as eight of the others. */
const MAX_RICH_PARTS = 2;
/** Room in them for the steps and for the mark of a repeat. */
const RICH_RESERVE = 1_500;
/** Of each of the smaller fields of a card, ours or labelled as the model's, and of an action that is attached whole. */
type Room = { readonly field: number; readonly excerpt: number };

const AMPLE: Room = { field: 600, excerpt: 1_200 };
/** The last one fits whatever is in it: as HTML a mark takes up to six, and a card that requests share has more lines. */
const NARROW: readonly Room[] = [
  { field: 300, excerpt: 600 },
  { field: 100, excerpt: 200 },
  { field: 50, excerpt: 100 },
];
/** Of the question above an aside. */
const QUESTION = 300;

const text = (html: string, keyboard?: Keyboard): Part => ({
  kind: 'text',
  html,
  ...(keyboard === undefined ? {} : { keyboard }),
});

/** @param isPublic others see it too: an aside must not claim the contrary. */
export async function toParts(message: OutboundMessage, isPublic: boolean): Promise<Part[]> {
  if (message.card !== undefined) return cardParts(message, message.card);
  const head = headOf(message, isPublic);
  const keyboard = keyboardOf(message.buttons ?? []);
  const { texts, whole } = await toLongAnswer(message.text, {
    limit: MAX_HTML - RESERVE - head.length,
    mostParts: MAX_PARTS,
    note: `<i>This is the beginning; all of it is in ${WHOLE_ANSWER}.</i>`,
    split: splitHtml,
  });
  const shown = (texts.length === 0 ? ['…'] : texts).map((html, index, all) =>
    text(index === 0 ? head + html : html, index === all.length - 1 ? keyboard : undefined),
  );
  const files = [...(whole === undefined ? [] : [whole]), ...(message.files ?? [])];
  return [...shown, ...files.map((file): Part => ({ kind: 'file', file }))];
}

/** Markdown whose HTML fits, part by part. */
export const splitToFit = (markdown: string, limit: number): Promise<string[]> =>
  splitMarkdown(markdown, {
    limit,
    *measure(part) {
      return measureHtml(yield* renderInSlices(part), limit);
    },
  });

export const splitHtml = (markdown: string, limit: number): Promise<string[]> =>
  splitAndRender(markdown, {
    limit,
    render: renderInSlices,
    measure: (html) => measureHtml(html, limit),
  });

function headOf(message: OutboundMessage, isPublic: boolean): string {
  if (message.aside !== undefined) {
    const label = isPublic ? 'Aside, everyone here sees this' : 'Aside, only you see this';
    const question = escapeHtml(neutral(short(message.aside.question, QUESTION)));
    return `<i>${label}</i>\n${question === '' ? '' : `<blockquote>${question}</blockquote>\n`}`;
  }
  return message.steps === undefined || message.steps.length === 0 ? '' : `${stepsHtml(message.steps)}\n`;
}

/** Steps shown; more would push the answer out of sight. */
const MAX_STEPS = 8;
/** Of all of them as HTML, where a single `"` takes six: the answer needs the room. */
const STEPS_HTML = 1_000;

export const stepsHtml = (steps: readonly StepLine[]): string =>
  `<blockquote expandable>${stepLines(steps, (line) => escapeHtml(neutral(line))).join('\n')}</blockquote>`;

function stepLines(steps: readonly StepLine[], render: (line: string) => string): string[] {
  let shown = steps.slice(-MAX_STEPS).map((step) => {
    const failed = step.ok ? '' : ' (failed)';
    return `${render(short(step.title, 80))}${failed} — ${(step.durationMs / 1000).toFixed(1)} s`;
  });
  while (shown.length > 1 && shown.join('\n').length > STEPS_HTML) shown = shown.slice(1);
  const left = steps.length - shown.length;
  return left > 0 ? [`${left} earlier steps`, ...shown] : shown;
}

/** An answer as rich messages; their few thousand words each make parts rare. */
export async function toRichParts(message: OutboundMessage): Promise<Part[]> {
  const lines = stepLines(message.steps ?? [], (line) => line);
  const head = lines.length === 0 ? [] : [folded(lines)];
  const { texts, whole } = await toLongAnswer(message.text, {
    limit: MAX_RICH - RICH_RESERVE,
    mostParts: MAX_RICH_PARTS,
    note: `*This is the beginning; all of it is in ${WHOLE_ANSWER}.*`,
    split: (markdown, limit) =>
      splitMarkdown(markdown, { limit, measure: (part) => measureRich(part, limit) }),
  });
  const keyboard = keyboardOf(message.buttons ?? []);
  const shown: Part[] = [];
  for (const [index, text] of (texts.length === 0 ? ['…'] : texts).entries()) {
    const blocks = await inSlices(toRichInSlices(text));
    const isLast = index >= texts.length - 1;
    shown.push({
      kind: 'rich',
      blocks: index === 0 ? [...head, ...blocks] : blocks,
      ...(isLast && keyboard !== undefined ? { keyboard } : {}),
    });
  }
  const files = [...(whole === undefined ? [] : [whole]), ...(message.files ?? [])];
  return [...shown, ...files.map((file): Part => ({ kind: 'file', file }))];
}

/**
 * The card, with its action whole or, where that does not fit, whole in a file that is sent before it: there is never
 * an Approve button without all of what it approves.
 */
function cardParts(message: OutboundMessage, card: Card): Part[] {
  const keyboard = keyboardOf(message.buttons ?? []);
  const whole = cardHtml(card, pre(card.action.text, card.action.language), AMPLE);
  if (whole.length <= MAX_HTML - RESERVE) return [text(whole, keyboard)];
  const name = 'action.txt';
  const length = card.action.text.length.toLocaleString('en');
  const isFiled = card.outcome === undefined || card.isRenewed !== true;
  const note = isFiled
    ? `<b>This is only the beginning. All ${length} characters are in ${name}, above.</b>`
    : `<b>This is only the beginning of ${length} characters.</b>`;
  const beginning = (room: Room): string => {
    const excerpt = pre(short(card.action.text, room.excerpt), card.action.language);
    return cardHtml(card, `${excerpt}\n${note}`, room);
  };
  let html = beginning(AMPLE);
  for (const room of NARROW) if (html.length > MAX_HTML - RESERVE) html = beginning(room);
  const file: Part = { kind: 'file', file: { name, mimeType: 'text/plain', text: card.action.text } };
  // Once it is settled the file is there already.
  return card.outcome === undefined ? [file, text(html, keyboard)] : [text(html, keyboard)];
}

function cardHtml(card: Card, action: string, room: Room): string {
  const field = (value: string): string => escapeHtml(neutral(short(value, room.field)));
  const expiry = card.expiresAt === undefined ? [] : [`expires ${clockTime(card.expiresAt)}`];
  const lines = [`<b>${field(card.title)}</b>`, action, field([...card.facts, ...expiry].join(' · '))];
  if (card.why.length > 0) lines.push(`Why it asks: ${field(card.why.join('; '))}`);
  lines.push(...(card.notes ?? []).map(field));
  if (card.modelReason !== undefined)
    lines.push(`<blockquote>The model's reason: ${field(card.modelReason)}</blockquote>`);
  if (card.outcome !== undefined) {
    const at = card.settledAt === undefined ? '' : `, ${clockTime(card.settledAt)}`;
    lines.push(`<b>${field(card.outcome)}</b>${at}`);
  }
  return lines.join('\n');
}

/** Telegram does not tell a bot its readers' time zones. */
const clockTime = (at: number): string => `${new Date(at).toISOString().slice(11, 16)} UTC`;

/** Cut between characters, with a mark. */
function short(value: string, most: number): string {
  if (value.length <= most) return value;
  return `${[...value.slice(0, most)].slice(0, -1).join('')}…`;
}

const styles = { primary: { style: 'primary' }, danger: { style: 'danger' }, plain: {} } as const;

/** One row, unless the labels are long: a phone shows about 30 letters in it. */
export function keyboardOf(buttons: readonly Button[]): Keyboard | undefined {
  if (buttons.length === 0) return undefined;
  const keys = buttons.map(({ label, token, style }) => ({
    text: label,
    callback_data: token,
    ...styles[style],
  }));
  const letters = keys.reduce((sum, key) => sum + key.text.length, 0);
  return { inline_keyboard: letters <= 30 ? [keys] : keys.map((key) => [key]) };
}
