/** Tells what must never be remembered: passwords, keys and tokens, whoever said them. Pure. */

const WORDS =
  'pass(?:word|phrase|code|wd|wort)?|pwd|kennwort|mot de passe|contraseña|senha|wachtwoord|пароль|secret|token|api[ _-]?key|access[ _-]?key|credentials?|pin(?: code)?|(?:seed|recovery) (?:phrase|code)';
const OPEN = '[\\s"\'`*«„“]*';
const IS = '(?<!\\p{L})(?:is|are|ist|lautet|est|es|é)(?!\\p{L})|[:=]>?|->|→';
/** "of the staging server", and what may stand before the word that tells it. */
const OF_WHAT =
  "\\s+(?:for|of|to|on|in|at|von|für|zum|zur|de|du|do|da|para)(?:\\s+[\\p{L}\\p{N}'’_.-]+){1,6}?";
/** Letters and digits, as in no word of a language. */
const VALUE = '(?=[^\\s]*\\p{L})(?=[^\\s]*\\d)[^\\s"\'`*/]{6,}';
const named = `(?<![\\p{L}\\p{N}_])(?:${WORDS})(?![\\p{L}\\p{N}])`;
const CODES = '(?:pin|passcode|(?:door|gate|alarm|safe|lock|security|access) code)';

const patterns: readonly (readonly [string, RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['a password or key', /:\/\/[^\s/:@]+:[^\s/@]+@/],
  ['a password or key', new RegExp(`${named}${OPEN}(?:${IS})${OPEN}[^\\s"'\`*]{3,}`, 'iu')],
  ['a password or key', new RegExp(`${named}(?:['’]s)?[\\s"'\`*]+${VALUE}`, 'iu')],
  [
    'a password or key',
    new RegExp(`${named}${OF_WHAT}\\s*(?:${IS}|(?<!\\p{L})(?:was|to|war)(?!\\p{L}))${OPEN}${VALUE}`, 'iu'),
  ],
  ['a password or key', new RegExp(`\\b${CODES}(?:${OF_WHAT})?\\s*(?:${IS})${OPEN}\\d{4,8}\\b`, 'iu')],
  ['a password or key', new RegExp(`\\b(?:log-?in|credentials?)\\b[^\\n]{1,40}\\s/\\s*${VALUE}`, 'iu')],
  [
    'a password or key',
    /(?:パスワード|暗証番号|秘密鍵|トークン|認証キー|密码|密碼|口令|비밀번호|암호)[\s「『"]*(?:は|が|是|为|為|은|는|[:：=])[\s「『"]*[^\s「」『』"。、]{3,}/,
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
