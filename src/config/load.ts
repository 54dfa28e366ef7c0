/** YAML text → checked configuration. Everything that is wrong is said at once, before anything starts. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { type Document, LineCounter, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { AppError, errorMessage } from '../domain/errors.ts';
import type { Environment } from './env.ts';
import { configError, type Located, type Problem, problemAt, problemsOf } from './problems.ts';
import { hideReferences, type Reference } from './references.ts';
import { type Config, configSchema, notAvailableYet } from './schema.ts';
import { secretsOf } from './secrets.ts';
import { agent, approvals, models, tools } from './sections.ts';

/** The sections a profile can change, complete. */
export type Profile = Pick<Config, 'agent' | 'models' | 'tools' | 'approvals'>;

export type LoadedConfig = {
  readonly config: Config;
  /** `default` and those of the file, each resolved to the full sections. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** Null: built-in defaults. */
  readonly file: string | null;
  /** A problem with the value at a path of the file, found later. */
  readonly problemAt: (path: readonly PropertyKey[], message: string) => Problem;
  /** Short hash of the file's text, to tell which one is in force. */
  readonly revision: string;
  /** Values that must never be logged. */
  readonly secrets: ReadonlySet<string>;
};

export const DEFAULT_FILE = 'config/parley.yaml';

/** Without a file: the web chat alone, its owner in charge, the key of the environment if there is one. */
const BUILT_IN = [
  `models: { default: { api_key: ${'$'}{OPENAI_API_KEY:-} } }`,
  `server: { token: ${'$'}{PARLEY_TOKEN:-} }`,
  'access: { approvers: ["web:owner"], admins: ["web:owner"] }',
].join('\n');

/** @throws AppError `config.invalid` with every problem. */
export function loadConfig(file: string | null, environment: Environment): LoadedConfig {
  if (file !== null) return parseConfig(readText(file), file, environment);
  const found = existsSync(DEFAULT_FILE) ? DEFAULT_FILE : null;
  return found === null
    ? { ...parseConfig(BUILT_IN, 'built-in defaults', environment), file: null }
    : parseConfig(readText(found), found, environment);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new AppError('config.invalid', `cannot read the configuration ${file}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

export function parseConfig(source: string, file: string, environment: Environment): LoadedConfig {
  const lines = new LineCounter();
  const { text, references } = hideReferences(source);
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false, strict: true });
  const at: Located = { document, lines, source };
  const broken = syntaxProblems(document, lines);
  if (broken.length > 0) throw configError(file, broken);
  const problems = substitute(document, at, references, environment);
  const raw = toPlain(document, at, file);
  const parsed = configSchema.safeParse(raw, { reportInput: true });
  if (!parsed.success) {
    problems.push(...parsed.error.issues.flatMap((issue) => problemsOf(at, issue, [], keysAt(configSchema))));
  }
  const profiles = resolveProfiles(raw, at, problems);
  problems.push(...unavailable(raw, at), ...unknownProfiles(raw, at), ...missingFiles(raw, at));
  if (problems.length > 0 || !parsed.success) throw configError(file, problems);
  const all = new Map<string, Profile>([['default', parsed.data], ...profiles]);
  const revision = createHash('sha256').update(source).digest('hex').slice(0, 12);
  const problem = (path: readonly PropertyKey[], message: string) => problemAt(at, path, message);
  return {
    config: parsed.data,
    profiles: all,
    file,
    problemAt: problem,
    revision,
    secrets: secretsOf(parsed.data, ...profiles.values()),
  };
}

/** @throws AppError for an alias without its anchor, or so many that only an attack writes them. */
function toPlain(document: Document, at: Located, file: string): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    let offset = 0;
    visit(document, {
      Alias(_key, node) {
        if (node.resolve(document) !== undefined) return undefined;
        offset = node.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    const { line, col } = at.lines.linePos(offset);
    throw configError(file, [
      { line: Math.max(1, line), column: Math.max(1, col), message: errorMessage(error) },
    ]);
  }
}

/** All duplicate keys, but of other mistakes only the first: the parser stumbles on over its consequences. */
function syntaxProblems(document: Document, lines: LineCounter): Problem[] {
  const [first] = document.errors;
  const shown = document.errors.filter((error) => error === first || error.code === 'DUPLICATE_KEY');
  return shown.map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    const [text = error.code] = error.message.split('\n');
    return { line, column: col, message: text.replace(/ at line \d+, column \d+:?$/, '') };
  });
}

/** Puts the values of `${NAME}` and `${NAME:-default}` into every string. Whatever comes in stays text. */
function substitute(
  document: Document,
  at: Located,
  references: readonly Reference[],
  environment: Environment,
): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string') return;
      let text = node.value;
      for (const { token, name, fallback } of references) {
        if (!text.includes(token)) continue;
        const found = environment.lookup(name);
        if ('value' in found && (found.value !== '' || fallback === null)) {
          text = text.replace(token, () => found.value);
          continue;
        }
        text = text.replace(token, () => fallback ?? '');
        if (fallback !== null || !('missing' in found)) continue;
        const { line, col } = at.lines.linePos(node.range?.[0] ?? 0);
        const remedy = `export it, put it into .env, or write \${${name}:-} if it may be empty`;
        problems.push({ line, column: col, message: `${found.missing}; ${remedy}` });
      }
      node.value = text;
    },
  });
  return problems;
}

const sections = { agent, models, tools, approvals } as const;

function resolveProfiles(raw: unknown, at: Located, problems: Problem[]): Map<string, Profile> {
  const base = asRecord(raw);
  const resolved = new Map<string, Profile>();
  for (const [name, overrides] of Object.entries(asRecord(base.profiles))) {
    const own = asRecord(overrides);
    const take = <T>(section: keyof typeof sections, schema: z.ZodType<T>): T | undefined => {
      const parsed = schema.safeParse(merge(base[section], own[section]));
      if (parsed.success) return parsed.data;
      // A mistake in the file's own section is reported there, not again for each profile.
      const issues = parsed.error.issues.filter(
        (issue) => own[section] !== undefined && concerns(own[section], issue),
      );
      problems.push(
        ...issues.flatMap((issue) => problemsOf(at, issue, ['profiles', name, section], keysAt(schema))),
      );
      return undefined;
    };
    const complete = {
      agent: take('agent', agent),
      models: take('models', models),
      tools: take('tools', tools),
      approvals: take('approvals', approvals),
    };
    if (isComplete(complete)) resolved.set(name, complete);
  }
  return resolved;
}

const isComplete = (profile: { [K in keyof Profile]: Profile[K] | undefined }): profile is Profile =>
  Object.values(profile).every((section) => section !== undefined);

/** Whether the profile itself wrote what the issue is about. */
function concerns(own: unknown, issue: z.core.$ZodIssue): boolean {
  const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
  return keys.some((key) => {
    let at: unknown = own;
    for (const part of key === undefined ? issue.path : [...issue.path, key]) {
      if (Array.isArray(at)) return true;
      if (!isRecord(at) || !(String(part) in at)) return false;
      at = at[String(part)];
    }
    return true;
  });
}

/** Objects merge, everything else replaces. */
function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base ?? {};
  if (!isRecord(base) || !isRecord(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) merged[key] = merge(base[key] ?? {}, value);
  return merged;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const asRecord = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

function unavailable(raw: unknown, at: Located): Problem[] {
  const profiles = asRecord(asRecord(raw).profiles);
  const scopes = [[], ...Object.keys(profiles).map((name) => ['profiles', name])];
  return scopes.flatMap((scope) =>
    notAvailableYet
      .map(({ path, on }) => ({ path: [...scope, ...path], on }))
      .filter(({ path, on }) => on(path.reduce<unknown>((value, key) => asRecord(value)[key], raw)))
      .map(({ path }) =>
        problemAt(
          at,
          path,
          `${path.join('.')}: not available yet in this version; remove it or switch it off`,
        ),
      ),
  );
}

function missingFiles(raw: unknown, at: Located): Problem[] {
  const profiles = Object.keys(asRecord(asRecord(raw).profiles)).map((name) => ['profiles', name]);
  return [[], ...profiles].flatMap((scope) => {
    const path = [...scope, 'agent', 'instructions_file'];
    const file = path.reduce<unknown>((value, key) => asRecord(value)[key], raw);
    if (typeof file !== 'string' || existsSync(file)) return [];
    return [
      problemAt(
        at,
        path,
        `${path.join('.')}: there is no file ${file}; paths are relative to where Parley is started`,
      ),
    ];
  });
}

function unknownProfiles(raw: unknown, at: Located): Problem[] {
  const { routes, profiles } = asRecord(raw);
  const names = ['default', ...Object.keys(asRecord(profiles))];
  return (Array.isArray(routes) ? routes : []).flatMap((entry: unknown, index) => {
    const { profile } = asRecord(entry);
    if (typeof profile !== 'string' || names.includes(profile)) return [];
    return [
      problemAt(
        at,
        ['routes', index, 'profile'],
        `routes.${index}.profile: there is no profile "${profile}"`,
      ),
    ];
  });
}

/** The keys a schema knows at a path, for hints. */
function keysAt(schema: z.ZodType): (path: readonly PropertyKey[]) => readonly string[] {
  return (path) => {
    let at: unknown = schema;
    for (const key of path) at = shapeOf(at)?.[String(key)];
    return Object.keys(shapeOf(at) ?? {});
  };
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  if (schema instanceof z.ZodObject) return schema.shape;
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable
  )
    return shapeOf(schema.unwrap());
  return undefined;
}
