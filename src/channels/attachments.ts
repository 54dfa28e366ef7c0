/**
 * What the model gets of a file somebody sent (pure but for fetching it): text as text, images it can see as data,
 * everything else by name. A file is what its bytes say, not what its name says (A51).
 */
import type { Attachment } from '../domain/message.ts';
import { readImageHeader } from './image-size.ts';

export type OfferedFile = { readonly name: string; readonly mimeType: string; readonly sizeBytes: number };

/** A page of text has about 3 KB; more than this would fill the model's context by itself. */
const MAX_TEXT_BYTES = 256 * 1024;
/** What model endpoints take of one image. */
const MAX_IMAGE_BYTES = 5 * 1024 * 1024;
/** Vision models refuse longer sides, and whoever decodes an image needs four bytes for each pixel (F46). */
const MAX_SIDE = 8_000;
const MAX_PIXELS = 40_000_000;
export const MAX_FILES = 10;

/** The most bytes worth fetching; 0: this kind of file is only named. */
export function usefulBytes({ name, mimeType }: OfferedFile): number {
  if (mimeType.startsWith('image/')) return MAX_IMAGE_BYTES;
  return looksLikeText(name, mimeType) ? MAX_TEXT_BYTES : 0;
}

const textTypes =
  /^(?:text\/|application\/(?:json|xml|yaml|x-yaml|toml|sql|javascript|x-sh|x-ndjson)\b)|\+(?:json|xml)\b/;
const textNames =
  /\.(?:txt|md|csv|tsv|log|json|jsonl|ya?ml|toml|ini|conf|env|xml|html?|css|svg|[cm]?[jt]sx?|py|rb|go|rs|java|kt|swift|php|pl|lua|r|c|h|cc|cpp|hpp|cs|sh|bash|zsh|sql|diff|patch|tex|proto|gradle|tf)$/i;

const looksLikeText = (name: string, mimeType: string): boolean =>
  !mimeType.startsWith('image/') && (textTypes.test(mimeType) || textNames.test(name));

/**
 * Fetches what is useful of a file. Never throws: why something is missing stands in `error`.
 * @param fetchBytes may throw an error whose message is fit for people.
 */
export async function toAttachment(
  file: OfferedFile,
  fetchBytes: (maxBytes: number) => Promise<Buffer>,
): Promise<Attachment> {
  const most = usefulBytes(file);
  if (most === 0) return { ...file, error: 'not a kind of file I can read' };
  if (file.sizeBytes > most) return { ...file, error: tooLarge(file.sizeBytes, most) };
  try {
    const bytes = await fetchBytes(most);
    return { ...file, sizeBytes: bytes.length, ...contentOf(file, bytes) };
  } catch (error) {
    return {
      ...file,
      error: `could not be fetched: ${error instanceof Error ? error.message : 'unknown reason'}`,
    };
  }
}

const tooLarge = (size: number, most: number): string =>
  `${Math.ceil(size / 1024)} KB is too large; I read up to ${most / 1024} KB of such a file`;

function contentOf(
  file: OfferedFile,
  bytes: Buffer,
): Pick<Attachment, 'text' | 'imageUrl' | 'error' | 'mimeType'> {
  const { mimeType } = file;
  if (mimeType.startsWith('image/')) return imageOf(mimeType, bytes);
  const text = bytes.includes(0) ? undefined : decode(bytes);
  return text === undefined ? { mimeType, error: 'its content is not text' } : { mimeType, text };
}

function imageOf(claimed: string, bytes: Buffer): Pick<Attachment, 'imageUrl' | 'error' | 'mimeType'> {
  const header = readImageHeader(bytes);
  if (header === undefined)
    return { mimeType: claimed, error: 'its content is not an image I know (PNG, JPEG, GIF, WebP)' };
  const { mimeType, size } = header;
  if (size === undefined)
    return { mimeType, error: 'the image does not say how large it is; it may be damaged' };
  if (Math.max(size.width, size.height) > MAX_SIDE || size.width * size.height > MAX_PIXELS)
    return {
      mimeType,
      error: `${size.width} × ${size.height} pixels are too many; I look at images of up to ${MAX_SIDE} on a side and ${MAX_PIXELS / 1e6} million in all`,
    };
  return { mimeType, imageUrl: `data:${mimeType};base64,${bytes.toString('base64')}` };
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
