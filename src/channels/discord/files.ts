/**
 * Fetches files that people attached, from Discord's own file servers only, within limits of size, count and time. A
 * turn never fails for it: why something is missing stands in the attachment.
 */
import type { Attachment } from '../../domain/message.ts';
import { MAX_FILES, toAttachment } from '../attachments.ts';
import type { RemoteFile } from './inbound.ts';

/** For all files of a message together; the answer waits for it. */
const TIMEOUT_MS = 10_000;

const cdn = /(^|\.)(discordapp\.(com|net)|discord\.com)$/;

export function createFileFetcher(deps: {
  readonly apiUrl: string;
}): (files: readonly RemoteFile[]) => Promise<Attachment[]> {
  const api = new URL(deps.apiUrl);

  /** Another API (a proxy, a test) brings its own files; Discord's come from Discord over https. */
  function isAllowed(address: string): boolean {
    const url = URL.canParse(address) ? new URL(address) : undefined;
    if (url === undefined) return false;
    if (url.protocol === 'https:' && cdn.test(url.hostname)) return true;
    return url.hostname === api.hostname && url.protocol === api.protocol;
  }

  async function fetchBytes(url: string, most: number, signal: AbortSignal): Promise<Buffer> {
    if (!isAllowed(url)) throw new Error('its address is not one of Discord');
    // The error of `fetch` names the address, which is signed.
    const response = await fetch(url, { signal, redirect: 'error' }).catch(() => undefined);
    if (response === undefined) throw new Error('Discord did not send it in time');
    if (response.status === 404 || response.status === 403) throw new Error('its address has expired');
    if (!response.ok || response.body === null)
      throw new Error(`Discord answered ${response.status} instead of it`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of response.body) {
        size += chunk.length;
        if (size > most) throw new TooLarge();
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof TooLarge ? error : new Error('it broke off on the way');
    }
    return Buffer.concat(chunks);
  }

  return async (files) => {
    if (files.length === 0) return [];
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const read = files
      .slice(0, MAX_FILES)
      .map(({ url, ...file }) => toAttachment(file, (most) => fetchBytes(url, most, signal)));
    const left = files
      .slice(MAX_FILES)
      .map(({ url: _url, ...file }) => ({ ...file, error: `I read up to ${MAX_FILES} files of a message` }));
    return [...(await Promise.all(read)), ...left];
  };
}

class TooLarge extends Error {
  constructor() {
    super('it is larger than Discord said');
  }
}
