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
