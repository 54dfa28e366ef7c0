/** The work of `fetch_url`: hop by hop, each checked, then the page as text. Loaded when something is first fetched. */
import { errorMessage } from '../../../domain/errors.ts';
import type { ToolResult } from '../tool.ts';
import { type Egress, plainHost } from './addresses.ts';
import { checkedAddresses, EgressRefused, type Resolve } from './connect.ts';
import { type Fetched, get } from './get.ts';
import { toReadable } from './readable.ts';
import { parseTarget } from './target.ts';

const MAX_BYTES = 4 * 1024 * 1024;

/** What browsers allow is 20; a page that needs more than a few is a loop. */
const MAX_REDIRECTS = 5;

const readableType =
  /^(text\/|application\/(json|xml|javascript|x-yaml|yaml|toml|x-ndjson|xhtml\+xml)\b|[^;]+\+(json|xml)\b)/i;

/** The same host, or one that needs no asking; never from a protected connection to an open one. */
function nextHop(from: URL, location: string, egress: Egress): URL {
  if (!URL.canParse(location, from.href))
    throw new EgressRefused('It redirects to something that is no address.');
  const to = parseTarget(new URL(location, from).href, egress);
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw new EgressRefused(`It redirects from https to ${to.href}, which is not protected.`);
  if (plainHost(to.hostname) !== plainHost(from.hostname) && !egress.isListed(to.hostname))
    throw new EgressRefused(
      `It redirects to another host: ${to.href}\nFetch that address itself if it is wanted; a person may be asked.`,
    );
  return to;
}

function decode({ body, contentType }: Fetched): string {
  const label =
    /charset="?([\w-]+)/i.exec(contentType)?.[1] ??
    /<meta[^>]{0,200}charset="?([\w-]+)/i.exec(body.subarray(0, 2048).toString('latin1'))?.[1];
  try {
    return new TextDecoder(label ?? 'utf-8').decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
}

function toResult(url: URL, fetched: Fetched, redirects: number): ToolResult {
  const { status, contentType, body, cut } = fetched;
  const metadata = { url: url.href, status, contentType, bytes: body.length, redirects };
  const isText = contentType === '' ? !body.includes(0) : readableType.test(contentType);
  const ok = status >= 200 && status < 300;
  if (!isText) {
    const output = `${url.href} is ${contentType || 'binary data'}, which cannot be read as text.`;
    return { ok: false, output, metadata: { ...metadata, errorCode: 'tool.not_text' } };
  }
  const text = decode(fetched);
  const isPage = /html/i.test(contentType) || (contentType === '' && /^\s*<(!doctype|html)/i.test(text));
  const page = isPage ? toReadable(text, url) : { title: '', text };
  const head = [
    `Address: ${url.href}`,
    `Status: ${status}`,
    ...(page.title === '' ? [] : [`Title: ${page.title}`]),
  ];
  const note = cut ? `\n[cut off after ${body.length} bytes]` : '';
  return { ok, output: `${head.join('\n')}\n\n${page.text}${note}`, metadata };
}

export type Job = {
  readonly text: string;
  readonly egress: Egress;
  readonly resolve: Resolve;
  readonly signal: AbortSignal;
  /** All hops together. */
  readonly totalMs: number;
};

/** Never rejects. */
export async function fetchPage({ text, egress, resolve, signal: outer, totalMs }: Job): Promise<ToolResult> {
  const timeout = AbortSignal.timeout(totalMs);
  const signal = AbortSignal.any([outer, timeout]);
  try {
    let url = parseTarget(text, egress);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const addresses = await checkedAddresses(url.hostname, egress, resolve);
      const fetched = await get({ url, addresses, signal, maxBytes: MAX_BYTES });
      if (fetched.location === null) return toResult(url, fetched, redirects);
      url = nextHop(url, fetched.location, egress);
    }
    throw new EgressRefused(`It redirects more than ${MAX_REDIRECTS} times.`);
  } catch (error) {
    if (error instanceof EgressRefused)
      return { ok: false, output: error.message, metadata: { errorCode: 'tool.egress_refused' } };
    const errorCode = outer.aborted
      ? 'tool.cancelled'
      : timeout.aborted
        ? 'tool.timeout'
        : 'tool.unreachable';
    const why = timeout.aborted ? `no complete answer within ${totalMs / 1000} s` : errorMessage(error);
    return { ok: false, output: `The page could not be fetched: ${why}`, metadata: { errorCode } };
  }
}
