/** From what the model wrote to an address that may be fetched at all (pure): its kind, its port, its host. */
import { type Egress, plainHost } from './addresses.ts';
import { EgressRefused } from './connect.ts';

/** Throws EgressRefused. */
export function parseTarget(text: string, egress: Egress): URL {
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
