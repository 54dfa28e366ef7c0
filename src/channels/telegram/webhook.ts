/** Takes updates that Telegram brings by itself. Only calls that know the secret are looked at (A3). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Logger } from '../../domain/runtime.ts';
import type { HttpHost, HttpRequest, HttpResponse } from '../adapter.ts';
import type { Receiver } from './receiver.ts';

export const WEBHOOK_PATH = '/channels/telegram/webhook';
/** A message of 32,768 characters with all its entities and a quote of the same size stays below. */
const MAX_BODY_BYTES = 1024 * 1024;

export function addWebhook(deps: {
  readonly http: HttpHost;
  readonly secret: string;
  /** Undefined while the channel is not started. */
  readonly receiver: () => Receiver | undefined;
  readonly log: Logger;
}): void {
  const expected = digest(deps.secret);
  deps.http.route('POST', WEBHOOK_PATH, (request) => receive(request), { maxBodyBytes: MAX_BODY_BYTES });

  async function receive(request: HttpRequest): Promise<HttpResponse> {
    const given = digest(request.headers['x-telegram-bot-api-secret-token'] ?? '');
    if (!timingSafeEqual(given, expected)) {
      deps.log.warn({}, 'webhook call refused: it does not know the secret');
      return { status: 401 };
    }
    const receiver = deps.receiver();
    // Anything but success makes Telegram bring it again.
    if (receiver === undefined) return { status: 503 };
    const { failed } = await receiver.take([parse(request.body)]);
    return { status: failed ? 503 : 200 };
  }
}

/** Of equal length whatever comes in, so that comparing tells nothing about the secret. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
