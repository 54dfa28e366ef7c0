/**
 * `fetch_url`: the readable text of one public page. Reading changes nothing, yet the address itself says something to
 * whoever gets it: so a host that no operator listed is asked for, page by page (A28).
 */
import { z } from 'zod';
import { errorMessage } from '../../../domain/errors.ts';
import { type Assessment, defineTool, type ToolResult } from '../tool.ts';
import { createEgress, type Egress, plainHost } from './addresses.ts';
import { checkedAddresses, EgressRefused, type Resolve, resolveBySystem } from './connect.ts';
import { type Fetched, get } from './get.ts';
import { toReadable } from './readable.ts';

export type FetchDeps = {
  /** `tools.http.allow`. */
  readonly allow: readonly string[];
  readonly resolve?: Resolve;
};

/** All hops together. */
const TOTAL_MS = 20_000;

/** Above it, so that slowness is reported by the tool in its own words. */
const BACKSTOP_MS = TOTAL_MS + 5_000;

const MAX_BYTES = 4 * 1024 * 1024;

/** What browsers allow is 20; a page that needs more than a few is a loop. */
const MAX_REDIRECTS = 5;

const MAX_URL = 4_000;

/** A page's address is shorter; what is longer may well carry something away. */
const LONG_URL = 300;

const readableType =
  /^(text\/|application\/(json|xml|javascript|x-yaml|yaml|toml|x-ndjson|xhtml\+xml)\b|[^;]+\+(json|xml)\b)/i;

const input = z.strictObject({
  url: z.string().min(1).max(MAX_URL).describe('Whole address, starting with https:// or http://.'),
});

/** Throws EgressRefused. */
function parseTarget(text: string, egress: Egress): URL {
  if (!URL.canParse(text))
    throw new EgressRefused('This is not a complete address such as https://example.com/.');
  const url = new URL(text);
  url.hash = '';
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new EgressRefused(`Only http and https are fetched, not ${url.protocol}`);
  if (url.username !== '' || url.password !== '')
    throw new EgressRefused('An address with a name or password in it is not fetched.');
  const port = Number(url.port || 443);
  if (port < 1024 && port !== 80 && port !== 443)
    throw new EgressRefused(`Port ${port} belongs to another kind of service.`);
  const host = plainHost(url.hostname);
  if (/^[\d.]+$|:/.test(host) && !egress.mayConnect(host))
    throw new EgressRefused(
      `${host} is not an address on the public internet. An operator can list private ones in tools.http.allow.`,
    );
  return url;
}

function assess(text: string, egress: Egress): Assessment {
  const shown = { question: 'Fetch this page?', language: 'text', title: `Fetched ${text.slice(0, 200)}` };
  try {
    const url = parseTarget(text, egress);
    const host = plainHost(url.hostname);
    const display = { ...shown, text: url.href, title: `Fetched ${host}` };
    if (egress.isListed(host)) {
      const reasons = ['only reads, from a host that tools.http.allow lists'];
      return { decision: 'allow', risk: 'low', reasons, alwaysKey: null, display, sendsOut: true };
    }
    const long = url.href.length > LONG_URL;
    const reasons = [
      ...(long ? ['the address is long: it may carry data out'] : []),
      `sends this address to ${host}, which tools.http.allow does not list`,
    ];
    const alwaysKey = `fetch_url:${JSON.stringify(url.href)}`;
    return { decision: 'ask', risk: long ? 'high' : 'medium', reasons, alwaysKey, display, sendsOut: true };
  } catch (error) {
    if (!(error instanceof EgressRefused)) throw error;
    const display = { ...shown, text };
    return { decision: 'deny', risk: 'blocked', reasons: [error.message], alwaysKey: null, display };
  }
}

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

async function run(text: string, egress: Egress, resolve: Resolve, outer: AbortSignal): Promise<ToolResult> {
  const timeout = AbortSignal.timeout(TOTAL_MS);
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
    const why = timeout.aborted ? `no complete answer within ${TOTAL_MS / 1000} s` : errorMessage(error);
    return { ok: false, output: `The page could not be fetched: ${why}`, metadata: { errorCode } };
  }
}

export function createFetchTool({ allow, resolve = resolveBySystem }: FetchDeps) {
  const egress = createEgress(allow);
  return defineTool({
    name: 'fetch_url',
    description:
      'Fetches a page from the public web and returns its readable text. No sign-in, no scripts. ' +
      'A person is asked first unless an operator has listed the host.',
    input,
    effect: 'read',
    timeoutMs: BACKSTOP_MS,
    assess: async ({ url }) => assess(url, egress),
    run: ({ url }, { signal }) => run(url, egress, resolve, signal),
  });
}
