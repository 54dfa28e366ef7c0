/** Rich messages of Telegram: every word kept as structure, within the limits, and nothing an author wrote is markup. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toRichParts } from '../../../../src/channels/telegram/parts.ts';
import { toRich, richMessage as wire } from '../../../../src/channels/telegram/rich.ts';
import { readRich, richMessage } from '../../../fakes/telegram/rich.ts';

const read = (blocks: Parameters<typeof wire>[0]): string =>
  readRich(richMessage.parse(JSON.parse(JSON.stringify(wire(blocks)))));

const word = fc.stringMatching(/^[a-z]{1,8}$/);
const words = fc.array(word, { minLength: 1, maxLength: 12 }).map((list) => list.join(' '));
const block = fc.oneof(
  words,
  words.map((text) => `## ${text}`),
  fc.array(words, { minLength: 1, maxLength: 8 }).map((items) => items.map((item) => `- ${item}`).join('\n')),
  fc
    .array(words, { minLength: 1, maxLength: 5 })
    .map((items) => items.map((item, at) => `${at + 1}. [x] **${item}**`).join('\n')),
  words.map((text) => `\`\`\`ts\n${text}\n\`\`\``),
  words.map((text) => `> ${text}\n> > *${text}*`),
  fc.tuple(words, words).map(([a, b]) => `| ${a} | ${b} |\n|---|:-:|\n| ${b} | ~~${a}~~ |`),
);

describe('rich messages', () => {
  it('are legal and keep every word, in order, up to 100 KB', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 400 }), async (blocks) => {
        const text = blocks.join('\n\n');
        const parts = await toRichParts({ kind: 'answer', text });
        const file = parts.find((part) => part.kind === 'file');
        const shown = parts.flatMap((part) => (part.kind === 'rich' ? [read(part.blocks)] : []));
        if (file?.kind === 'file') expect(file.file.text).toBe(text);
        else
          expect(shown.join(' ').match(/[a-z]+/g)).toEqual(text.replace(/```ts|\[x\]/g, '').match(/[a-z]+/g));
      }),
      { numRuns: 40 },
    );
  });

  it('survive anything', async () => {
    const hostile = fc.stringMatching(/^[-*_`~>|#[\](){}<!&;:\\\n a1.@]{0,200}$/);
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        for (const part of await toRichParts({ kind: 'answer', text }))
          if (part.kind === 'rich') read(part.blocks);
      }),
      { numRuns: 300 },
    );
  });

  it('deep nesting and wide tables end as text, within the limits', () => {
    expect(read(toRich(`${'> '.repeat(14)}deep`))).toContain('deep');
    expect(read(toRich(`${'- '.repeat(14)}deep`))).toContain('deep');
    expect(read(toRich(`|${'a|'.repeat(21)}\n|${'-|'.repeat(21)}\n|${'b|'.repeat(21)}`))).toContain('|b|b|');
  });

  it('A37, A38: a name is text, a link says its host, other schemes and tags stay text', () => {
    expect(wire(toRich('@everyone')).skip_entity_detection).toBe(true);
    expect(toRich('[bank](https://evil.example/login)')).toEqual([
      {
        type: 'paragraph',
        text: [{ type: 'url', text: 'bank', url: 'https://evil.example/login' }, ' (evil.example)'],
      },
    ]);
    expect(read(toRich('[x](javascript:alert(1)) <b>no</b>'))).toBe('x (javascript:alert(1)) <b>no</b>');
    expect(JSON.stringify(toRich('![p](https://spy.example/p.png)'))).not.toContain('photo');
  });
});
