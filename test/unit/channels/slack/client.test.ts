/** One call of the Web API: what is sent, and what each kind of answer is to the caller (F14, F15). */
import { webApi } from '@slack/bolt';
import { describe, expect, it } from 'vitest';
import { type ClientOptions, clientOptions, SlackClient } from '../../../../src/channels/slack/client.ts';
import { toAppError } from '../../../../src/channels/slack/errors.ts';

type Asked = { readonly url: string; readonly headers: Record<string, string>; readonly body: string };

function scene(answer: Response | Error) {
  const asked: Asked[] = [];
  const logged: string[] = [];
  const logger: ClientOptions['logger'] = {
    ...clientOptions('https://slack.example/api', { debug() {} } as never).logger,
    warn: (...parts: unknown[]) => void logged.push(parts.join(' ')),
  };
  const client = new SlackClient('xoxb-1', {
    ...clientOptions('https://slack.example/api', { debug() {} } as never),
    logger,
    async fetch(url, request) {
      asked.push({ url: String(url), headers: request?.headers ?? {}, body: String(request?.body) });
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const failure = async (): Promise<unknown> => client.auth.test().catch((error: unknown) => error);
  return { client, asked, logged, failure };
}

describe('a call of the Web API', () => {
  it('sends what is given as a form, structures as JSON, and leaves out what is not given', async () => {
    const { client, asked } = scene(Response.json({ ok: true, ts: '1.2' }));
    const sent = await client.chat.postMessage({
      channel: 'C1',
      text: 'a&b = ü',
      blocks: [{ type: 'markdown', text: '*x*' }],
      unfurl_links: false,
      thread_ts: undefined as unknown as string,
    });
    expect(sent.ts).toBe('1.2');
    expect(asked[0]?.url).toBe('https://slack.example/api/chat.postMessage');
    expect(asked[0]?.headers).toMatchObject({
      Authorization: 'Bearer xoxb-1',
      'Content-Type': 'application/x-www-form-urlencoded',
    });
    expect([...new URLSearchParams(asked[0]?.body)]).toEqual([
      ['channel', 'C1'],
      ['text', 'a&b = ü'],
      ['blocks', '[{"type":"markdown","text":"*x*"}]'],
      ['unfurl_links', 'false'],
    ]);
  });

  it.each([
    ['a refusal', () => Response.json({ ok: false, error: 'no_text' }), 'channel.rejected'],
    ['words', () => new Response('no JSON'), 'channel.rejected'],
    [
      'a limit',
      () => new Response('', { status: 429, headers: { 'retry-after': '3' } }),
      'channel.rate_limited',
    ],
    ['a limit without its time', () => new Response('', { status: 429 }), 'channel.unavailable'],
    ['a failure', () => new Response('oh', { status: 503 }), 'channel.unavailable'],
    ['a refused token', () => new Response('', { status: 401 }), 'channel.unauthorized'],
    ['no answer', () => new Error('gone'), 'channel.unavailable'],
  ])('%s', async (_what, answer, code) => {
    const { failure, asked } = scene(answer());
    expect(toAppError(await failure(), 'it').code).toBe(code);
    // Who asks decides whether it is tried again.
    expect(asked).toHaveLength(1);
  });

  it('says for how long to wait, and what Slack has to say about the call', async () => {
    const limited = scene(new Response('', { status: 429, headers: { 'retry-after': '7' } }));
    expect(await limited.failure()).toMatchObject({ retryAfter: 7 });
    const warned = scene(
      Response.json({
        ok: false,
        error: 'invalid_blocks',
        response_metadata: { warnings: ['w'], messages: ['[ERROR] m'] },
      }),
    );
    expect(await warned.failure()).toBeInstanceOf(webApi.WebAPIPlatformError);
    expect(warned.logged).toEqual(['w', '[ERROR] m']);
  });
});
