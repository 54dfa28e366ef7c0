/** Files people send (F46, F47, A51): what they are is read from their bytes, and giant ones are only named. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toAttachment } from '../../../src/channels/attachments.ts';
import { readImageHeader } from '../../../src/channels/image-size.ts';

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(40)]);

function png(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(64);
  Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1').copy(bytes);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}

function gif(width: number, height: number): Buffer {
  const bytes = Buffer.from('GIF89a\0\0\0\0', 'latin1');
  bytes.writeUInt16LE(width, 6);
  bytes.writeUInt16LE(height, 8);
  return padded(bytes);
}

/** With a thumbnail's segment before the frame, as cameras write it. */
function jpeg(width: number, height: number): Buffer {
  const thumbnail = Buffer.concat([Buffer.from([0xff, 0xe1, 0x03, 0x02]), Buffer.alloc(0x300, 0xc0)]);
  const frame = Buffer.from([0xff, 0xff, 0xc2, 0, 17, 8, 0, 0, 0, 0, 3]);
  frame.writeUInt16BE(height, 6);
  frame.writeUInt16BE(width, 8);
  return padded(Buffer.concat([Buffer.from([0xff, 0xd8]), thumbnail, frame]));
}

function webp(kind: 'VP8 ' | 'VP8L' | 'VP8X', width: number, height: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write(`RIFF\0\0\0\0WEBP${kind}`, 'latin1');
  if (kind === 'VP8 ') {
    bytes.writeUInt16LE(width, 26);
    bytes.writeUInt16LE(height, 28);
  } else if (kind === 'VP8L') {
    bytes.writeUInt32LE(((width - 1) | ((height - 1) << 14)) >>> 0, 21);
  } else {
    bytes.writeUIntLE(width - 1, 24, 3);
    bytes.writeUIntLE(height - 1, 27, 3);
  }
  return bytes;
}

const kinds = {
  png,
  gif,
  jpeg,
  webp: (width: number, height: number) => webp('VP8 ', width, height),
  'lossless webp': (width: number, height: number) => webp('VP8L', width, height),
  'extended webp': (width: number, height: number) => webp('VP8X', width, height),
};

const take = (bytes: Buffer, name = 'picture.png', mimeType = 'image/png') =>
  toAttachment({ name, mimeType, sizeBytes: bytes.length }, async () => bytes);

describe('files people send', () => {
  it.each(Object.entries(kinds))('F46: reads the size of a %s from its header', (_name, make) => {
    const side = fc.integer({ min: 1, max: 0x3fff });
    fc.assert(
      fc.property(side, side, (width, height) => {
        expect(readImageHeader(make(width, height))?.size).toEqual({ width, height });
      }),
    );
  });

  it.each([
    ['8,001 pixels wide', png(8_001, 1)],
    ['of 49 million pixels', jpeg(7_000, 7_000)],
    ['a bomb of four billion', png(0xffff_ffff, 0xffff_ffff)],
    ['a tall bomb', webp('VP8X', 1, 0xff_ffff)],
  ])('F46: an image %s is named, not sent', async (_name, bytes) => {
    const taken = await take(bytes);
    expect(taken).not.toHaveProperty('imageUrl');
    expect(taken.error).toMatch(/pixels are too many/);
  });

  it('F46: an image that does not say its size is named, an ordinary one is sent', async () => {
    expect((await take(png(1_600, 1_200))).imageUrl).toMatch(/^data:image\/png;base64,/);
    expect((await take(png(1, 1).subarray(0, 20))).error).toMatch(/how large/);
    expect((await take(Buffer.from([0xff, 0xd8, 0xff, 0xda, 0, 2, 0, 0, 0, 0, 0, 0]))).error).toMatch(
      /how large/,
    );
  });

  it('F46: a file larger than its kind may be is not fetched at all; one that lies about it is cut off', async () => {
    const file = { name: 'log.txt', mimeType: 'text/plain', sizeBytes: 10 * 1024 * 1024 };
    const never = async () => Promise.reject(new Error('was fetched'));
    expect((await toAttachment(file, never)).error).toMatch(/too large/);
    expect(
      (await toAttachment({ ...file, name: 'a.zip', mimeType: 'application/zip' }, never)).error,
    ).toMatch(/not a kind of file/);
  });

  it('A51: a file is what its bytes say: a script named as a picture is none, a picture has its own type', async () => {
    expect((await take(Buffer.from('<svg onload="x()"/>'))).error).toMatch(/not an image/);
    expect((await take(Buffer.from('<html>'), 'page.png')).error).toMatch(/not an image/);
    expect((await take(gif(4, 4))).mimeType).toBe('image/gif');
    expect((await take(Buffer.from([0, 1, 2, 3]), 'a.txt', 'text/plain')).error).toMatch(/not text/);
    expect((await take(Buffer.from('plain'), 'a.svg', 'image/svg+xml')).error).toMatch(/not an image/);
  });

  it('F47: why a file is missing stands in it', async () => {
    const gone = await toAttachment({ name: 'a.txt', mimeType: 'text/plain', sizeBytes: 3 }, async () => {
      throw new Error('its address has expired');
    });
    expect(gone.error).toBe('could not be fetched: its address has expired');
  });

  it('survives any bytes', () => {
    const starts = fc.constantFrom(
      ...Object.values(kinds).map((make) => make(5, 7).subarray(0, 26)),
      Buffer.alloc(0),
    );
    fc.assert(
      fc.property(starts, fc.uint8Array({ maxLength: 80 }), (start, rest) => {
        readImageHeader(Buffer.concat([start, rest]));
      }),
      { numRuns: 1_000 },
    );
  });
});
