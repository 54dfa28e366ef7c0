/** For fuzzing: a good payload with one thing in it, at any depth, replaced. */
import fc from 'fast-check';

/** What a payload might hold instead: anything, and what passes for something at first sight. */
const odd = fc.oneof(
  fc.anything(),
  fc.constantFrom(null, '', 'x'.repeat(100), '1.1', -1, 0, 1e300, {}, [], '__proto__', '\u0000', true),
);

function spoil(value: object, path: readonly number[], by: unknown): unknown {
  const entries = Object.entries(value);
  const [at = 0, ...rest] = path;
  const [key, inner] = entries[at % Math.max(1, entries.length)] ?? [];
  if (key === undefined) return value;
  const next = rest.length > 0 && typeof inner === 'object' && inner !== null ? spoil(inner, rest, by) : by;
  if (Array.isArray(value)) return value.map((one, index) => (String(index) === key ? next : one));
  return { ...value, [key]: next };
}

export const spoiled = (payloads: readonly object[]): fc.Arbitrary<unknown> =>
  fc
    .tuple(fc.constantFrom(...payloads), fc.array(fc.nat(19), { minLength: 1, maxLength: 6 }), odd)
    .map(([payload, path, by]) => spoil(payload, path, by));
