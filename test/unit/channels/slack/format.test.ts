/** Markdown for Slack: nothing lost, every part legal, nobody pinged, no link masked (A28, A37, A38). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { neutralize, PART_LENGTH, toLive, toParts, toSlack } from '../../../../src/channels/slack/format.ts';
import { escapeMrkdwn, toPlain } from '../../../../src/channels/slack/mrkdwn.ts';
import { toRichText } from '../../../../src/channels/slack/rich-text.ts';
import { atOnce } from '../../../../src/channels/slices.ts';
import { textsOf } from '../../../fakes/slack/blocks.ts';

const shown = (markdown: string): string => atOnce(toSlack(markdown));

/** Words survive whatever happens to the markup around them. */
const words = (text: string): string[] => text.match(/w\d+/g) ?? [];
const number = fc.nat(99_999);
const phrase = fc
  .array(number, { minLength: 1, maxLength: 12 })
  .map((all) => all.map((one) => `w${one}`).join(' '));
const inline = fc.oneof(
  phrase,
  phrase.map((text) => `**${text}**`),
  phrase.map((text) => `*${text}*`),
  phrase.map((text) => `\`${text}\``),
  phrase.map((text) => `[${text}](https://example.com/w1)`),
);
const line = fc.array(inline, { minLength: 1, maxLength: 6 }).map((all) => all.join(' '));
const block = fc.oneof(
  line,
  line.map((text) => `## ${text}`),
  line.map((text) => `> ${text}`),
  fc.array(line, { minLength: 1, maxLength: 8 }).map((all) => all.map((one) => `- ${one}`).join('\n')),
  fc
    .array(line, { minLength: 1, maxLength: 8 })
    .map((all) => all.map((one, at) => `${at + 1}. ${one}`).join('\n')),
  fc.array(phrase, { minLength: 1, maxLength: 40 }).map((all) => `\`\`\`js\n${all.join('\n')}\n\`\`\``),
  fc
    .array(fc.tuple(phrase, phrase), { minLength: 1, maxLength: 10 })
    .map((rows) => `| a | b |\n|---|---|\n${rows.map(([a, b]) => `| ${a} | ${b} |`).join('\n')}`),
);
const document = (max: number) =>
  fc.array(block, { minLength: 1, maxLength: max }).map((all) => all.join('\n\n'));

describe('Markdown for Slack', () => {
  it('keeps every word, in order, in parts that are legal', async () => {
    await fc.assert(
      fc.asyncProperty(document(60), async (text) => {
        const parts = await toParts(text);
        for (const part of parts) expect(part.length).toBeLessThanOrEqual(PART_LENGTH);
        expect(words(parts.join('\n'))).toEqual(words(text));
      }),
      { numRuns: 60 },
    );
  });

  it('keeps all of 100 KB, with code and tables whole in each part', async () => {
    const [text = ''] = fc.sample(document(400), { numRuns: 1, seed: 7 });
    const long = `${text}\n\n`.repeat(Math.ceil(100_000 / (text.length + 2)));
    const parts = await toParts(long);
    expect(words(parts.join('\n'))).toEqual(words(long));
    for (const part of parts) {
      expect(part.length).toBeLessThanOrEqual(PART_LENGTH);
      expect((part.match(/^```/gm) ?? []).length % 2).toBe(0);
    }
  });

  it('F45: texts full of what may become a mention or a link cost no more than their length', {
    timeout: 60_000,
  }, () => {
    const units = [
      '[',
      '[a](',
      '](https://a',
      '[x](https://',
      '<http:',
      '<mailto:x',
      '<https://a|',
      '<@U',
      '<!',
      '&',
      '@',
    ];
    const start = performance.now();
    for (const unit of units) {
      const text = unit.repeat(400_000 / unit.length);
      expect(neutralize(text).length).toBeGreaterThanOrEqual(text.length);
      expect(toLive(text).length).toBeGreaterThan(0);
    }
    // Only guards against a hang: several of them would take half a minute each.
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it('writing it again changes nothing more', () => {
    fc.assert(
      fc.property(document(10), (text) => {
        const once = shown(text.replaceAll(/\]\([^)]*\)/g, ']'));
        expect(shown(once)).toBe(once);
      }),
      { numRuns: 60 },
    );
  });

  it('A37: nothing an author writes is a mention, in prose or in code', () => {
    for (const bad of [
      '<!channel>',
      '<!here|x>',
      '<@U123>',
      '<#C123|general>',
      '<!subteam^S1>',
      '<https://evil.example|bank>',
      '<https://evil.example<a|bank>',
      '<mailto:a@evil.example|bank>',
    ]) {
      for (const text of [
        bad,
        `**${bad}**`,
        `\`${bad}\``,
        `\`\`\`\n${bad}\n\`\`\``,
        `> ${bad}`,
        `| a |\n|---|\n| ${bad} |`,
        `- ${bad}`,
        `[${bad}](https://x.example)`,
        `# ${bad}`,
      ]) {
        for (const out of [shown(text), toLive(`${text} `)])
          expect(out).not.toMatch(/<(?:[!@#]|https?:[^>\s]*\|)/);
      }
    }
    expect(neutralize('<!DOCTYPE html><!-- x -->')).toBe('<!DOCTYPE html><!-- x -->');
    expect(escapeMrkdwn('<!channel> & <@U1>')).toBe('&lt;!channel&gt; &amp; &lt;@U1&gt;');
  });

  it('A38: a link says its host, unless its text is the address; other schemes are text', () => {
    expect(shown('[bank](https://evil.example/login)')).toBe(
      '[bank](https://evil.example/login) (evil.example)',
    );
    expect(shown('[https://good.example](https://evil.example)')).toContain('(evil.example)');
    expect(shown('[x](https://bank.example@evil.example/)')).toContain('(evil.example)');
    expect(shown('see https://good.example/a')).toBe('see https://good.example/a');
    expect(shown('[run](javascript:alert(1))')).not.toContain('](javascript');
    expect(shown('![chart](https://evil.example/x.png)')).toBe(
      '[Image: chart](https://evil.example/x.png) (evil.example)',
    );
    expect(toLive('[bank](https://evil.example/login) now')).toContain('(evil.example)');
  });

  it('the live text only grows, and never shows half a link', () => {
    fc.assert(
      fc.property(document(3), (text) => {
        let before = '';
        for (let end = 0; end <= text.length; end += 3) {
          const now = toLive(text.slice(0, end));
          expect(now.startsWith(before)).toBe(true);
          expect(now).not.toMatch(/\]\([^)]*$/);
          before = now;
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('rich text for modals', () => {
  it('keeps every word as structure', () => {
    fc.assert(
      fc.property(document(12), (text) => {
        expect(words(textsOf(atOnce(toRichText(text))).join('\n'))).toEqual(
          words(text.replaceAll(/\(https[^)]*\)/g, '')),
        );
      }),
      { numRuns: 60 },
    );
  });
});

describe('what people write, as plain text', () => {
  it('takes the bot out, spells out the rest, and leaves indentation alone', () => {
    expect(
      toPlain('<@UBOT> run\n    this &lt;b&gt; &amp; <@U2|bo> in <#C1|general> <!here>', 'UBOT'),
    ).toEqual({
      text: 'run\n    this <b> & @bo in #general @here',
      mentionsBot: true,
    });
    expect(toPlain('hey <@UBOT|parley> you', 'UBOT').text).toBe('hey you');
    expect(toPlain('<https://a.example|label> <https://b.example> <mailto:x@y.z|x@y.z>', 'UBOT')).toEqual({
      text: 'label (https://a.example) https://b.example x@y.z',
      mentionsBot: false,
    });
  });
});
