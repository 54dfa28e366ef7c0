/** Whose memory is whose: the rules that the store turns into queries. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  conversationKey,
  homeFor,
  isVisible,
  memoryScopes,
  partitionsFor,
  partitionsOf,
  toMemoryName,
  type Viewer,
} from '../../../src/domain/memory.ts';

const one = (...of: string[]) => fc.constantFrom(...of);
const viewer = fc.record({
  user: one('a', 'b'),
  conversation: one('x', 'y'),
  workspace: one('/w', '/v'),
  direct: fc.boolean(),
}) satisfies fc.Arbitrary<Viewer>;
const scope = fc.constantFrom(...memoryScopes);

describe('memory', () => {
  test('A34: whatever scope is asked for, what is said in private stays with its person, in private', () => {
    fc.assert(
      fc.property(viewer, scope, viewer, (teller, wanted, reader) => {
        const home = homeFor({ ...teller, direct: true }, wanted);
        expect(home).toEqual({ scope: 'user', owner: teller.user, place: null });
        expect(isVisible(home, reader)).toBe(reader.direct && reader.user === teller.user);
      }),
    );
  });

  test('A35: what is said in a group stays there, except what is for the workspace, and for its person alone', () => {
    fc.assert(
      fc.property(viewer, scope, viewer, (teller, wanted, reader) => {
        const home = homeFor({ ...teller, direct: false }, wanted);
        const here = !reader.direct && reader.conversation === teller.conversation;
        const expected = {
          user: reader.user === teller.user && (reader.direct || here),
          conversation: here,
          workspace: reader.workspace === teller.workspace,
        };
        expect(isVisible(home, reader)).toBe(expected[wanted]);
      }),
    );
  });

  test('an entry is indexed under exactly the partitions that viewers look into', () => {
    const keys = (partitions: readonly unknown[]) => partitions.map((partition) => JSON.stringify(partition));
    fc.assert(
      fc.property(viewer, scope, viewer, (teller, wanted, reader) => {
        const home = homeFor(teller, wanted);
        const indexed = keys(partitionsOf(home));
        const seen = keys(partitionsFor(reader)).some((key) => indexed.includes(key));
        expect(seen).toBe(isVisible(home, reader));
      }),
    );
  });

  test('A34: threads of a conversation are one place to remember in, but for those that are closed to some', () => {
    const where = { channel: 'slack', account: 'B', conversation: 'C1' };
    const inThread = { where: { ...where, thread: '1.2' } };
    expect(conversationKey(inThread)).toBe(conversationKey({ where }));
    expect(conversationKey({ ...inThread, closedThread: true })).not.toBe(conversationKey({ where }));
    expect(conversationKey({ where, closedThread: true })).toBe(conversationKey({ where }));
  });

  test('names are short, speak, and are safe as a part of anything', () => {
    expect(toMemoryName('Ana prefers metric units!')).toBe('ana-prefers-metric-units');
    expect(toMemoryName('../../etc/passwd')).toBe('etc-passwd');
    expect(toMemoryName('田中さんは東京')).toBe('田中さんは東京');
    expect(toMemoryName('😀')).toBe('note');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
        const name = toMemoryName(text);
        expect(name).toMatch(/^[\p{L}\p{M}\p{N}]+(-[\p{L}\p{M}\p{N}]+)*$/u);
        expect([...name].length).toBeLessThanOrEqual(60);
      }),
    );
  });
});
