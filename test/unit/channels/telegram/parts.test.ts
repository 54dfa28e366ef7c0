/** Cards, asides and long answers as Telegram shows them: nothing hidden, nothing over the limits (A8, A9, A10). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_HTML, toParts } from '../../../../src/channels/telegram/parts.ts';
import type { Button, OutboundMessage } from '../../../../src/domain/message.ts';
import { readHtml } from '../../../fakes/telegram/html.ts';

const buttons: Button[] = [{ label: 'Approve once', token: 'a1:o:x', style: 'primary' }];
const cardOf = (action: string, more: object = {}): OutboundMessage => ({
  kind: 'card',
  text: 'fallback',
  buttons,
  card: {
    title: 'Run this command?',
    action: { text: action, language: 'bash' },
    facts: ['asked by Cy'],
    why: [],
    ...more,
  },
});

describe('parts of a message', () => {
  it('A8: Approve is only offered when the whole action is there, in the card or in a file before it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 8_000 }), async (action) => {
        const parts = await toParts(cardOf(action), true);
        const last = parts.at(-1);
        if (last?.kind !== 'text') throw new Error('a card ends with its text');
        expect(last.html.length).toBeLessThanOrEqual(MAX_HTML);
        expect(last.keyboard).toBeDefined();
        const [file] = parts;
        if (file?.kind === 'file') expect(file.file.text).toBe(action);
        else expect(readHtml(last.html).text).toContain(action.trim());
      }),
    );
  });

  it('A8, A49: whatever stands around an action, the card is no longer than Telegram takes', async () => {
    const marks = '"<'.repeat(1_000);
    const around = {
      title: marks,
      facts: [marks],
      why: [marks],
      notes: Array(6).fill(marks),
      modelReason: marks,
    };
    for (const action of ['ls', marks, 'z'.repeat(5_000)])
      for (const ending of [
        { expiresAt: 1_700_000_000_000 },
        { outcome: marks, settledAt: 1_700_000_000_000 },
      ]) {
        const last = (await toParts(cardOf(action, { ...around, ...ending }), true)).at(-1);
        expect(last?.kind === 'text' && last.html.length).toBeLessThanOrEqual(MAX_HTML);
      }
  });

  it('A10: nothing in the fields of a card can become markup', async () => {
    const html = await toParts(
      cardOf('ls', { facts: ['asked by <b>Admin</b> @ana'], modelReason: '</blockquote><b>safe</b>' }),
      true,
    );
    expect(html[0]).toMatchObject({
      html: expect.stringContaining("The model's reason: &lt;/blockquote&gt;&lt;b&gt;safe&lt;/b&gt;"),
    });
    expect(html[0]).toMatchObject({ html: expect.stringContaining('&lt;b&gt;Admin&lt;/b&gt; @\u2060ana') });
  });

  it('an outcome ends the card, with the time and without the file again', async () => {
    const settled = cardOf('x'.repeat(6_000), {
      outcome: 'Denied by Ana',
      settledAt: Date.UTC(2026, 0, 1, 14, 5),
    });
    const parts = await toParts({ ...settled, buttons: [] }, true);
    expect(parts).toHaveLength(1);
    expect(parts[0]).toMatchObject({ html: expect.stringContaining('<b>Denied by Ana</b>, 14:05 UTC') });
    expect(parts[0]).not.toHaveProperty('keyboard');
  });

  it('an aside repeats the question, and says so when others see it too', async () => {
    const aside: OutboundMessage = {
      kind: 'aside',
      text: 'an answer',
      aside: { question: 'why <b>?', done: true },
    };
    expect((await toParts(aside, false))[0]).toMatchObject({
      html: '<i>Aside, only you see this</i>\n<blockquote>why &lt;b&gt;?</blockquote>\nan answer',
    });
    expect((await toParts(aside, true))[0]).toMatchObject({
      html: expect.stringContaining('everyone here sees this'),
    });
  });

  it('steps come folded above the answer; files after it', async () => {
    const parts = await toParts(
      {
        kind: 'answer',
        text: 'done',
        steps: [{ title: 'Read package.json', ok: true, durationMs: 100 }],
        files: [{ name: 'a.txt', mimeType: 'text/plain', text: 'x' }],
      },
      true,
    );
    expect(parts).toMatchObject([
      { html: '<blockquote expandable>Read package.json — 0.1 s</blockquote>\ndone' },
      { kind: 'file', file: { name: 'a.txt' } },
    ]);
  });

  it('whatever the steps and the question are, the answer keeps its room', async () => {
    const odd = '"&<>@x'.repeat(100);
    const steps = Array.from({ length: 50 }, () => ({ title: odd, ok: false, durationMs: 1 }));
    const text = 'word '.repeat(1_000);
    const answer = await toParts({ kind: 'answer', text, steps }, true);
    const aside = await toParts({ kind: 'aside', text, aside: { question: odd, done: true } }, false);
    for (const parts of [answer, aside]) {
      expect(parts.length).toBeLessThan(5);
      for (const part of parts) expect(part.kind === 'text' && part.html.length <= MAX_HTML).toBe(true);
    }
    expect(answer[0]).toMatchObject({ html: expect.stringContaining('earlier steps') });
  });
});
