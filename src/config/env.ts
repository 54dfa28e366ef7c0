/** The environment as the configuration sees it: variables, `.env`, and secrets in files (`NAME_FILE`). */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { errorMessage } from '../domain/errors.ts';

export type Environment = {
  /** The value, or why there is none. */
  lookup(name: string): { readonly value: string } | { readonly missing: string };
};

/** @param dotEnvFile read when it exists; real variables win over it. */
export function openEnvironment(variables: NodeJS.ProcessEnv, dotEnvFile: string): Environment {
  const all: NodeJS.Dict<string> = { ...readDotEnv(dotEnvFile), ...variables };
  return { lookup: (name) => read(all, name) };
}

function read(all: NodeJS.Dict<string>, name: string): { value: string } | { missing: string } {
  const direct = all[name];
  if (direct !== undefined) return { value: direct };
  const file = all[`${name}_FILE`];
  if (file === undefined) return { missing: `the environment variable ${name} is not set` };
  try {
    // Secret files end with a line break that is not part of the secret.
    return { value: readFileSync(file, 'utf8').trimEnd() };
  } catch (error) {
    return { missing: `${name}_FILE names ${file}, which cannot be read: ${errorMessage(error)}` };
  }
}

function readDotEnv(file: string): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}
