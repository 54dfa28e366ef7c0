/** HTTP mode: Slack posts everything to one address. Nothing is read before its signature is proven. */
import type { App, Receiver } from '@slack/bolt';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { KeyValue } from '../../domain/feed.ts';
import type { Clock, Logger, Metrics } from '../../domain/runtime.ts';
import type { HttpHost, HttpRequest, HttpResponse } from '../adapter.ts';
import { createProcess, type Dropped, parseBody } from './receiver.ts';
import { isFromSlack } from './signature.ts';
import { createTaken, type SignedRequest } from './taken.ts';

export type WebhookDeps = {
  readonly http: HttpHost;
  readonly state: KeyValue;
  readonly signingSecret: string;
  readonly onState: (state: 'up') => void;
  readonly dropped: Dropped;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** Slack's payloads are far smaller; read before the signature is known to be good (A4). */
const MAX_BODY = 1024 * 1024;

export function createWebhook(deps: WebhookDeps): Receiver {
  const { log, metrics } = deps;
  let app: App | undefined;
  let running = false;
  const inHand = new Set<Promise<unknown>>();
  const taken = createTaken(deps);
  const process = createProcess(() => {
    if (app === undefined) throw new AppError('channel.unavailable', 'Slack is not started');
    return app;
  });

  deps.http.route('POST', '/channels/slack/events', (request) => receive(request), {
    maxBodyBytes: MAX_BODY,
  });

  async function receive(request: HttpRequest): Promise<HttpResponse> {
    const signature = request.headers['x-slack-signature'] ?? '';
    const timestamp = request.headers['x-slack-request-timestamp'] ?? '';
    if (!isFromSlack({ timestamp, signature, body: request.body }, deps.signingSecret, deps.clock.now())) {
      metrics.count('parley_inbound_dropped_total', { channel: 'slack', reason: 'signature' });
      log.warn({ timestamp }, 'a request without a valid Slack signature was refused');
      return { status: 401, body: 'The signature is not valid.\n' };
    }
    if (!running) return later;
    const body = parseBody(bodyOf(request));
    if (body === undefined) {
      deps.dropped({ bytes: request.body.length });
      // Taken for good: it will not get better by being sent again.
      return { status: 200 };
    }
    if (body.type === 'url_verification') return json({ challenge: body.challenge });
    return once({ timestamp, signature }, body);
  }

  async function once(signed: SignedRequest, body: Record<string, unknown>): Promise<HttpResponse> {
    try {
      const claim = await taken.claim(signed);
      if (claim === 'free') return await answered(body, signed);
      metrics.count('parley_inbound_repeated_total', { channel: 'slack' });
      return claim === 'done' ? { status: 200 } : later;
    } catch (error) {
      log.warn({ detail: errorMessage(error) }, 'a request of Slack could not be taken');
      return later;
    }
  }

  /** Resolves with the acknowledgement, while the work behind it may go on. */
  function answered(body: Record<string, unknown>, signed: SignedRequest): Promise<HttpResponse> {
    return new Promise((resolve) => {
      let isTaken = false;
      const work = process(body, async (response) => {
        await taken.done(signed);
        isTaken = true;
        resolve(response === undefined || response === '' ? { status: 200 } : json(response));
      })
        .then((outcome) => {
          if (outcome === 'malformed') deps.dropped({ event: body.event_id });
        })
        .catch(async (error: unknown) => {
          metrics.count('parley_inbound_failed_total', { channel: 'slack' });
          log.warn(
            { event: body.event_id, detail: errorMessage(error) },
            'a request of Slack is left for its next delivery',
          );
          if (!isTaken) await taken.release(signed);
          resolve(later);
        })
        .finally(() => inHand.delete(work));
      inHand.add(work);
    });
  }

  return {
    init(bolt) {
      app = bolt;
    },
    async start() {
      running = true;
      deps.onState('up');
    },
    async stop() {
      running = false;
      await Promise.allSettled(inHand);
    },
  };
}

/** Anything but success has Slack bring an event again. */
const later: HttpResponse = { status: 503, headers: { 'retry-after': '1' } };

const json = (value: unknown): HttpResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify(value),
});

/** Events are JSON; commands are forms; interactions are JSON in a form. Undefined for anything else. */
function bodyOf(request: HttpRequest): unknown {
  const text = request.body.toString('utf8');
  try {
    if (request.headers['content-type']?.startsWith('application/json') === true) return JSON.parse(text);
    const form = new URLSearchParams(text);
    const payload = form.get('payload');
    return payload === null ? Object.fromEntries(form) : JSON.parse(payload);
  } catch {
    return undefined;
  }
}
