/**
 * The Bot API's requests over Node's own client, in place of the `fetch` that grammY brings along, which takes longer
 * than all the rest of a call. Only what grammY asks of one is here: a POST whose answer is JSON.
 */
import { type Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Readable } from 'node:stream';
import type { ApiClientOptions } from 'grammy';

type Init = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream where files go along. */
  readonly body: string | Readable;
  /** grammY's own, which keeps connections. */
  readonly agent: Agent;
  readonly signal: AbortSignal;
};

async function post(url: string, init: Init): Promise<{ json(): Promise<unknown> }> {
  const answer = await ask(url, init);
  return { json: async () => JSON.parse(await textOf(answer)) };
}

function ask(url: string, { method, headers, body, agent, signal }: Init): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const open = url.startsWith('https:') ? requestHttps : requestHttp;
  const request = open(url, { method, headers, agent }, resolve);
  const stop = (): void => void request.destroy(new Error('the call was aborted'));
  request.on('error', reject);
  request.on('close', () => signal.removeEventListener('abort', stop));
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  else if (typeof body === 'string') request.end(body);
  else body.on('error', stop).pipe(request);
  return promise;
}

function textOf(answer: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  answer.setEncoding('utf8');
  answer.on('data', (chunk: string) => {
    text += chunk;
  });
  answer.on('end', () => resolve(text));
  answer.on('error', reject);
  answer.on('close', () => reject(new Error('the answer broke off')));
  return promise;
}

/** Typed after a package that grammY uses and we do not; what it is called with is an `Init`. */
export const fetchForGrammy = post as unknown as NonNullable<ApiClientOptions['fetch']>;
