import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actionDigest, type PlannedAction } from '../../../src/domain/approval.ts';

const action: PlannedAction = {
  tool: 'shell',
  args: { command: 'rm -r build', timeout_seconds: 5 },
  workspace: '/w',
  profile: 'default',
};

describe('actionDigest', () => {
  it('A6 is the same whatever order the keys were written in', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (args) => {
        const reversed = Object.fromEntries(Object.entries(args).reverse());
        expect(actionDigest({ ...action, args: reversed })).toBe(actionDigest({ ...action, args }));
      }),
    );
  });

  it('A6 survives storing the action as JSON', () => {
    const stored = JSON.parse(JSON.stringify(action)) as PlannedAction;
    expect(actionDigest(stored)).toBe(actionDigest(action));
  });

  it('E45 tells lists apart by their order, their items and where one ends', () => {
    const digests = [['a', 'b'], ['b', 'a'], ['a,b'], ['a'], [], ['a', null], [['a'], 'b'], [['a', 'b']]].map(
      (argv) => actionDigest({ ...action, args: { argv } }),
    );
    expect(new Set(digests).size).toBe(digests.length);
    const numbers = [[1, 2], [12]].map((args) => actionDigest({ ...action, args }));
    expect(new Set(numbers).size).toBe(2);
    const fields = [{ a: 1, b: 2 }, { a: 12 }, { a: 1, b: 2, c: null }, {}].map((args) =>
      actionDigest({ ...action, args }),
    );
    expect(new Set(fields).size).toBe(fields.length);
    expect(actionDigest({ ...action, args: { a: 1, b: undefined } })).toBe(
      actionDigest({ ...action, args: { a: 1 } }),
    );
    expect(actionDigest({ ...action, args: [undefined] })).toBe(actionDigest({ ...action, args: [null] }));
  });

  it.each<[string, Partial<PlannedAction>]>([
    ['the tool', { tool: 'shell2' }],
    ['an argument', { args: { command: 'rm -r build ', timeout_seconds: 5 } }],
    ['a type', { args: { command: 'rm -r build', timeout_seconds: '5' } }],
    ['the workspace', { workspace: '/x' }],
    ['the profile', { profile: 'ops' }],
    ['a file digest', { files: { '/w/a.sh': '00' } }],
  ])('E45 changes with %s', (_name, change) => {
    expect(actionDigest({ ...action, ...change })).not.toBe(actionDigest(action));
  });
});
