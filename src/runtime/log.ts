/** The log: JSON lines, or readable ones on a terminal. Every line passes the redaction before it leaves. */
import { pino } from 'pino';
import type { LogFields, Logger } from '../domain/runtime.ts';
import type { Redact } from './redact.ts';

export type LogOptions = {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly pretty: boolean;
  readonly redact: Redact;
  /** Takes one finished line. */
  readonly write: (line: string) => void;
};

export function createLogger(options: LogOptions): Logger & { setLevel(level: LogOptions['level']): void } {
  const destination = {
    write(line: string) {
      const clean = options.redact(line);
      options.write(options.pretty ? readable(clean) : clean);
    },
  };
  const base = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
    },
    destination,
  );
  return {
    ...wrap(base),
    setLevel(level) {
      base.level = level;
    },
  };
}

type Pino = ReturnType<typeof pino<never>>;

function wrap(log: Pino): Logger {
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    child: (fields: LogFields) => wrap(log.child(fields)),
  };
}

const levels: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info ', 40: 'WARN ', 50: 'ERROR' };

/** `14:05:09 info  ready url=…`; no colour: what a line says must not hang on it. */
function readable(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const clock = typeof time === 'string' ? time.slice(11, 19) : '';
  const text = [clock, levels[Number(level)] ?? String(level), String(msg), ...rest].join(' ');
  // What people write must neither fake a line nor drive the terminal.
  return `${text.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1))}\n`;
}
