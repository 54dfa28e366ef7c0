/** Slack's own limits on blocks and texts; what breaks one is refused in Slack's words. */

export type Block = { readonly type: string } & Readonly<Record<string, unknown>>;

export class Refusal extends Error {}

const known = new Set([
  'section',
  'header',
  'actions',
  'context',
  'divider',
  'rich_text',
  'markdown',
  'input',
  'image',
  'table',
  'file',
  'context_actions',
]);
const richElements = new Set([
  'rich_text_section',
  'rich_text_list',
  'rich_text_quote',
  'rich_text_preformatted',
]);
const richSpans = new Set([
  'text',
  'link',
  'date',
  'emoji',
  'user',
  'channel',
  'usergroup',
  'broadcast',
  'color',
]);

const MAX_BLOCKS = 50;
const MAX_MARKDOWN = 12_000;
/** Reported, not documented. */
const MAX_ALL = 13_200;

const records = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value : []);
const stringOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** All text a reader sees, in order. */
export function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, field]) =>
    (key === 'text' || key === 'fallback') && typeof field === 'string' ? [field] : textsOf(field),
  );
}

export function checkBlocks(blocks: readonly Block[], most = MAX_BLOCKS): void {
  if (blocks.length > most) throw new Refusal('invalid_blocks');
  const markdown = blocks.filter((block) => block.type === 'markdown').map((block) => stringOf(block.text));
  if (markdown.some((text) => text === '')) throw new Refusal('invalid_blocks');
  if (markdown.join('').length > MAX_MARKDOWN) throw new Refusal('msg_blocks_too_long');
  if (most === MAX_BLOCKS && textsOf(blocks).join('').length > MAX_ALL)
    throw new Refusal('msg_blocks_too_long');
  for (const block of blocks) checkBlock(block);
}

function checkBlock(block: Block): void {
  if (!known.has(block.type)) throw new Refusal('invalid_blocks');
  const elements = records(block.elements);
  switch (block.type) {
    case 'section':
      checkText(block.text, 3000);
      return;
    case 'header':
      checkText(block.text, 150);
      return;
    case 'context':
      if (elements.length === 0 || elements.length > 10) throw new Refusal('invalid_blocks');
      for (const element of elements) checkText(element, 3000);
      return;
    case 'actions': {
      if (elements.length === 0 || elements.length > 25) throw new Refusal('invalid_blocks');
      const ids = elements.map((element) => element.action_id);
      if (new Set(ids).size !== ids.length) throw new Refusal('invalid_blocks');
      for (const element of elements) checkButton(element);
      return;
    }
    case 'rich_text':
      if (elements.length === 0) throw new Refusal('invalid_blocks');
      for (const element of elements) checkRich(element);
  }
}

function checkText(value: unknown, most: number): void {
  const { type, text } = Object(value) as Record<string, unknown>;
  if (type !== 'plain_text' && type !== 'mrkdwn') throw new Refusal('invalid_blocks');
  if (stringOf(text) === '' || stringOf(text).length > most) throw new Refusal('invalid_blocks');
}

function checkButton(element: Record<string, unknown>): void {
  if (element.type !== 'button') throw new Refusal('invalid_blocks');
  checkText(element.text, 75);
  if (stringOf(element.value).length > 2000 || stringOf(element.action_id).length > 255)
    throw new Refusal('invalid_blocks');
  // Ours is stricter: the same payload goes to every platform.
  if (Buffer.byteLength(stringOf(element.value)) > 64) throw new Refusal('invalid_blocks');
  if (element.style !== undefined && element.style !== 'primary' && element.style !== 'danger')
    throw new Refusal('invalid_blocks');
}

function checkRich(element: Record<string, unknown>): void {
  if (!richElements.has(stringOf(element.type))) throw new Refusal('invalid_blocks');
  for (const span of records(element.elements)) {
    if (element.type === 'rich_text_list') checkRich(span);
    else if (!richSpans.has(stringOf(span.type))) throw new Refusal('invalid_blocks');
    else if (span.type === 'text' && stringOf(span.text) === '') throw new Refusal('invalid_blocks');
  }
}

export function checkMessageText(text: string): void {
  if (text.length > 4_000) throw new Refusal('msg_too_long');
  if (/<(?:!(?:channel|here|everyone)|@U)/.test(text)) throw new Refusal('fake_would_have_pinged_people');
}

/** Modals take no `markdown` block. */
export function checkView(value: unknown): Record<string, unknown> {
  const view = Object(value) as Record<string, unknown>;
  if (view.type !== 'modal') throw new Refusal('invalid_arguments');
  checkText(view.title, 24);
  const blocks = records(view.blocks) as Block[];
  if (blocks.some((block) => block.type === 'markdown')) throw new Refusal('invalid_arguments');
  if (stringOf(view.private_metadata).length > 3000) throw new Refusal('invalid_arguments');
  for (const block of blocks.filter((one) => one.type !== 'input')) checkBlocks([block], 100);
  if (blocks.length > 100) throw new Refusal('invalid_arguments');
  return view;
}
