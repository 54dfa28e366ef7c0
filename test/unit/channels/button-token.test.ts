import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ButtonAction, encodeButton, parseButton } from '../../../src/channels/button-token.ts';
import { newId, newSecret } from '../../../src/domain/runtime.ts';

const actions: ButtonAction[] = [
  { kind: 'approval', id: newSecret(), decision: 'once' },
  { kind: 'approval', id: newSecret(), decision: 'always' },
  { kind: 'approval', id: newSecret(), decision: 'deny' },
  { kind: 'stop', turn: newId(Date.now()) },
  { kind: 'btw', turn: newId(Date.now()) },
];

describe('A1: button tokens', () => {
  it.each(actions)('come back as they were, in at most 64 bytes: %j', (action) => {
    const token = encodeButton(action);
    expect(Buffer.byteLength(token)).toBeLessThanOrEqual(64);
    expect(parseButton(token)).toEqual(action);
  });

  it('are refused when we did not make them', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseButton(text);
        return parsed === undefined || encodeButton(parsed) === text;
      }),
    );
    for (const token of [
      '',
      'a1:o:short',
      'a1:x:AbCdEfGhIjKlMnOpQrStUv',
      'a2:o:AbCdEfGhIjKlMnOpQrStUv',
      's1:UPPER',
    ]) {
      expect(parseButton(token)).toBeUndefined();
    }
  });
});
