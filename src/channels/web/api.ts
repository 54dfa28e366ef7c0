/** The frame around every API call: who asks, what they send, how a refusal reads. */
import type { z } from 'zod';
import { AppError, errorMessage, userText } from '../../domain/errors.ts';
import { type Logger, newId } from '../../domain/runtime.ts';
import type { HttpRequest, HttpResponse } from '../adapter.ts';
import type { Person, SignIn } from './sign-in.ts';

/** Undefined until the channel is started. */
export type SignInSource = () => SignIn | undefined;

/** A refusal the page shows as it is. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export type ApiHandler = (request: HttpRequest, person: Person) => Promise<HttpResponse>;
export type Api = (handler: ApiHandler) => (request: HttpRequest) => Promise<HttpResponse>;

export const notFound = (): ApiError =>
  new ApiError(404, 'request.not_found', 'This conversation does not exist.');

export function json(status: number, value: unknown): HttpResponse {
  return {
    status,
    body: JSON.stringify(value),
    headers: { 'content-type': 'application/json; charset=utf-8' },
  };
}

/** Wraps a handler: signed in, JSON when it writes, errors as JSON. */
export function createApi({ signIn, log }: { signIn: SignInSource; log: Logger }): Api {
  return (handler) => async (request) => {
    try {
      const open = signIn();
      if (open === undefined)
        throw new ApiError(503, 'channel.unavailable', 'Parley is starting. Please wait.');
      const person = open.person(request.headers.cookie);
      if (person === undefined) throw new ApiError(401, 'request.signed_out', 'Please sign in again.');
      // A form of another site cannot send this type without asking first.
      if (request.method !== 'GET' && !request.headers['content-type']?.startsWith('application/json')) {
        throw new ApiError(415, 'request.invalid', 'Send JSON (content-type: application/json).');
      }
      return await handler(request, person);
    } catch (error) {
      if (error instanceof ApiError)
        return json(error.status, { error: { code: error.code, message: error.message } });
      const reference = newId(Date.now());
      log.error(
        { error: errorMessage(error), path: request.path, reference: reference.slice(-8) },
        'web request failed',
      );
      const code = error instanceof AppError ? error.code : 'turn.internal';
      return json(503, { error: { code, message: userText(code, reference) } });
    }
  };
}

/** @throws ApiError 400 that names the field. */
export function readBody<Schema extends z.ZodType>(request: HttpRequest, schema: Schema): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(request.body.toString('utf8'));
  } catch {
    throw new ApiError(400, 'request.invalid', 'The request is not JSON.');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ApiError(
    400,
    'request.invalid',
    `${issue?.path.join('.') || 'request'}: ${issue?.message ?? 'not valid'}`,
  );
}
