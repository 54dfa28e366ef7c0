/** Approval cards on Discord through the real program: E27 to E47, E74, F6, F36 to F40, A1, A5, A8 to A10. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buttonsOf } from '../fakes/discord/people.ts';
import type { Message, Person } from '../fakes/discord/world.ts';
import type { ScriptedReply } from '../fakes/model-server.ts';
import { type DiscordScenario, startDiscord } from './support/discord.ts';
import { until } from './support/gateway.ts';
import { ALWAYS, DENY, ONCE, recorded, sh, types } from './support/scenario.ts';

describe('approvals on Discord', () => {
  let s: DiscordScenario;
  let number = 0;

  beforeAll(async () => {
    s = await startDiscord();
  });
  afterAll(() => s.close());
  beforeEach(() => s.model.reset());

  /** Asks on the server; the thread on the question is the place. */
  async function begin(...replies: ScriptedReply[]): Promise<string> {
    number += 1;
    const key = `task-${number}-`;
    const plan = [...replies];
    s.model.script(
      (call) => (call.text.includes(key) ? plan.shift() : undefined) ?? { text: 'written answer' },
    );
    return s.discord.say(s.general, s.cy, s.at(key));
  }
  const made = (name: string) => existsSync(join(s.folder.path, 'data/workspace', name));
  const settled = (card: Message, text: string) =>
    until(`the card to say "${text}"`, () => card.content.includes(text) && card.components.length === 0);
  const told = (person: Person, text: string) =>
    until(`${person.global_name} to be told "${text}"`, () =>
      s.discord.ephemeralsOf(person).find((one) => one.content.includes(text)),
    );
  const statusOf = async (id: string) => (await s.turns()).find((turn) => turn.messageId === id)?.status;

  it('E27, E30, E44: one card with the exact command; approved, it runs, and the card says what came of it', async () => {
    const asked = await begin(sh('mkdir made-27'));
    const card = await s.card(asked);
    expect(card.content).toContain('```bash\nmkdir made-27\n```');
    expect(card.content).toContain('asked by Cy');
    expect(card.content).toMatch(/expires <t:\d+:R>/);
    expect(buttonsOf(card).map((button) => button.label)).toEqual([ONCE, ALWAYS, DENY]);
    for (const button of buttonsOf(card))
      expect(Buffer.byteLength(button.custom_id ?? '')).toBeLessThanOrEqual(64);
    const press = s.discord.press(card, s.ana, ONCE);
    await settled(card, 'Approved once by Ana — exit 0');
    await s.answer(asked);
    expect(press.response?.type).toBe(6);
    expect(made('made-27')).toBe(true);
    expect(types(await s.eventsOf(asked))).toContain('approval.resolved');
  });

  it('E33: denied, nothing runs and an answer is written', async () => {
    const asked = await begin(sh('mkdir not-made-33', 'ls'));
    const card = await s.card(asked);
    s.discord.press(card, s.bo, DENY);
    await settled(card, 'Denied by Bo');
    await s.answer(asked);
    expect(made('not-made-33')).toBe(false);
    expect(types(await s.eventsOf(asked))).toContain('tool.skipped');
  });

  it('E37, E38, F36: a second press, or an opposite one, hears who decided; it runs once', async () => {
    const asked = await begin(sh('mkdir made-37'));
    const card = await s.card(asked);
    s.discord.press(card, s.ana, ONCE);
    s.discord.press(card, s.bo, DENY);
    await s.answer(asked);
    await until('the loser to be told', () =>
      [...s.discord.ephemeralsOf(s.ana), ...s.discord.ephemeralsOf(s.bo)].some((one) =>
        one.content.startsWith('Already decided'),
      ),
    );
    const events = await s.eventsOf(asked);
    expect(events.filter((event) => event.type === 'approval.resolved')).toHaveLength(1);
  });

  it('E39, F39, A5: a press by somebody else is refused privately, audited, and the request stays open', async () => {
    const asked = await begin(sh('mkdir not-made-39'));
    const card = await s.card(asked);
    s.discord.press(card, s.cy, ONCE);
    const refusal = await told(s.cy, 'may not decide');
    expect(refusal.flags & 64).toBe(64);
    expect(s.discord.seenBy(s.bo)).not.toContain('may not decide');
    expect(await statusOf(asked)).toBe('waiting');
    expect((await s.eventsOf(asked)).find((event) => event.type === 'approval.refused')).toMatchObject({
      by: `discord:${s.cy.id}`,
    });
    s.discord.press(card, s.ana, DENY);
    await settled(card, 'Denied by Ana');
  });

  it('E40, A1, A2: forged payloads change nothing; the same press brought twice counts once', async () => {
    const asked = await begin(sh('mkdir made-40'));
    const card = await s.card(asked);
    const before = await s.eventsOf(asked);
    s.discord.forge(card, s.ana, 'a1:o:AAAAAAAAAAAAAAAAAAAAAA');
    s.discord.forge(card, s.ana, 'nonsense');
    s.discord.forge(card, s.ana, `a1:x:${'A'.repeat(22)}`);
    await told(s.ana, 'no such request');
    await told(s.ana, 'means nothing to me');
    expect(await s.eventsOf(asked)).toEqual(before);
    s.discord.press(card, s.ana, ONCE);
    s.discord.gateway.repeat('INTERACTION_CREATE', 3);
    await s.answer(asked);
    expect((await s.eventsOf(asked)).filter((event) => event.type === 'tool.started')).toHaveLength(1);
  });

  it('E42: always runs the same action unprompted afterwards', async () => {
    const first = await begin(sh('mkdir -p always-42'));
    const card = await s.card(first);
    s.discord.press(card, s.ana, ALWAYS);
    await settled(card, 'Always allowed by Ana');
    const again = await begin(sh('mkdir -p always-42'));
    await s.answer(again);
    expect(types(await s.eventsOf(again))).not.toContain('approval.requested');
  });

  it('A8: a command of 5,000 characters is readable whole, attached, where Approve is offered', async () => {
    const command = `mkdir ${Array.from({ length: 500 }, (_, n) => `long-${n}`).join(' ')} ${'x'.repeat(200)} # END`;
    expect(command.length).toBeGreaterThan(4_000);
    const asked = await begin(sh(command));
    const card = await s.card(asked);
    expect(card.attachments).toEqual([{ filename: 'action.txt', text: command }]);
    expect(card.content).toMatch(/only the beginning\. All [\d,]+ characters are in action\.txt/);
    s.discord.press(card, s.ana, DENY);
    await settled(card, 'Denied by Ana');
    expect(card.attachments).toHaveLength(1);
  });

  it('A9, A10: hidden characters are spelled out, and a fence in the command cannot end the block', async () => {
    const command = 'echo "\u202Egpj.exe" > f\n```\n**Approved once by Ana**\n```';
    const asked = await begin(sh(command));
    const card = await s.card(asked);
    expect(card.content).toContain('\\u{202E}');
    expect(card.content).not.toContain('\u202E');
    expect(card.content.split('```')).toHaveLength(3);
    expect(card.attachments[0]?.text).toContain('**Approved once by Ana**');
    s.discord.press(card, s.ana, DENY);
    await settled(card, 'Denied by Ana');
  });

  it('F38, E44: after a restart, and after its token has died, a press still counts; the card shows it', async () => {
    const asked = await begin(sh('mkdir made-38'));
    const card = await s.card(asked);
    await recorded(s.folder);
    await s.restart();
    const press = s.discord.press(card, s.ana, ONCE);
    press.expired = true;
    await settled(card, 'Approved once by Ana');
    await s.answer(asked);
    expect(made('made-38')).toBe(true);
  });

  it('E41: the text form decides as the buttons do', async () => {
    const asked = await begin(sh('mkdir made-41'));
    const card = await s.card(asked);
    const events = await s.eventsOf(asked);
    const id = String(events.find((event) => event.type === 'approval.requested')?.approvalId);
    s.discord.slash(asked, s.ana, 'approve', `${id} once`);
    await told(s.ana, 'Approved once by Ana');
    await settled(card, 'Approved once by Ana');
  });

  it('E74: /stop while it waits cancels the turn and settles the card', async () => {
    const asked = await begin(sh('mkdir not-made-74'));
    const card = await s.card(asked);
    s.discord.slash(asked, s.cy, 'stop');
    await settled(card, 'stopped the work');
    expect(await statusOf(asked)).toBe('cancelled');
  });
});

describe('approvals on Discord over time', () => {
  it('E46, F37: without a decision it expires, the card says so, a late press hears it privately', async () => {
    const s = await startDiscord({ yaml: 'approvals: { expires_after: 700ms }' });
    try {
      const plan = [sh('mkdir not-made-46')];
      s.model.script(() => plan.shift() ?? { text: 'written answer' });
      const asked = s.discord.say(s.general, s.cy, s.at('expire'));
      const card = await s.card(asked);
      const token = buttonsOf(card)[0]?.custom_id ?? '';
      await until('the settled card', () => card.content.includes('Expired') && card.components.length === 0);
      await s.answer(asked);
      s.discord.forge(card, s.ana, token);
      await until('the private answer', () =>
        s.discord.ephemeralsOf(s.ana).some((one) => one.content.includes('expired')),
      );
    } finally {
      await s.close();
    }
  });

  it('delivers to the approvers in private, and F40: what cannot be delivered is denied at its deadline', async () => {
    const s = await startDiscord({ yaml: 'approvals: { expires_after: 1500ms, deliver_to: approvers }' });
    try {
      const { ana, bo, cy } = s;
      const plan = [sh('mkdir not-made-40')];
      s.model.script(() => plan.shift() ?? { text: 'written answer' });
      const [toAna, toBo] = [s.discord.direct(ana), s.discord.direct(bo)];
      s.discord.world.forbidden.add(toBo);
      const home = s.discord.direct(cy);
      s.discord.say(home, cy, 'please');
      const card = await s.card(toAna);
      await s.answer(home);
      await until('the settled card', () => card.content.includes('Expired') && card.components.length === 0);
    } finally {
      await s.close();
    }
  });

  it('E47: with nobody to ask it is denied, and the requester is told', async () => {
    const s = await startDiscord({ approvers: '[]' });
    try {
      const plan = [sh('mkdir not-made-47')];
      s.model.script(() => plan.shift() ?? { text: 'written answer' });
      const home = s.discord.direct(s.cy);
      s.discord.say(home, s.cy, 'please');
      await s.answer(home, 'nobody is set up');
      await s.answer(home);
    } finally {
      await s.close();
    }
  });
});
