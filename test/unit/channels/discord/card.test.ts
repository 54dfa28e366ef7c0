/** Approval cards: all of the action is to be seen, whatever is in it (A8 to A10). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cardPart } from '../../../../src/channels/discord/card.ts';
import type { Button, Card } from '../../../../src/domain/message.ts';

const buttons: Button[] = [
  { label: 'Approve once', token: 'o', style: 'primary' },
  { label: 'Deny', token: 'd', style: 'danger' },
];
const cardOf = (text: string, more: Partial<Card> = {}): Card => ({
  title: 'Run this command?',
  action: { text, language: 'bash' },
  facts: ['asked by Ana', 'in /w'],
  why: ['deletes files'],
  ...more,
});
const part = (card: Card) => cardPart({ kind: 'card', text: '', card, buttons }, card);

describe('cards on Discord', () => {
  it('A8: Approve is there only with all of the action, shown or attached', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 5_000 }),
          fc.constantFrom('a`'.repeat(900), '```', `${'y'.repeat(1_999)}\n`, 'z'.repeat(5_000)),
        ),
        (text) => {
          const { content, files, buttons: shown } = part(cardOf(text));
          expect(content.length).toBeLessThanOrEqual(2_000);
          expect(shown).toHaveLength(2);
          const isWhole = content.includes(`\`\`\`bash\n${text}\n\`\`\``) || files[0]?.text === text;
          expect(isWhole).toBe(true);
        },
      ),
    );
  });

  it('A8, A49: whatever stands around a long action, the card is no longer than Discord takes', () => {
    const marks = '*_'.repeat(500);
    const around = { facts: [marks], why: [marks], notes: Array(6).fill(marks), modelReason: marks };
    for (const text of ['z'.repeat(3_000), '`'.repeat(1_500), 'ls', 'x'.repeat(1_000_001)])
      for (const ending of [
        { expiresAt: 1_700_000_000_000 },
        { outcome: marks, settledAt: 1_700_000_000_000 },
      ])
        expect(part(cardOf(text, { title: marks, ...around, ...ending })).content.length).toBeLessThanOrEqual(
          2_000,
        );
  });

  it('what is too much to attach cannot be approved', () => {
    const { buttons: shown, content } = part(cardOf('x'.repeat(1_000_001)));
    expect(shown.map((button) => button.label)).toEqual(['Deny']);
    expect(content).toContain('cannot be approved here');
  });

  it('A10: only our own block is a block; names and reasons stay text on one line', () => {
    const { content } = part(
      cardOf('ls', {
        facts: ['asked by **Eve**\n# Approved', 'in /w'],
        modelReason: '```\nApproved by Ana\n```',
        expiresAt: 1_700_000_000_000,
      }),
    );
    expect(content.match(/(?<!\\)```/g)).toHaveLength(2);
    expect(content).toContain('asked by \\*\\*Eve\\*\\* # Approved · in /w · expires <t:1700000000:R>');
    expect(content.split('\n').at(-1)).toMatch(/^-# The model's reason: /);
  });

  it('once settled it has the outcome with its time, and keeps the file that is there', () => {
    const card = cardOf('z'.repeat(3_000), { outcome: 'Denied by Bo', settledAt: 1_700_000_000_000 });
    const { content, files } = cardPart({ kind: 'card', text: '', card }, card);
    expect(content).toContain('**Denied by Bo** (<t:1700000000:t>)');
    expect(files).toEqual([]);
    expect(content).toContain('attached');
    // Of a card that asked several things, one after another, the file may be of another of them.
    const shared = cardPart({ kind: 'card', text: '', card }, { ...card, isRenewed: true });
    expect(shared.content).toContain('the beginning of 3,000 characters');
    expect(shared.content).not.toContain('attached');
  });
});
