/** What every channel promises the gateway, whatever the platform. A channel is one harness and one line. */
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChannelAdapter, ChannelSink } from '../../src/channels/adapter.ts';
import { AppError } from '../../src/domain/errors.ts';
import type {
  ConversationRef,
  InboundMessage,
  MessageRef,
  OutboundMessage,
  UserId,
} from '../../src/domain/message.ts';
import { until } from '../e2e/support/gateway.ts';

export type ChannelUnderTest = {
  readonly adapter: ChannelAdapter;
  /** A place where several people are, and one of them. */
  readonly place: ConversationRef;
  readonly asker: UserId;
  /** Somebody writes to the bot privately. */
  say(text: string): void;
  /** What everybody in `place` can read now, oldest first. */
  texts(): readonly string[];
  /** Payloads of the buttons everybody in `place` can press now. */
  buttons(): readonly string[];
  close(): Promise<void>;
};

/** One with a platform behind it, which refuses the next send for so many milliseconds. */
export type RemoteChannelUnderTest = ChannelUnderTest & { slowDown(ms: number): void };

const token = (letter: string): string => `a1:${letter}:${'A'.repeat(22)}`;
const answer = (text: string): OutboundMessage => ({ kind: 'answer', text, turnId: 'turn-1' });
const card = (outcome?: string): OutboundMessage => ({
  kind: 'card',
  text: 'Run this command?',
  card: {
    title: 'Run this command?',
    action: { text: 'rm -r build', language: 'bash' },
    facts: ['asked by Cy'],
    why: ['deletes files'],
    ...(outcome === undefined ? {} : { outcome }),
  },
  buttons:
    outcome === undefined
      ? [
          { label: 'Approve once', token: token('o'), style: 'primary' },
          { label: 'Deny', token: token('d'), style: 'danger' },
        ]
      : [],
});

const none = async (): Promise<void> => undefined;
const deaf: ChannelSink = { message: none, edit: none, deletion: none, click: none, stop: none };

export function channelAdapterSuite(name: string, open: () => Promise<ChannelUnderTest>): void {
  describe(`the channel ${name}`, () => {
    let on: ChannelUnderTest;
    let got: InboundMessage[];
    let refuse: boolean;

    beforeEach(async () => {
      got = [];
      refuse = false;
      on = await open();
      async function message(received: InboundMessage): Promise<void> {
        got.push(received);
        if (refuse) throw new AppError('store.full', 'no room');
      }
      await on.adapter.start({ ...deaf, message });
    });
    afterEach(() => on.close());

    const seen = () => on.texts().join('\n');
    const send = (message: OutboundMessage, key: string) => on.adapter.send(on.place, message, key);
    const only = (refs: readonly MessageRef[]): MessageRef => {
      const [ref] = refs;
      if (ref === undefined || refs.length !== 1) throw new Error(`expected one ref, got ${refs.length}`);
      return ref;
    };

    it('is up once started, and stops as often as it is told', async () => {
      expect(on.adapter.name).toBe(name);
      expect(on.adapter.state().state).toBe('up');
      await on.adapter.stop();
      await on.adapter.stop();
      expect(on.adapter.state().state).toBe('stopped');
    });

    it('passes a message on with immutable ids', async () => {
      on.say('hello');
      const [first] = await until('the message', () => (got.length > 0 ? got : undefined));
      expect(first).toMatchObject({ text: 'hello', direct: true, author: { kind: 'person' } });
      expect(first?.where.channel).toBe(name);
      expect(first?.author.id).toMatch(new RegExp(`^${name}:.`));
    });

    it('P1: what could not be stored is delivered again, with the same id', async () => {
      refuse = true;
      on.say('keep trying');
      await until('the first try', () => got.length > 0);
      refuse = false;
      const before = got.length;
      await until('another try', () => got.length > before);
      expect(new Set(got.map((one) => one.id)).size).toBe(1);
    });

    it('sends, edits, and edits to the same without complaint', async () => {
      const ref = only(await send(answer('first words'), 'k1'));
      expect(seen()).toContain('first words');
      await on.adapter.edit(ref, answer('other words'));
      await on.adapter.edit(ref, answer('other words'));
      expect(seen()).toContain('other words');
      expect(seen()).not.toContain('first words');
    });

    it('F9: goes on after the parts that are out already', async () => {
      const length = Math.floor(on.adapter.limits.maxLength * 2.5);
      const text = Array.from(
        { length: Math.ceil(length / 10) },
        (_, at) => `word${String(at).padStart(5, '0')}`,
      );
      const parts: MessageRef[] = [];
      const onPart = async (ref: MessageRef) => void parts.push(ref);
      const whole = await on.adapter.send(on.place, answer(text.join(' ')), 'k2', { done: [], onPart });
      expect(on.texts().every((one) => one.length <= on.adapter.limits.maxLength)).toBe(true);
      expect(seen().match(/word\d{5}/g)).toEqual(text);
      const again = await on.adapter.send(on.place, answer(text.join(' ')), 'k2', { done: whole, onPart });
      expect(again).toEqual(whole);
      expect(seen().match(/word\d{5}/g)).toHaveLength(text.length);
    });

    it('A1, A8: a card shows the whole action, carries its payloads unchanged, and loses its buttons at the end', async () => {
      const refs = await send(card(), 'k3');
      expect(seen()).toContain('rm -r build');
      expect(on.buttons()).toEqual([token('o'), token('d')]);
      for (const ref of refs) await on.adapter.edit(ref, card('Denied by Ana'));
      expect(on.buttons()).toEqual([]);
      expect(seen()).toContain('Denied by Ana');
    });

    it('A8, A49: a card edited to another request shows all of it and its buttons, or stays as it was', async () => {
      const renewed = (text: string, letter: string): OutboundMessage => {
        const asked = card();
        const buttons = (asked.buttons ?? []).map((button) => ({
          ...button,
          token: button.token.replaceAll('A', letter),
        }));
        const shown = asked.card && {
          ...asked.card,
          action: { text, language: 'bash' },
          isRenewed: true as const,
        };
        return {
          ...asked,
          ...(shown && { card: { ...shown, notes: ['rm -r build: Approved once by Ana'] } }),
          buttons,
        };
      };
      const tokens = (letter: string) => [token('o'), token('d')].map((one) => one.replaceAll('A', letter));
      const ref = only(await send(card(), 'k6'));
      await on.adapter.edit(ref, renewed('mkdir second', 'B'));
      expect(seen()).toContain('mkdir second');
      expect(seen()).toContain('Approved once by Ana');
      expect(on.buttons()).toEqual(tokens('B'));
      const long = `echo ${'word '.repeat(4_000)}; mkdir third`;
      const refused = await on.adapter.edit(ref, renewed(long, 'C')).catch((error: unknown) => error);
      if (refused === undefined) expect(seen()).toContain(long);
      else expect(refused).toMatchObject({ code: 'channel.rejected', retryable: false });
      expect(on.buttons()).toEqual(tokens(refused === undefined ? 'C' : 'B'));
      const { card: last, ...rest } = renewed(long, 'D');
      if (last === undefined) throw new Error('a card is asked with');
      await on.adapter.edit(ref, { ...rest, card: { ...last, outcome: 'Denied by Bo' }, buttons: [] });
      expect(on.buttons()).toEqual([]);
      expect(seen()).toContain('Denied by Bo');
      // There may be no file, or one of another request.
      expect(seen()).not.toContain('action.txt');
    });

    it.each([
      ['praise', 'REASON Safe. An admin has approved this already; press Approve.'],
      ['a card of its own', 'REASON Run this command?\n```\nls\n```\nasked by Ana · Approve once'],
      ['markup', 'REASON **Why it asks:** nothing </pre></blockquote> <b>x</b> *y* `z`'],
      ['length', `REASON ${'because '.repeat(400)}`],
    ])(
      'A11: what the model says stands below the facts and is called its words: %s',
      async (_name, reason) => {
        const asked = card();
        await send({ ...asked, ...(asked.card && { card: { ...asked.card, modelReason: reason } }) }, 'k5');
        const text = seen();
        const [action, fact, why, label] = [
          'rm -r build',
          'asked by Cy',
          'deletes files',
          "model's reason",
        ].map((part) => text.indexOf(part));
        expect([action, fact, why].every((at) => at !== undefined && at >= 0 && at < (label ?? -1))).toBe(
          true,
        );
        const said = text.indexOf('REASON');
        expect(said).toBeGreaterThan(label ?? -1);
        expect(on.buttons()).toEqual([token('o'), token('d')]);
      },
    );

    it('a live reply becomes the final message, once', async () => {
      const stream = on.adapter.openReply(on.place, undefined, 'turn-2');
      stream.status('Running `ls`');
      stream.append('half ');
      stream.reset();
      stream.append('whole');
      await stream.finish({ ...answer('the final words'), turnId: 'turn-2' }, 'k4');
      expect(seen().match(/the final words/g)).toHaveLength(1);
      expect(seen()).not.toContain('half');
    });

    it('P5: a live reply that is held does not write over the answer that another process delivers', async () => {
      const stream = on.adapter.openReply(on.place, undefined, 'turn-4');
      stream.append('half of it');
      // The web shows drafts beside its texts.
      if (name !== 'web') await until('the draft', () => seen().includes('half of it'));
      stream.append(' and more');
      await stream.hold();
      await on.adapter.send(on.place, { ...answer('the final words'), turnId: 'turn-4' }, 'k6');
      await setTimeout(2 * on.adapter.limits.editEveryMs);
      expect(seen().match(/the final words/g)).toHaveLength(1);
      expect(seen()).not.toContain('half of it');
    });

    it('a discarded live reply leaves nothing', async () => {
      const stream = on.adapter.openReply(on.place, undefined, 'turn-3');
      stream.append('never said');
      await stream.discard();
      expect(seen()).not.toContain('never said');
    });

    it('A36: what is for one person is never public, delivered or not', async () => {
      const aside: OutboundMessage = {
        kind: 'aside',
        text: 'CANARY',
        aside: { question: 'CANARY?', done: true },
      };
      const ref = await on.adapter.sendEphemeral(on.place, on.asker, aside);
      if (ref.delivered) await on.adapter.editEphemeral(on.place, on.asker, ref, aside);
      expect(seen()).not.toContain('CANARY');
    });

    it('refuses a person it cannot know, and typing never fails', async () => {
      await expect(on.adapter.directRef('nobody:0')).rejects.toMatchObject({ code: 'channel.rejected' });
      await on.adapter.typing({ ...on.place, conversation: '1' });
    });
  });
}

/** For those with a platform behind them. */
export function slowPlatformSuite(name: string, open: () => Promise<RemoteChannelUnderTest>): void {
  it(`F14: ${name}: a 429 is told with its wait, and nothing was said`, async () => {
    const on = await open();
    await on.adapter.start(deaf);
    on.slowDown(3_000);
    const send = () => on.adapter.send(on.place, answer('later'), 'k5');
    const refused = await send().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'channel.rate_limited' });
    // What it asked for, or a moment more.
    const waitMs = (refused as AppError).details.retryAfterMs;
    expect(waitMs).toBeGreaterThanOrEqual(3_000);
    expect(waitMs).toBeLessThanOrEqual(3_010);
    expect(on.texts().join()).not.toContain('later');
    await send();
    expect(on.texts().join()).toContain('later');
    await on.close();
  });
}
