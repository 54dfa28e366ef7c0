/** One GET to a pinned address: bounded in time, in bytes over the wire and in bytes after decompression. */
import type { LookupAddress } from 'node:dns';
import { type IncomingMessage, request as plain } from 'node:http';
import { request as secure } from 'node:https';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { pinnedLookup } from './connect.ts';

export type Fetched = {
  readonly status: number;
  readonly location: string | null;
  readonly contentType: string;
  readonly body: Buffer;
  /** There was more than `maxBytes`, or the compressed data broke off. */
  readonly cut: boolean;
};

export type Get = {
  readonly url: URL;
  /** From `checkedAddresses`. */
  readonly addresses: readonly LookupAddress[];
  readonly signal: AbortSignal;
  /** Of the body, after decompression. */
  readonly maxBytes: number;
};

/** Header lines are read into memory before anything can be judged. */
const MAX_HEADER_BYTES = 32 * 1024;

const HEADERS = {
  accept: 'text/html, text/plain, text/markdown, application/json, application/xml;q=0.9, text/*;q=0.8',
  'accept-encoding': 'gzip, deflate, br, zstd',
  'user-agent': 'Parley',
};

const decoders = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
} as const;

/** No agent, no cookies, no credentials, no redirects, no proxy of the environment. Rejects on network errors. */
export async function get({ url, addresses, signal, maxBytes }: Get): Promise<Fetched> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = url.protocol === 'https:' ? secure : plain;
  const request = send(url, {
    agent: false,
    headers: HEADERS,
    lookup: pinnedLookup(addresses),
    maxHeaderSize: MAX_HEADER_BYTES,
    signal,
  });
  request.once('response', resolve);
  request.on('error', reject);
  // Answers that are no answer to a GET: the connection would otherwise stay open.
  request.once('upgrade', () => request.destroy(new Error('the server switched protocols')));
  request.end();
  try {
    const response = await promise;
    const { status, location, contentType } = headOf(response);
    if (location !== null) return { status, location, contentType, body: Buffer.alloc(0), cut: false };
    return { status, location, contentType, ...(await bodyOf(response, maxBytes)) };
  } finally {
    request.destroy();
  }
}

function headOf(response: IncomingMessage): Pick<Fetched, 'status' | 'location' | 'contentType'> {
  const status = response.statusCode ?? 0;
  const { location = null } = response.headers;
  return {
    status,
    location: [301, 302, 303, 307, 308].includes(status) ? location : null,
    contentType: response.headers['content-type'] ?? '',
  };
}

async function bodyOf(response: IncomingMessage, maxBytes: number): Promise<Pick<Fetched, 'body' | 'cut'>> {
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === '') return firstBytes(response, maxBytes);
  const decoder = Object.hasOwn(decoders, encoding) ? decoders[encoding as keyof typeof decoders]() : null;
  if (decoder === null) throw new Error(`the answer is encoded as ${encoding}, which cannot be read here`);
  // Decompression stops with its reader: a bomb is never unpacked further than the limit.
  response.on('error', (error) => decoder.destroy(error));
  return firstBytes(response.pipe(decoder), maxBytes);
}

async function firstBytes(stream: Readable, maxBytes: number): Promise<Pick<Fetched, 'body' | 'cut'>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let cut = false;
  try {
    for await (const chunk of stream) {
      const taken: Buffer = chunk.subarray(0, maxBytes - bytes);
      chunks.push(taken);
      bytes += taken.length;
      cut = taken.length < chunk.length;
      if (cut) break;
    }
  } catch (error) {
    // What arrived before it broke off is worth reading; nothing at all is an error.
    if (bytes === 0) throw error;
    cut = true;
  }
  return { body: Buffer.concat(chunks), cut };
}
