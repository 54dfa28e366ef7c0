/** Keeps the beginning and the end of a stream of any length in flat memory (F29). */

export type Captured = { readonly text: string; readonly bytes: number; readonly leftOutBytes: number };

export type Capture = {
  add(chunk: Buffer): void;
  result(): Captured;
};

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Drops the part of a character that a cut left at the end of `head` or the start of `tail`. */
function trimCut(head: Buffer, tail: Buffer): [Buffer, Buffer] {
  let end = head.length;
  while (end > 0 && end > head.length - 4 && isContinuation(head[end - 1])) end -= 1;
  const lead = head[end - 1] ?? 0;
  const width = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  const whole = end - 1 + width === head.length;
  let start = 0;
  while (start < 4 && isContinuation(tail[start])) start += 1;
  return [whole ? head : head.subarray(0, Math.max(0, end - 1)), tail.subarray(start)];
}

/** @param maxBytes kept in all: half from the start, half from the end */
export function createCapture(maxBytes: number): Capture {
  const headRoom = Math.floor(maxBytes / 2);
  const tailRoom = maxBytes - headRoom;
  let head = Buffer.alloc(0);
  let headBytes = 0;
  // A ring, made when the head is full: flat memory however small the pieces are that arrive.
  let ring: Buffer | undefined;
  let tailBytes = 0;

  const addToHead = (chunk: Buffer): void => {
    if (headBytes + chunk.length > head.length) {
      const larger = Buffer.alloc(Math.min(headRoom, Math.max(2 * head.length, headBytes + chunk.length)));
      head.copy(larger, 0, 0, headBytes);
      head = larger;
    }
    headBytes += chunk.copy(head, headBytes);
  };

  const addToTail = (chunk: Buffer): void => {
    ring ??= Buffer.alloc(tailRoom);
    // Only the last `tailRoom` bytes can ever be shown.
    const skipped = Math.max(0, chunk.length - tailRoom);
    const kept = chunk.subarray(skipped);
    const at = (tailBytes + skipped) % tailRoom;
    const first = kept.copy(ring, at);
    kept.copy(ring, 0, first);
    tailBytes += chunk.length;
  };

  const tail = (): Buffer => {
    if (ring === undefined) return Buffer.alloc(0);
    if (tailBytes <= tailRoom) return ring.subarray(0, tailBytes);
    const at = tailBytes % tailRoom;
    return Buffer.concat([ring.subarray(at), ring.subarray(0, at)]);
  };

  return {
    add(chunk) {
      const forHead = Math.min(chunk.length, headRoom - headBytes);
      if (forHead > 0) addToHead(chunk.subarray(0, forHead));
      if (chunk.length > forHead) addToTail(chunk.subarray(forHead));
    },
    result() {
      const bytes = headBytes + tailBytes;
      const start = head.subarray(0, headBytes);
      if (tailBytes <= tailRoom)
        return { text: Buffer.concat([start, tail()]).toString(), bytes, leftOutBytes: 0 };
      const [first, last] = trimCut(start, tail());
      const leftOutBytes = bytes - first.length - last.length;
      return { text: `${first}\n[… ${leftOutBytes} bytes were not kept]\n${last}`, bytes, leftOutBytes };
    },
  };
}
