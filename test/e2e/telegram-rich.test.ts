/** Rich messages as an option on Telegram (`rich: true`): sent, streamed, and done without where they are refused. */
import { afterEach, describe, expect, it } from 'vitest';
import { until } from './support/gateway.ts';
import { gate } from './support/scenario.ts';
import { startTelegram, type TelegramScenario } from './support/telegram.ts';

const ANSWER = '# Title\n\n| a | b |\n|---|---|\n| one | two |\n\nThe @end.';

describe('rich messages on Telegram', () => {
  let s: TelegramScenario;
  afterEach(() => s.close());

  async function ask(section: string): Promise<number> {
    s = await startTelegram({ section });
    const home = s.telegram.direct(s.ana);
    s.model.script(() => ({ text: ANSWER }));
    s.telegram.say({ chat: home, from: s.ana, text: 'go' });
    return home;
  }
  const richOf = (html: string) => JSON.parse(html) as { blocks: { type: string }[] };

  it('an answer keeps its heading and its table', async () => {
    const home = await ask('    rich: true');
    const shown = await s.answer(home, 'one | two');
    expect(richOf(shown.html).blocks.map((block) => block.type)).toEqual(['heading', 'table', 'paragraph']);
    expect(shown.text).toContain('The @end.');
  });

  it('a live reply becomes a rich message in its place, far longer than a plain one may be', async () => {
    s = await startTelegram({ section: '    rich: true' });
    const home = s.telegram.direct(s.ana);
    const door = gate();
    const text = `first words\n\n${'many more words '.repeat(1_200)}end`;
    s.model.script(() => ({ text, holdAfterFirst: door.wait }));
    s.telegram.say({ chat: home, from: s.ana, text: 'go' });
    const draft = await s.shown(home, 'the draft', (one) => one.keyboard !== undefined);
    door.open();
    await until('the answer', () => draft.text.endsWith('end') && draft.keyboard === undefined);
    expect(draft.text.length).toBeGreaterThan(4_096 * 4);
    expect(s.telegram.state.shown.filter((one) => one.chat === home)).toEqual([draft]);
  });

  it('F8: what was not confirmed comes again as a rich message, marked', async () => {
    s = await startTelegram({ section: '    rich: true\n    stream: false' });
    const home = s.telegram.direct(s.ana);
    s.model.script(() => ({ text: ANSWER }));
    s.telegram.fail({ method: 'sendRichMessage', drop: 'after' });
    s.telegram.say({ chat: home, from: s.ana, text: 'go' });
    const again = await s.answer(home, 'This may be a repeat');
    expect(richOf(again.html).blocks).toHaveLength(4);
  });

  it('with drafts, the private chat shows a rich draft', async () => {
    s = await startTelegram({ section: '    rich: true\n    drafts: true' });
    const home = s.telegram.direct(s.ana);
    const door = gate();
    s.model.script(() => ({ text: 'some words and more', holdAfterFirst: door.wait }));
    s.telegram.say({ chat: home, from: s.ana, text: 'go' });
    await until('a draft', () =>
      s.telegram.calls('sendRichMessageDraft').some((call) => JSON.stringify(call).includes('some')),
    );
    door.open();
    await s.answer(home, 'some words and more');
    expect(s.telegram.calls('sendMessageDraft')).toHaveLength(0);
  });

  it('a server that does not know them gets plain messages, without being asked again', async () => {
    s = await startTelegram({ section: '    rich: true\n    stream: false' });
    const home = s.telegram.direct(s.ana);
    s.model.script(() => ({ text: ANSWER }));
    s.telegram.fail({ method: 'sendRichMessage', status: 404, description: 'Not Found: method not found' });
    for (const text of ['one', 'two']) {
      s.telegram.say({ chat: home, from: s.ana, text });
      await until('an answer', () => s.telegram.calls('sendMessage').length >= (text === 'one' ? 1 : 2));
    }
    expect((await s.answer(home, 'The @')).html).toContain('<b>Title</b>');
    expect(s.telegram.calls('sendRichMessage')).toHaveLength(1);
  });
});
