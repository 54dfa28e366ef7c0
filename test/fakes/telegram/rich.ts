/** Reads rich messages as strictly as Telegram: known blocks only, within its limits; no detection of names asked for. */
import { z } from 'zod';

const MAX_CHARACTERS = 32_768;
const MAX_BLOCKS = 500;
const MAX_DEPTH = 16;
const MAX_COLUMNS = 20;

type Text = string | Text[] | { type: string; text: Text; url?: string | undefined };
const text: z.ZodType<Text> = z.lazy(() =>
  z.union([
    z.string(),
    z.array(text).min(1),
    z.strictObject({ type: z.enum(['bold', 'italic', 'strikethrough', 'code']), text }),
    z.strictObject({ type: z.literal('url'), text, url: z.url() }),
  ]),
);
type Block = { type: string; text?: Text; blocks?: Block[]; items?: { blocks: Block[] }[]; cells?: Cell[][] };
type Cell = { text: Text };
const cell = z.strictObject({
  text,
  align: z.enum(['left', 'center', 'right']),
  valign: z.literal('middle'),
  is_header: z.literal(true).optional(),
});
const item = () =>
  z.strictObject({
    blocks: z.array(block).min(1),
    value: z.int().optional(),
    type: z.literal('1').optional(),
    has_checkbox: z.literal(true).optional(),
    is_checked: z.literal(true).optional(),
  });
const block: z.ZodType<Block> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('paragraph'), text }),
    z.strictObject({ type: z.literal('heading'), text, size: z.int().min(1).max(6) }),
    z.strictObject({ type: z.literal('pre'), text, language: z.string().optional() }),
    z.strictObject({ type: z.literal('divider') }),
    z.strictObject({ type: z.literal('expandable_blockquote'), text }),
    z.strictObject({ type: z.literal('thinking'), text }),
    z.strictObject({ type: z.literal('blockquote'), blocks: z.array(block).min(1) }),
    z.strictObject({ type: z.literal('list'), items: z.array(item()).min(1) }),
    z.strictObject({
      type: z.literal('table'),
      cells: z.array(z.array(cell).min(1).max(MAX_COLUMNS)).min(1),
      is_bordered: z.literal(true),
    }),
  ]),
);

export const richMessage = z.strictObject({
  blocks: z.array(block).min(1),
  skip_entity_detection: z.literal(true),
});

/** @throws Error in Telegram's manner. */
export function readRich(message: z.output<typeof richMessage>, isDraft = false): string {
  let count = 0;
  const words = (value: Text, depth: number): string => {
    if (depth > MAX_DEPTH) throw new Error('too many levels of nesting');
    if (typeof value === 'string') return value;
    return Array.isArray(value)
      ? value.map((one) => words(one, depth)).join('')
      : words(value.text, depth + 1);
  };
  const read = (one: Block, depth: number): string => {
    count += 1;
    if (depth > MAX_DEPTH) throw new Error('too many levels of nesting');
    if (one.type === 'thinking' && !isDraft) throw new Error('a thinking block is for drafts only');
    const rows = one.cells ?? [];
    count += rows.length + (one.items?.length ?? 0);
    return [
      ...(one.text === undefined ? [] : [words(one.text, depth)]),
      ...(one.blocks ?? []).map((inner) => read(inner, depth + 1)),
      ...(one.items ?? []).flatMap((inner) => inner.blocks.map((each) => read(each, depth + 2))),
      ...rows.map((row) => row.map((each) => words(each.text, depth + 2)).join(' | ')),
    ].join('\n');
  };
  const shown = message.blocks.map((one) => read(one, 1)).join('\n');
  if (count > MAX_BLOCKS) throw new Error('too many blocks');
  if (shown.length > MAX_CHARACTERS) throw new Error('message is too long');
  if (shown.trim() === '') throw new Error('message text is empty');
  return shown;
}
