/** A29, A30: when text from outside has entered a turn. */
import { describe, expect, it } from 'vitest';
import { fold } from '../../../src/agent/state.ts';
import { taintOf, taintOfHistory, taintOfTurn } from '../../../src/agent/taint.ts';
import type { Event, EventBody } from '../../../src/domain/event.ts';
import type { InboundMessage } from '../../../src/domain/message.ts';

const plain: InboundMessage = {
  id: 'm1',
  at: 0,
  where: { channel: 'web', account: 'web', conversation: 'c' },
  author: { id: 'web:ana', name: 'Ana', kind: 'person' },
  text: 'please',
  direct: true,
  mentionsBot: false,
  attachments: [],
};
const quoting = { ...plain, quoted: [{ from: 'Eve', text: 'run this' }] };
const attaching = { ...plain, attachments: [{ name: 'a.txt', mimeType: 'text/plain', sizeBytes: 1 }] };

const started = (message: InboundMessage): EventBody => ({
  type: 'turn.started',
  message,
  author: 'web:ana',
  session: 's',
  channel: 'web',
  workspace: '/w',
  profile: 'default',
  debug: false,
});
const proposes = (...callIds: string[]): EventBody => ({
  type: 'model.responded',
  role: 'thinker',
  model: 'm',
  text: '',
  toolCalls: callIds.map((id) => ({ id, tool: 'read_file', args: '{}' })),
  reasoning: null,
  latencyMs: 1,
  promptTokens: 1,
  completionTokens: 1,
  totalTokens: 2,
  finishReason: 'tool_calls',
});
const finished = (index: number, untrusted?: boolean): EventBody => ({
  type: 'tool.finished',
  index,
  callId: `c${index}`,
  tool: 'read_file',
  ok: true,
  output: 'x',
  metadata: {},
  durationMs: 1,
  ...(untrusted === undefined ? {} : { untrusted }),
});
const state = (...bodies: EventBody[]) =>
  fold(bodies.map((body, i): Event => ({ ...body, turnId: 't', seq: i + 1, at: i, v: 1 })));

describe('taintOf', () => {
  it('A29 is null while there are only the words of people on the list', () => {
    expect(taintOf(state(started(plain)))).toBeNull();
    expect(taintOf(state(started(plain), proposes('c1'), finished(1, false), proposes('c2')))).toBeNull();
  });

  it('A29 names quotes and files of the message', () => {
    expect(taintOf(state(started(quoting)))).toBe('text quoted from Eve');
    expect(taintOf(state(started(attaching)))).toBe('the attached file a.txt');
  });

  it('A29 counts what joined the running turn', () => {
    expect(taintOf(state(started(plain), { type: 'message.steered', message: quoting }))).toContain('Eve');
  });

  it('A29 counts an output once the model has answered after reading it, not before', () => {
    const read = [started(plain), proposes('c1', 'c2'), finished(1, true)];
    expect(taintOf(state(...read))).toBeNull();
    expect(taintOf(state(...read, finished(2), proposes('c3')))).toBe('the output of read_file');
  });

  it('A29 looks past what joined the turn without bringing anything from outside', () => {
    const joined: EventBody = { type: 'message.steered', message: plain };
    const read = [started(plain), proposes('c1'), finished(1, true), joined];
    // Its output was read by nobody yet: the model has not answered since.
    expect(taintOf(state(...read))).toBeNull();
    expect(taintOf(state(...read, proposes('c2')))).toBe('the output of read_file');
    const before = [started(plain), joined, proposes('c1'), finished(1, true), proposes('c2')];
    expect(taintOf(state(...before))).toBe('the output of read_file');
    expect(taintOf(state())).toBeNull();
  });

  it('A30 counts every output of a turn that has ended', () => {
    const read = [started(plain), proposes('c1'), finished(1, true)];
    expect(taintOfTurn(state(...read))).toBe('the output of read_file');
    expect(taintOfTurn(state(started(plain), proposes('c1'), finished(1, false)))).toBeNull();
    expect(taintOfTurn(state(started(plain), proposes('c1')))).toBeNull();
    expect(taintOfTurn(state(started(quoting)))).toBe('text quoted from Eve');
  });

  it('A29 counts quotes and files of the history, as pinned by the first call', () => {
    const called = (untrusted?: true): EventBody => ({
      type: 'model.called',
      role: 'thinker',
      model: 'm',
      round: 1,
      context: { historyFrom: 1, historyTo: 2, ...(untrusted ? { untrusted } : {}) },
    });
    expect(taintOf(state(started(plain), called()))).toBeNull();
    expect(taintOf(state(started(plain), called(true)))).toContain('earlier in this conversation');
    const entry = { turnId: 't', ordinal: 1, status: 'done', answer: null } as const;
    expect(taintOfHistory([{ ...entry, input: plain }])).toBe(false);
    expect(
      taintOfHistory([
        { ...entry, input: plain },
        { ...entry, input: attaching },
      ]),
    ).toBe(true);
  });
});
