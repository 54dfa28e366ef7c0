/**
 * Arguments against a schema that a server wrote (pure). Types, required fields, choices and nothing else: patterns
 * and formats of a stranger are never run (A45), the server checks those itself.
 */

const MAX_DEPTH = 8;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const typeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;

function fits(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value);
  const known = ['string', 'number', 'boolean', 'null', 'array', 'object'];
  return !known.includes(type) || typeOf(value) === type;
}

function problems(value: unknown, schema: unknown, path: string, depth: number): string[] {
  if (!isObject(schema) || depth > MAX_DEPTH) return [];
  const types = [schema.type].flat().filter((type) => typeof type === 'string');
  if (types.length > 0 && !types.some((type) => fits(value, type)))
    return [`${path} must be ${types.join(' or ')}, not ${typeOf(value)}`];
  const choices = Array.isArray(schema.enum) ? schema.enum : 'const' in schema ? [schema.const] : null;
  if (choices !== null && !choices.some((choice) => JSON.stringify(choice) === JSON.stringify(value)))
    return [`${path} must be one of ${JSON.stringify(choices).slice(0, 300)}`];
  if (Array.isArray(value))
    return value.flatMap((item, index) => problems(item, schema.items, `${path}[${index}]`, depth + 1));
  return isObject(value) ? objectProblems(value, schema, path, depth) : [];
}

function objectProblems(
  value: Record<string, unknown>,
  schema: Record<string, unknown>,
  path: string,
  depth: number,
): string[] {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required.map(String) : [];
  const missing = required
    .filter((key) => !Object.hasOwn(value, key))
    .map((key) => `${path}.${key} is missing`);
  const unknown =
    schema.additionalProperties === false && schema.patternProperties === undefined
      ? Object.keys(value)
          .filter((key) => !Object.hasOwn(properties, key))
          .map((key) => `${path}.${key} is not known`)
      : [];
  const inner = Object.entries(value).flatMap(([key, field]) =>
    Object.hasOwn(properties, key) ? problems(field, properties[key], `${path}.${key}`, depth + 1) : [],
  );
  return [...missing, ...unknown, ...inner];
}

/** What does not fit, in words for the model. Never throws. */
export const argumentProblems = (args: unknown, schema: Readonly<Record<string, unknown>>): string[] =>
  problems(args, schema, 'arguments', 0).slice(0, 10);
