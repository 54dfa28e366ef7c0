import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/runtime/log.ts';
import { createRedact } from '../../../src/runtime/redact.ts';

describe('redaction', () => {
  it('P10, A39: takes a secret out in every form it is likely to be written down', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, maxLength: 40 }), fc.string(), (secret, around) => {
        fc.pre(!around.includes(secret) && !'[redacted]'.includes(secret));
        const redact = createRedact(() => [secret]);
        const bytes = Buffer.from(secret);
        for (const form of [
          secret,
          encodeURIComponent(secret),
          bytes.toString('base64url'),
          bytes.toString('hex'),
          bytes.toString('hex').toUpperCase(),
          encodeURIComponent(secret).replaceAll(/%../g, (code) => code.toLowerCase()),
        ]) {
          expect(redact(`${around}\n${form}\n${around}`)).not.toContain(form);
        }
        expect(redact(JSON.stringify({ deep: { url: `https://x/${secret}` } }))).not.toContain(secret);
      }),
    );
  });

  it('P10, A39: finds a secret within a longer text in base64, wherever it begins', () => {
    fc.assert(
      fc.property(
        fc.base64String({ minLength: 8, maxLength: 40 }),
        fc.string(),
        fc.string(),
        (secret, a, b) => {
          const redact = createRedact(() => [secret]);
          for (const form of ['base64', 'base64url'] as const) {
            const told = redact(Buffer.from(`${a}${secret}${b}`).toString(form));
            expect(told).toContain('[redacted]');
            expect(Buffer.from(told.replaceAll('[redacted]', ''), form).toString()).not.toContain(secret);
          }
        },
      ),
    );
  });

  it('P10, A39: finds a secret within a string of JSON, whatever of it is escaped there', () => {
    const secret = 'pass"word\\\n2';
    const redact = createRedact(() => [secret]);
    expect(redact(JSON.stringify({ url: `https://x/${secret}/y` }))).toBe('{"url":"https://x/[redacted]/y"}');
  });

  it('looks at a set that has not changed once a text, and compiles nothing anew', () => {
    let read = 0;
    const values = {
      *[Symbol.iterator]() {
        read += 1;
        yield* ['secret-a', 'secret-b'];
      },
    };
    const redact = createRedact(() => values);
    redact('some text');
    const first = read;
    redact('some text');
    expect(read - first).toBe(1);
  });

  it('takes the longer of two out whole, and changes nothing when there is nothing to hide', () => {
    const redact = createRedact(() => ['secret-one', 'secret-one-and-more', 'a.b*c+d(e)']);
    expect(redact('secret-one-and-more secret-one')).toBe('[redacted] [redacted]');
    expect(redact('a.b*c+d(e) aXbbc+d(e)')).toBe('[redacted] aXbbc+d(e)');
    expect(createRedact(() => [])('undefined null text')).toBe('undefined null text');
    expect(createRedact(() => ['seven-7'])('seven-7 eight-88')).toBe('seven-7 eight-88');
    expect(createRedact(() => ['eight-88'])('seven-7 eight-88')).toBe('seven-7 [redacted]');
  });

  it('leaves short values and other text alone, and follows a changed set', () => {
    let secrets = ['short', 'first-secret'];
    const redact = createRedact(() => secrets);
    expect(redact('short first-secret text')).toBe('short [redacted] text');
    secrets = ['second-secret'];
    expect(redact('first-secret second-secret')).toBe('first-secret [redacted]');
  });

  it('P10, A41: follows each change of the set: another value, one more, one fewer, another order', () => {
    const [a, b, c] = ['secret-a', 'secret-b', 'secret-c'];
    let values: string[] = [];
    const redact = createRedact(() => values);
    for (const next of [[a], [b], [b, a], [c, a], [a], [a, c], [c], [], [a]]) {
      values = next;
      const shown = [a, b, c].filter((value) => redact(value) === value);
      expect(shown).toEqual([a, b, c].filter((value) => !next.includes(value)));
    }
  });

  it('P10: the log holds no secret, in messages, nested fields or errors', () => {
    const lines: string[] = [];
    const log = createLogger({
      level: 'debug',
      pretty: false,
      redact: createRedact(() => ['hunter2-hunter2']),
      write: (line) => void lines.push(line),
    });
    const error = new Error('refused hunter2-hunter2', { cause: new Error('Bearer hunter2-hunter2') });
    log
      .child({ url: 'https://h/hunter2-hunter2' })
      .error({ error, deep: { list: ['hunter2-hunter2'] } }, 'with hunter2-hunter2');
    expect(lines.join('')).toContain('[redacted]');
    expect(lines.join('')).not.toContain('hunter2');
  });

  it('A48: a line of the log stays one line, whatever is written into it', () => {
    for (const pretty of [false, true]) {
      const lines: string[] = [];
      const log = createLogger({
        level: 'info',
        pretty,
        redact: (text) => text,
        write: (line) => void lines.push(line),
      });
      log.info({ text: 'a\nFAKE\u001b[2K' }, 'first\nsecond');
      expect(lines).toHaveLength(1);
      expect(lines[0]?.trimEnd()).not.toMatch(/\p{Cc}/u);
    }
  });
});

describe('redaction of a text that comes in pieces', () => {
  const split = (text: string, sizes: readonly number[]): string[] => {
    const pieces: string[] = [];
    for (let at = 0, turn = 0; at < text.length; turn++) {
      const size = sizes[turn % sizes.length] ?? 1;
      pieces.push(text.slice(at, at + size));
      at += size;
    }
    return pieces;
  };

  it('P10, A39, F29: is the same as of the whole, however it is torn', () => {
    // Of few letters, so that secrets overlap, repeat and begin each other.
    const secret = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 8, maxLength: 14 });
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 4 }),
        fc.array(fc.oneof(fc.nat({ max: 3 }), fc.string({ unit: fc.constantFrom('a', 'b', '€') })), {
          maxLength: 12,
        }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (secrets, words, sizes) => {
          const forms = [...secrets, ...secrets.map((one) => Buffer.from(one).toString('base64'))];
          const text = words
            .map((word) => (typeof word === 'number' ? forms[word % forms.length] : word))
            .join('');
          const redact = createRedact(() => secrets);
          const stream = redact.stream();
          const told = split(text, sizes).map((piece) => stream.add(piece));
          expect(told.join('') + stream.end()).toBe(redact(text));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('holds back no more than may be the beginning of a secret', () => {
    const stream = createRedact(() => ['hunter2-hunter2']).stream();
    expect(stream.add('all of this, and hunter')).toBe('all of this, and ');
    expect(stream.add('s; and hunter2-hunt')).toBe('hunters; and ');
    expect(stream.add('er2!')).toBe('[redacted]!');
    expect(stream.add('hunter2-')).toBe('');
    expect(stream.end()).toBe('hunter2-');
    expect(stream.end()).toBe('');
  });

  it('holds nothing back when there is nothing to hide', () => {
    for (const secrets of [[], ['seven-7']]) {
      const stream = createRedact(() => secrets).stream();
      expect([stream.add('seven-'), stream.add('7'), stream.end()]).toEqual(['seven-', '7', '']);
    }
  });

  it('follows a changed set in the middle', () => {
    let secrets = ['first-secret'];
    const stream = createRedact(() => secrets).stream();
    expect(stream.add('a first-')).toBe('a ');
    secrets = ['second-secret'];
    expect(stream.add('secret second-')).toBe('first-secret ');
    expect(stream.add('secret')).toBe('[redacted]');
  });
});
