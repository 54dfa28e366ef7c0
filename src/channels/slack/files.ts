/** Fetches what people attach: on the server, with our token, within limits, and never from anywhere but Slack. */
import { errorMessage } from '../../domain/errors.ts';
import type { Attachment } from '../../domain/message.ts';
import type { Logger } from '../../domain/runtime.ts';
import { MAX_FILES, toAttachment } from '../attachments.ts';
import { fileName } from '../names.ts';
import type { SlackFile } from './payloads.ts';

/** Events are to be acknowledged within three seconds, and only once they are stored. */
const DEADLINE_MS = 2_000;
/** Longer than any that is registered. */
const MAX_TYPE = 128;

export type FilesDeps = { readonly token: string; readonly apiUrl: string; readonly log: Logger };

/** Never throws; what cannot be had says why. */
export async function fetchFiles(files: readonly SlackFile[], deps: FilesDeps): Promise<Attachment[]> {
  if (files.length === 0) return [];
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const some = files.slice(0, MAX_FILES).map((file) => fetchFile(file, deps, signal));
  const rest = files
    .slice(MAX_FILES)
    .map((file) => ({ ...offered(file), error: `only the first ${MAX_FILES} files are read` }));
  return [...(await Promise.all(some)), ...rest];
}

export const offered = (file: SlackFile) => ({
  name: fileName(file.name ?? ''),
  mimeType: (file.mimetype ?? 'application/octet-stream').slice(0, MAX_TYPE),
  sizeBytes: file.size ?? 0,
});

function fetchFile(file: SlackFile, deps: FilesDeps, signal: AbortSignal): Promise<Attachment> {
  return toAttachment(offered(file), async (maxBytes) => {
    const url = file.url_private_download ?? file.url_private ?? '';
    if (!isSlacks(url, deps.apiUrl)) throw new Error('Slack gave no address of its own for it');
    try {
      return await download(url, deps.token, maxBytes, signal);
    } catch (error) {
      deps.log.debug({ file: file.id, detail: errorMessage(error) }, 'cannot fetch a file');
      if (signal.aborted) throw new Error('it took too long');
      throw error;
    }
  });
}

/** The token goes to Slack alone: its own hosts, or the host that the operator set as the API's. */
export function isSlacks(url: string, apiUrl: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, host, hostname, username } = new URL(url);
  const api = new URL(apiUrl);
  if (username !== '') return false;
  if (host === api.host) return protocol === api.protocol;
  return protocol === 'https:' && (hostname === 'slack.com' || hostname.endsWith('.slack.com'));
}

async function download(url: string, token: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${token}` },
    redirect: 'error',
    signal,
  });
  if (!response.ok || response.body === null) throw new Error(`Slack answered ${response.status}`);
  // Without the scope files:read Slack answers with its sign-in page.
  const type = response.headers.get('content-type') ?? '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`it is larger than ${maxBytes / 1024} KB`);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (type.startsWith('text/html') && /<title>[^<]*Slack/i.test(bytes.subarray(0, 4096).toString('utf8')))
    throw new Error('Slack asked to sign in; the app needs the scope files:read');
  return bytes;
}
