/** No failure is silent: whoever asked reads what happened, with a reference that is found in the log (P14). */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ScriptedReply } from '../fakes/model-server.ts';
import { until } from './support/gateway.ts';
import { freshPlace, type Scenario, startScenario, type TurnRow } from './support/scenario.ts';
import { textOf } from './support/web-client.ts';

const referenceIn = (text: string): string => /\(ref ([0-9a-z]{8})\)/.exec(text)?.[1] ?? '';

describe('what goes wrong in a turn', () => {
  let s: Scenario;
  beforeAll(async () => {
    s = await startScenario({ timeout: '300ms', limits: 'tokens_per_day: 1000000' });
  });
  afterAll(() => s.close());
  beforeEach(() => s.model.reset());

  it.each<[string, ScriptedReply, RegExp]>([
    ['F20: an overload without an end', { status: 429, headers: { 'retry-after': '0' } }, /overloaded/],
    ['F20: an endpoint that fails', { status: 500, headers: { 'retry-after': '0' } }, /did not answer/],
    ['F16: a refused key', { status: 401, error: { message: 'no' } }, /refused our key/],
    ['F23: a refused request', { status: 400, error: { message: 'no' } }, /refused the request/],
    [
      'F21: a stream that breaks off each time',
      { text: 'half an answer', reset: true },
      /did not answer|could not use/,
    ],
    ['F22: a stream without a finish reason', { text: 'half', unfinished: true }, /could not use/],
    ['F25: an empty answer', { text: '' }, /could not use/],
    ['F25: a page of HTML', { html: '<html></html>' }, /could not use/],
    [
      'F24: a prompt that does not fit',
      { status: 400, error: { message: 'too long', code: 'context_length_exceeded' } },
      /too long/,
    ],
    ['F26: silence', { text: 'never', hold: new Promise(() => {}) }, /took too long/],
  ])('P14, %s', async (_what, reply, words) => {
    s.model.script(() => reply);
    const post = await s.owner.answerTo(await freshPlace(s), 'what goes wrong?');
    const text = textOf(post.html);
    expect(post.kind).toBe('error');
    expect(text).toMatch(words);
    const reference = referenceIn(text);
    const turn = (await s.folder.json<TurnRow>('turns', '--json')).find((one) => one.id.endsWith(reference));
    expect(turn).toMatchObject({ status: 'failed', errorCode: expect.stringMatching(/^model\./) });
    expect(
      s.gateway
        .output()
        .split('\n')
        .find((line) => line.includes('turn failed') && line.includes(turn?.id ?? '-')),
    ).toBeDefined();
  });

  it('P14: a side question that fails says so to the asker', async () => {
    s.model.script(() => ({ text: 'fine' }));
    const place = await freshPlace(s);
    await s.owner.answerTo(place, 'something to ask about');
    s.model.script(() => ({ status: 400, error: { message: 'no' } }));
    const aside = await s.owner.command(place, '/btw and this?');
    expect(referenceIn(textOf(aside.html))).not.toBe('');
  });
});

it('P14, P13: a person over the limit of messages reads so, with a reference', async () => {
  const s = await startScenario({ perMinute: 2 });
  try {
    const place = await freshPlace(s);
    for (let i = 0; i < 3; i++) await s.owner.post(place, `message ${i}`);
    const notice = await until('the notice', () =>
      s.owner.asides().find((one) => textOf(one.html).includes('more messages than I may take')),
    );
    expect(referenceIn(textOf(notice.html))).not.toBe('');
  } finally {
    await s.close();
  }
});
