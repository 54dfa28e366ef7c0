/** A link that an author wrote, as it may be shown (pure): it always says where it goes (A38). */

export type Link = {
  readonly url: URL;
  /** What follows the words: the host, or the address of a mailbox. */
  readonly place: string;
  /** The words are the address itself, so that nothing need follow. */
  readonly isBare: boolean;
};

/**
 * Undefined for anything but an absolute web or mail address: that stays text.
 * @param text the words of the link; undefined when they are ours
 */
export function readLink(href: string, text: string | undefined): Link | undefined {
  const url = URL.canParse(href) ? new URL(href) : undefined;
  if (url === undefined || !['http:', 'https:', 'mailto:'].includes(url.protocol)) return undefined;
  const place = url.protocol === 'mailto:' ? url.pathname : url.host;
  const addresses = [href, url.href, url.href.replace(/\/$/, ''), place];
  // A user name in front of the host (`https://bank.example@evil.example`) is there to deceive.
  const isBare = text !== undefined && addresses.includes(text) && url.username === '';
  return { url, place, isBare };
}
