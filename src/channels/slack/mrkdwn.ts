/** Slack's message markup as plain text for the model (pure): mentions, links and entities spelled out. */

export type Plain = { readonly text: string; readonly mentionsBot: boolean };

/** `<@U1>`, `<#C1|name>`, `<!here>`, `<https://x|label>`. */
const reference = /<([@#!]?)([^<>|]+)(?:\|([^<>]*))?>/g;
/** The same for a person, with the blanks behind it. */
const personMention = /<@([A-Z0-9]+)(?:\|[^<>]*)?>[ \t]*/g;

export function toPlain(mrkdwn: string, botUser: string): Plain {
  let mentionsBot = false;
  const rest = mrkdwn.replace(personMention, (all, user: string) => {
    if (user !== botUser) return all;
    mentionsBot = true;
    return '';
  });
  const text = rest.replace(reference, (_all, sign: string, target: string, label: string | undefined) =>
    spelled(sign, target, label),
  );
  return { text: decoded(mentionsBot ? text.trim() : text), mentionsBot };
}

function spelled(sign: string, target: string, label: string | undefined): string {
  const name = label === undefined || label === '' ? undefined : label;
  if (sign === '@') return `@${name ?? target}`;
  if (sign === '#') return `#${name ?? target}`;
  if (sign === '!') return name ?? `@${target.split('^')[0] ?? target}`;
  const address = target.replace(/^mailto:/, '');
  return name === undefined || name === address ? address : `${name} (${address})`;
}

const entities: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' };

const decoded = (text: string): string =>
  text.replace(/&(?:lt|gt|amp);/g, (entity) => entities[entity] ?? entity);

/** For text that Slack reads as markup: nothing in it is a mention, a link or an entity any more. */
export const escapeMrkdwn = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
