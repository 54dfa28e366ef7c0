/**
 * The output of one action while it comes: the whole goes to the store bit by bit, only the ends of each stream stay in
 * memory for the prompt. Secrets are gone before anything is cut (F29, A39).
 */
import { StringDecoder } from 'node:string_decoder';
import type { OutputPart } from '../../domain/output.ts';
import type { StreamingRedact } from '../../domain/runtime.ts';
import { type Collector, createCollector, type Excerpt } from './excerpt.ts';

/** Characters that wait for each write: some pieces to a commit, which then holds nobody up for long. */
const BATCH_CHARACTERS = 1024 * 1024;

export type OutputStream = {
  /** Null while there is room for more; else resolves when there is. Never rejects. */
  add(chunk: Buffer): Promise<void> | null;
};

/** What a tool says before it ends, where that is more than can be held in memory. */
export type OutputStreams = {
  /** Each has its own share of the prompt. @param title stands above it unless it is the only one that said anything */
  stream(title?: string): OutputStream;
  /** Nothing more can be stored: the tool should end. */
  readonly isRefused: boolean;
};

export type CollectedOutput = {
  /** All of it, in the order in which it came. */
  readonly whole: Excerpt;
  /** The streams that said something, each for itself. */
  readonly parts: readonly Excerpt[];
  /** Some of it is stored already. */
  readonly isStored: boolean;
  /** What is not. */
  readonly rest: Omit<OutputPart, 'index'>;
  /** Why some of it could not be stored. */
  readonly problem: { readonly error: unknown } | null;
};

export type Output = OutputStreams & {
  /** What the tool says at its end, after all that its streams said; clean already. Nothing is taken after that. */
  finish(lastWords: string): Promise<CollectedOutput>;
};

export type OutputDeps = {
  /** Characters of each stream to keep of its beginning and its end. */
  readonly keep: number;
  readonly redact: StreamingRedact;
  readonly store: (part: Omit<OutputPart, 'index'>) => Promise<void>;
};

type Part = Collector & { readonly title: string; end(): string };

export function createOutput({ keep, redact, store }: OutputDeps): Output {
  const whole = createCollector(keep);
  const parts: Part[] = [];
  let waiting: string[] = [];
  let waitingLength = 0;
  let start = 0;
  let stored = 0;
  let writing: Promise<void> | null = null;
  let problem: CollectedOutput['problem'] = null;
  let isOver = false;

  function push(text: string): void {
    whole.add(text);
    if (problem !== null) return;
    waiting.push(text);
    waitingLength += text.length;
  }

  function take(): Omit<OutputPart, 'index'> {
    const part = { start, text: waiting.join('') };
    start += waitingLength;
    waiting = [];
    waitingLength = 0;
    return part;
  }

  function write(): void {
    if (writing !== null || waitingLength < BATCH_CHARACTERS) return;
    const part = take();
    writing = store(part)
      .then(() => {
        stored = part.start + part.text.length;
      })
      .catch((error: unknown) => {
        problem = { error };
        take();
      })
      .then(() => {
        writing = null;
        write();
      });
  }

  function addPart(title: string, end: () => string): Part {
    const part = { ...createCollector(keep), title, end };
    parts.push(part);
    return part;
  }

  function partExcerpts(): Excerpt[] {
    const said = parts.filter((part) => part.excerpt().head !== '');
    return said.map(({ title, excerpt }, index) => {
      const all = excerpt();
      return index === 0 || title === '' ? all : { ...all, head: `${title}\n${all.head}` };
    });
  }

  return {
    stream(title = '') {
      const decoder = new StringDecoder('utf8');
      const clean = redact.stream();
      const part = addPart(title, () => clean.add(decoder.end()) + clean.end());
      return {
        add(chunk) {
          if (isOver) return null;
          const text = clean.add(decoder.write(chunk));
          part.add(text);
          push(text);
          write();
          return waitingLength < BATCH_CHARACTERS ? null : writing;
        },
      };
    },
    get isRefused() {
      return problem !== null;
    },
    async finish(lastWords) {
      isOver = true;
      for (const part of parts) {
        const text = part.end();
        part.add(text);
        push(text);
      }
      if (lastWords !== '') {
        const last = parts.findLast((part) => part.excerpt().head !== '') ?? addPart('', () => '');
        last.add(onOwnLine(lastWords, last));
        push(onOwnLine(lastWords, whole));
      }
      while (writing !== null) await writing;
      const [isStored, rest] = [stored > 0, take()];
      return { whole: whole.excerpt(), parts: partExcerpts(), isStored, rest, problem };
    },
  };
}

function onOwnLine(text: string, before: Collector): string {
  const { head, tail } = before.excerpt();
  const said = tail === '' ? head : tail;
  return said === '' || said.endsWith('\n') ? text : `\n${text}`;
}
