/**
 * `fetch_url`: the readable text of one public page. Reading changes nothing, yet the address itself says something to
 * whoever gets it: so a host that no operator listed is asked for, page by page (A28).
 */
import { z } from 'zod';
import { type Assessment, defineTool } from '../tool.ts';
import { createEgress, type Egress, plainHost } from './addresses.ts';
import { EgressRefused, type Resolve, resolveBySystem } from './connect.ts';
import { parseTarget } from './target.ts';

export type FetchDeps = {
  /** `tools.http.allow`. */
  readonly allow: readonly string[];
  readonly resolve?: Resolve;
};

/** All hops together. */
const TOTAL_MS = 20_000;

/** Above it, so that slowness is reported by the tool in its own words. */
const BACKSTOP_MS = TOTAL_MS + 5_000;

const MAX_URL = 4_000;

/** A page's address is shorter; what is longer may well carry something away. */
const LONG_URL = 300;

const input = z.strictObject({
  url: z.string().min(1).max(MAX_URL).describe('Whole address, starting with https:// or http://.'),
});

function assess(text: string, egress: Egress): Assessment {
  const shown = { question: 'Fetch this page?', language: 'text', title: `Fetched ${text.slice(0, 200)}` };
  try {
    const url = parseTarget(text, egress);
    const host = plainHost(url.hostname);
    const display = { ...shown, text: url.href, title: `Fetched ${host}` };
    const base = { display, forms: { url: [url.href] }, sendsOut: true };
    if (egress.isListed(host)) {
      const reasons = ['only reads, from a host that tools.http.allow lists'];
      return { ...base, decision: 'allow', risk: 'low', reasons, alwaysKey: null };
    }
    const long = url.href.length > LONG_URL;
    const reasons = [
      ...(long ? ['the address is long: it may carry data out'] : []),
      `sends this address to ${host}, which tools.http.allow does not list`,
    ];
    const alwaysKey = `fetch_url:${JSON.stringify(url.href)}`;
    return { ...base, decision: 'ask', risk: long ? 'high' : 'medium', reasons, alwaysKey };
  } catch (error) {
    if (!(error instanceof EgressRefused)) throw error;
    const display = { ...shown, text };
    return { decision: 'deny', risk: 'blocked', reasons: [error.message], alwaysKey: null, display };
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
    risks: ['low', 'medium', 'high'],
    timeoutMs: BACKSTOP_MS,
    assess: async ({ url }) => assess(url, egress),
    async run({ url }, { signal }) {
      const { fetchPage } = await import('./fetch.ts');
      return fetchPage({ text: url, egress, resolve, signal, totalMs: TOTAL_MS });
    },
  });
}
