/**
 * Kind and size of an image, read from its header (pure): nothing is decoded, so a few bytes that claim to be a
 * giant image cost nothing (F46).
 */

export type ImageHeader = {
  readonly mimeType: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';
  /** Undefined when the header does not say. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
};

const isPng = (bytes: Buffer): boolean =>
  bytes.subarray(0, 8).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]));
const isJpeg = (bytes: Buffer): boolean => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]));

/** By the first bytes; undefined for anything a vision model does not take. */
export function readImageHeader(bytes: Buffer): ImageHeader | undefined {
  if (isPng(bytes)) return { mimeType: 'image/png', size: pngSize(bytes) };
  if (isJpeg(bytes)) return { mimeType: 'image/jpeg', size: jpegSize(bytes) };
  const head = bytes.subarray(0, 12).toString('latin1');
  if (/^GIF8[79]a/.test(head)) return { mimeType: 'image/gif', size: gifSize(bytes) };
  if (/^RIFF[\s\S]{4}WEBP/.test(head)) return { mimeType: 'image/webp', size: webpSize(bytes) };
  return undefined;
}

type Size = ImageHeader['size'];

/** The first chunk is the header: width and height of 32 bits each. */
function pngSize(bytes: Buffer): Size {
  if (bytes.length < 24 || bytes.toString('latin1', 12, 16) !== 'IHDR') return undefined;
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

/** The size of the whole picture; each frame has one of its own, which must lie inside. */
const gifSize = (bytes: Buffer): Size =>
  bytes.length < 10 ? undefined : { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };

/** Markers of segments that begin a frame: all of C0 to CF but tables (C4), a reserved one (C8) and arithmetic (CC). */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** From segment to segment by their lengths, until the one that begins the frame. */
function jpegSize(bytes: Buffer): Size {
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    // Padding between segments.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (isFrame(marker)) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    // The picture itself begins, and there was no frame before it.
    if (marker === 0xda || marker === 0xd9) return undefined;
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

/** Three forms, each with its sizes elsewhere: lossy, lossless, and extended. */
function webpSize(bytes: Buffer): Size {
  if (bytes.length < 30) return undefined;
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8 ':
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    case 'VP8L': {
      const bits = bytes.readUInt32LE(21);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8X':
      return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
    default:
      return undefined;
  }
}
