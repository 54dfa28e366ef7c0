/** Which values of a configuration must never be seen again: by the name of their key, wherever they came from. */

const SECRET_KEY = /token|api_key|secret|password/i;
/** Maps whose values are secrets whatever their keys are called. */
const SECRET_MAPS: readonly (readonly string[])[] = [['channels', 'web', 'users']];
const SECRET_MAP_KEYS = new Set(['env', 'headers']);
/** Keys that sound like a secret and are none. */
const HARMLESS = new Set(['max_tokens', 'context_tokens', 'tokens_per_day']);

export function secretsOf(...configs: readonly unknown[]): ReadonlySet<string> {
  const secrets = new Set<string>();
  const visit = (value: unknown, path: readonly string[], isSecret: boolean): void => {
    if (typeof value === 'string') {
      if (isSecret && value !== '') secrets.add(value);
      if (path.at(-1) === 'url') addPassword(value, secrets);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    for (const [key, field] of Object.entries(value)) {
      const at = [...path, key];
      const named = SECRET_KEY.test(key) && !HARMLESS.has(key);
      const inMap = SECRET_MAPS.some((map) => map.join('/') === at.join('/')) || SECRET_MAP_KEYS.has(key);
      visit(field, at, isSecret || named || inMap);
    }
  };
  for (const config of configs) visit(config, [], false);
  return secrets;
}

function addPassword(url: string, secrets: Set<string>): void {
  const password = URL.canParse(url) ? new URL(url).password : '';
  if (password !== '') secrets.add(decodeURIComponent(password));
}
