/** Tells what must never be remembered: passwords, keys and tokens, whoever said them. Pure. */

const patterns: readonly (readonly [string, RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['a password or key', /:\/\/[^\s/:@]+:[^\s/@]+@/],
  [
    'a password or key',
    /\b(?:pass(?:word|phrase|code|wd|wort)?|pwd|secret|token|api[ _-]?key|access[ _-]?key|credentials?|pin(?: code)?)\b[\s"'`*]*(?:\bis\b|\bare\b|\bist\b|[:=])[\s"'`*]*[^\s"'`*]{3,}/i,
  ],
  [
    'a password or key',
    /(?:パスワード|暗証番号|秘密鍵|トークン|認証キー)[\s「『"]*(?:は|が|[:：=])[\s「『"]*[^\s「」『』"。、]{3,}/,
  ],
  ['an access token', /\b(?:Bearer|Basic)\s+[\w~+/=.-]{16,}/],
  ['an access token', /\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*/],
  [
    'an access token',
    /\b(?:sk|pk|rk|gh[pousr]|github_pat|glpat|xox[abeoprs]|xapp|npm|hf|dop_v1|shpat)[-_][\w-]{16,}/,
  ],
  ['an access key', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ['an access key', /\bAIza[\w-]{35}/],
  ['a bot token', /\b\d{8,10}:[\w-]{35}\b/],
  ['a bot token', /\b[\w-]{24,28}\.[\w-]{6}\.[\w-]{27,}/],
];

/** Long enough, and of three kinds of characters: no word, no number, no name of a file. */
const RANDOM_LOOKING = /(?<![\w/.-])[\w+/=-]{24,}(?![\w/.-])/g;

/** What kind of secret the text holds, in words; null when none is seen. */
export function secretIn(text: string): string | null {
  const known = patterns.find(([, pattern]) => pattern.test(text));
  if (known !== undefined) return known[0];
  const random = text.match(RANDOM_LOOKING)?.some(looksRandom) ?? false;
  return random ? 'something that looks like a key' : null;
}

/** Text that is read has few changes between letters and digits, large and small; a key has little else. */
function looksRandom(word: string): boolean {
  const kinds = [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(word)).length;
  const changes = word.match(/[a-z][A-Z\d]|[A-Z]\d|\d[a-zA-Z]/g)?.length ?? 0;
  return kinds === 3 ? changes >= word.length / 6 : /^[0-9a-f]{32,}$/i.test(word);
}
