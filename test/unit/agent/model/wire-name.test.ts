import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromWireName, toWireName } from '../../../../src/agent/model/wire-name.ts';

describe('names on the wire', () => {
  it.each([
    ['shell', 'shell'],
    ['jira.create_issue', 'jira__create_issue'],
    ['my-server.get-sum', 'my-server__get-sum'],
  ])('%s travels as %s', (name, wire) => {
    expect(toWireName(name)).toBe(wire);
    expect(fromWireName(wire, ['other', name])).toBe(name);
  });

  it('gives back what is no tool, and names that were used as they are', () => {
    expect(fromWireName('nothing', ['shell'])).toBe('nothing');
    expect(fromWireName('jira.create_issue', ['jira.create_issue'])).toBe('jira.create_issue');
  });

  it('property: every name is legal, and different names stay different', () => {
    const server = fc.stringMatching(/^[a-z0-9]{1,8}([_-][a-z0-9]{1,4}){0,2}$/);
    const tool = fc.stringMatching(/^[A-Za-z0-9_./-]{1,96}$/);
    const name = fc.oneof(
      tool,
      fc.tuple(server, tool).map((parts) => parts.join('.')),
      fc.string({ minLength: 1 }),
    );
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 20 }), (names) => {
        const wires = names.map(toWireName);
        for (const wire of wires) expect(wire).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
      }),
    );
    const mcp = fc.tuple(server, tool).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(fc.uniqueArray(mcp, { minLength: 2, maxLength: 20 }), (names) => {
        expect(new Set(names.map(toWireName)).size).toBe(names.length);
        for (const one of names) expect(fromWireName(toWireName(one), names)).toBe(one);
      }),
      { numRuns: 2_000 },
    );
  });
});
