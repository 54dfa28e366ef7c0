/**
 * A model client that neither shows the endpoint a secret of ours nor passes on one that it says: in prompts, answers,
 * arguments, and in text as it arrives, where a secret may come in pieces.
 */
import { memoize } from '../memoize.ts';
import type { ChatMessage, ModelClient, ModelReply } from './client.ts';

type Redact = (text: string) => string;

/** So much of a word is shown before the rest of it has come: less than any secret that is looked for. */
const SHOWN_AT_ONCE = 7;
/** A longer run without a break is passed on in pieces of this size. */
const LONGEST_RUN = 4096;

/** @param redact takes out the same secrets for as long as the client is used */
export function withRedaction(client: ModelClient, redact: Redact): ModelClient {
  const clean = memoize((message: ChatMessage): ChatMessage => {
    const content = redact(message.content);
    return content === message.content ? message : { ...message, content };
  });
  return {
    ...client,
    async call(request) {
      const { onDelta, onReset } = request;
      const arriving = onDelta === undefined ? undefined : createArriving(redact, onDelta);
      const reply = await client.call({
        ...request,
        messages: request.messages.map(clean),
        ...(arriving === undefined ? {} : { onDelta: arriving.add }),
        onReset() {
          arriving?.reset();
          onReset?.();
        },
      });
      arriving?.end();
      return cleanReply(reply, redact);
    },
  };
}

const cleanReply = (reply: ModelReply, redact: Redact): ModelReply => ({
  ...reply,
  text: redact(reply.text),
  reasoning: reply.reasoning === null ? null : redact(reply.reasoning),
  toolCalls: reply.toolCalls.map((call) => ({ ...call, args: redact(call.args) })),
});

/** Text is held back from the middle of a word to its end. A secret has no break in it. */
export function createArriving(redact: Redact, emit: (text: string) => void) {
  let run = '';
  let shown = 0;

  function close(): string {
    const clean = run.length <= SHOWN_AT_ONCE ? run : redact(run);
    const begun = run.slice(0, shown);
    run = '';
    shown = 0;
    return clean.startsWith(begun) ? clean.slice(begun.length) : '[redacted]';
  }

  return {
    add(delta: string): void {
      let out = '';
      /** What of it is neither in `out` nor in `run`. */
      let left = 0;
      for (let at = 0; at < delta.length; ) {
        const isRun = isVisible(delta.charCodeAt(at));
        let to = at + 1;
        while (to < delta.length && isVisible(delta.charCodeAt(to)) === isRun) to += 1;
        const isHarmless = run === '' && (!isRun || (to < delta.length && to - at <= SHOWN_AT_ONCE));
        if (!isHarmless) {
          out += delta.slice(left, at);
          if (isRun) run += delta.slice(at, to);
          else out += close();
          left = isRun ? to : at;
          if (run.length > LONGEST_RUN) out += close();
        }
        at = to;
      }
      out += delta.slice(left);
      const end = Math.min(run.length, SHOWN_AT_ONCE);
      if (end > shown) {
        out += run.slice(shown, end);
        shown = end;
      }
      if (out !== '') emit(out);
    },
    end(): void {
      const rest = close();
      if (rest !== '') emit(rest);
    },
    reset(): void {
      run = '';
      shown = 0;
    },
  };
}

/** The characters that secrets are made of. */
const isVisible = (code: number): boolean => code > 0x20 && code < 0x7f;
