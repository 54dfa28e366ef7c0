/** Outbound messages as Block Kit (pure). Untrusted text only ever becomes plain or rich text, never markup. */
import type { types } from '@slack/bolt';
import { AppError } from '../../domain/errors.ts';
import type { Button, Card, OutboundMessage, StepLine } from '../../domain/message.ts';
import { inSlices } from '../slices.ts';
import { toParts } from './format.ts';
import { escapeMrkdwn } from './mrkdwn.ts';
import { plainSection, preformatted, toRichText } from './rich-text.ts';

type Block = types.KnownBlock;
type Span = types.RichTextElement;

/** One Slack message: `text` is what notifications and screen readers get. */
export type Part = { readonly text: string; readonly blocks: Block[] };

/** Longer actions are attached as a file: a message holds about 13,200 characters over all its blocks. */
export const MAX_INLINE_ACTION = 9_000;
/** Of the model's own words on a card, which come last and decide nothing. */
const MAX_REASON = 1_000;
/** A message shows at most this many steps; the rest is counted. A context block takes ten elements. */
const MAX_STEPS = 9;
/** Notifications show a line or two; Slack refuses texts near 4,000. */
const MAX_FALLBACK = 3_000;
const MAX_LABEL = 75;

/**
 * How the action of a card is shown: on it, in a file beside it, or not at all: then nobody can approve, or it has ended
 * and a file beside it may be of another.
 */
export type Shown = 'inline' | 'file' | 'nowhere' | 'ended';

export type MessageOptions = {
  /** Below the last part. */
  readonly extra?: readonly Block[];
  /** Of a card's action. */
  readonly shown?: Shown;
  /** Others see it too: an aside must not claim the contrary. */
  readonly isPublic?: boolean;
};

export async function toMessages(
  message: OutboundMessage,
  { extra = [], shown = 'inline', isPublic = false }: MessageOptions = {},
): Promise<Part[]> {
  if (message.card !== undefined) return [cardPart(message, message.card, shown)];
  const parts = await toParts(message.text);
  const texts = parts.length > 0 ? parts : [message.aside?.done === false ? 'Thinking…' : '(nothing to say)'];
  return texts.map((text, index) => ({
    text: fallback(text),
    blocks: [
      ...(index === 0 ? [...asideHead(message, isPublic), ...stepLines(message.steps ?? [])] : []),
      { type: 'markdown', text },
      ...(index === texts.length - 1 ? [...buttonRow(message.buttons ?? []), ...extra] : []),
    ],
  }));
}

/** Elements of one rich text block. */
const PER_BLOCK = 40;

/** Markdown as structure, for places that do not take it as it is. */
export async function richBlocks(markdown: string, most: number): Promise<Block[]> {
  const elements = await inSlices(toRichText(markdown));
  const blocks: Block[] = [];
  for (let from = 0; from < elements.length && blocks.length < most; from += PER_BLOCK)
    blocks.push({ type: 'rich_text', elements: elements.slice(from, from + PER_BLOCK) });
  return blocks;
}

/** Slack's limit, less what stands around the text. */
const MAX_RICH = 40;

/** Sends it as it is or, where Slack does not know the `markdown` block, as rich text. @throws what `send` throws */
export async function eitherWay<T>(part: Part, send: (part: Part) => Promise<T>): Promise<T> {
  try {
    return await send(part);
  } catch (error) {
    const isRefused = error instanceof AppError && error.details.slack === 'invalid_blocks';
    if (!isRefused || !part.blocks.some(({ type }) => type === 'markdown')) throw error;
    const ways = part.blocks.map(async (block) =>
      block.type === 'markdown' ? richBlocks(block.text, MAX_RICH) : [block],
    );
    return send({ ...part, blocks: (await Promise.all(ways)).flat() });
  }
}

export const fallback = (text: string): string => {
  const cut = text.length > MAX_FALLBACK ? `${text.slice(0, MAX_FALLBACK)}…` : text;
  return escapeMrkdwn(cut);
};

export const context = (...lines: string[]): Block => ({
  type: 'context',
  elements: lines.map((text) => ({ type: 'plain_text', text: clip(text, 2_000), emoji: false })),
});

export const clip = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;

function asideHead({ aside }: OutboundMessage, isPublic: boolean): Block[] {
  const who = isPublic ? 'everyone here sees' : 'only you see';
  return aside === undefined ? [] : [context(`Aside, ${who} this: ${aside.question}`)];
}

/** 840 ms, 1.2 s */
export const duration = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

const stepText = (step: StepLine): string =>
  `${step.ok ? '' : 'Failed: '}${clip(step.title, 200)} — ${duration(step.durationMs)}`;

function stepLines(steps: readonly StepLine[]): Block[] {
  if (steps.length === 0) return [];
  const latest = steps.slice(-MAX_STEPS).map(stepText);
  const earlier = steps.length - latest.length;
  return [context(...(earlier > 0 ? [`${earlier} earlier steps`] : []), ...latest)];
}

export function buttonRow(buttons: readonly Button[]): Block[] {
  if (buttons.length === 0) return [];
  const elements = buttons.map(
    (button, index): types.Button => ({
      type: 'button',
      action_id: `parley_${index}`,
      text: { type: 'plain_text', text: clip(button.label, MAX_LABEL), emoji: false },
      value: button.token,
      ...(button.style === 'plain' ? {} : { style: button.style }),
    }),
  );
  return [{ type: 'actions', elements }];
}

/** Title, the exact action, the facts, why it asks; below that the model's own words; then the buttons. */
function cardPart(message: OutboundMessage, card: Card, shown: Shown): Part {
  const { action } = card;
  const facts: Span[] = [{ type: 'text', text: card.facts.join(' · ') }, ...expiry(card)];
  const why = card.why.length === 0 ? [] : [plainSection(`\nWhy it asks: ${card.why.join('; ')}`)];
  const outcome =
    card.outcome === undefined
      ? []
      : [
          {
            type: 'rich_text',
            elements: [plainSection(card.outcome, { bold: true }), ...settledAt(card)],
          } satisfies Block,
        ];
  const buttons = message.buttons ?? [];
  const usable = shown === 'nowhere' ? buttons.filter((button) => button.style === 'danger') : buttons;
  return {
    text: fallback(message.text),
    blocks: [
      {
        type: 'rich_text',
        elements: [plainSection(card.title, { bold: true }), actionOf(action.text, shown)],
      },
      { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: facts }, ...why] },
      ...(card.notes === undefined ? [] : [context(...card.notes)]),
      ...(card.modelReason === undefined
        ? []
        : [context(`The model's reason: ${clip(card.modelReason, MAX_REASON)}`)]),
      ...outcome,
      ...buttonRow(usable),
    ],
  };
}

function actionOf(text: string, shown: Shown): types.RichTextBlockElement {
  if (shown === 'inline') return preformatted(text);
  const size = `${text.length.toLocaleString('en')} characters`;
  if (shown === 'ended')
    return plainSection(`\nThe action (${size}) is too long to show here.`, { italic: true });
  return shown === 'file'
    ? plainSection(
        `\nThe whole action (${size}) is in the attached file action.txt, just above. Read it before you decide.`,
        { italic: true },
      )
    : plainSection(
        `\nThe action (${size}) is too long to show here and could not be attached, so it cannot be approved.`,
        { italic: true },
      );
}

const at = (ms: number, fallbackText: string): Span => ({
  type: 'date',
  timestamp: Math.floor(ms / 1000),
  format: '{time}',
  fallback: fallbackText,
});

const utc = (ms: number): string => `${new Date(ms).toISOString().slice(11, 16)} UTC`;

function expiry({ expiresAt }: Card): Span[] {
  if (expiresAt === undefined) return [];
  return [{ type: 'text', text: ' · expires ' }, at(expiresAt, utc(expiresAt))];
}

function settledAt({ settledAt: ms }: Card): types.RichTextSection[] {
  return ms === undefined ? [] : [{ type: 'rich_text_section', elements: [at(ms, utc(ms))] }];
}
