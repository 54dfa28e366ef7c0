/**
 * Names of tools as endpoints take them (pure): letters, digits, `_` and `-`, at most 64. `jira.create_issue` travels as
 * `jira__create_issue`; whatever cannot be written plainly gets a piece of its hash, so that no two names become one.
 */
import { createHash } from 'node:crypto';

const LEGAL = /^[a-zA-Z0-9_-]{1,64}$/;

export function toWireName(name: string): string {
  const plain = name.replace('.', '__');
  if (LEGAL.test(plain)) return plain;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${plain.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, 55)}_${hash}`;
}

/** A name that no tool has on the wire is given back as it is. */
export const fromWireName = (wire: string, names: readonly string[]): string =>
  names.find((name) => toWireName(name) === wire) ?? wire;
