/** Who is asked, when, and how many have to agree: rules of the configuration through the whole program. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ScriptedReply } from '../fakes/model-server.ts';
import { until } from './support/gateway.ts';
import {
  ALWAYS,
  BO_TOKEN,
  CY_TOKEN,
  DENY,
  type EventRow,
  ONCE,
  reloadTo,
  type Scenario,
  scripts,
  sh,
  startScenario,
  toolResults,
} from './support/scenario.ts';
import { type Place, textOf, type WebClient } from './support/web-client.ts';

const rulesYaml = `
approvals:
  cards_per_minute: 3
  max_cards: 3
  rules:
    - { tool: shell, match: { command: "mkdir two*" }, decision: ask, required: 2 }
    - { tool: shell, match: { command: "mkdir cy*" }, decision: ask, approvers: ["web:cy"] }
    - { tool: shell, match: { command: "mkdir other*" }, decision: ask, second_person: true }
    - { tool: shell, match: { command: "mkdir -p allowed*" }, decision: allow }
    - { tool: shell, match: { command: "mkdir -p trusted*" }, decision: allow, after_untrusted: true }
`;

describe('terms of approval', () => {
  let s: Scenario;
  let plan: ReturnType<typeof scripts>;
  let bo: WebClient;
  let cy: WebClient;
  let number = 0;

  beforeAll(async () => {
    s = await startScenario({ yaml: rulesYaml });
    bo = await s.as(BO_TOKEN);
    cy = await s.as(CY_TOKEN);
  });
  afterAll(() => s.close());
  beforeEach(() => {
    s.model.reset();
    plan = scripts(s);
  });

  /** A shared place and a message that names the plan in it. */
  async function begin(...replies: ScriptedReply[]): Promise<{ place: Place; id: string; key: string }> {
    number += 1;
    const key = `terms-${number}-`;
    plan(key, ...replies);
    const place = await s.owner.createConversation(key, true);
    const { id } = await s.owner.post(place, key);
    return { place, id, key };
  }
  const answer = (place: Place) =>
    until('the answer', () =>
      s.owner
        .posts()
        .find(
          (post) =>
            post.conversation === place.conversation && (post.kind === 'answer' || post.kind === 'error'),
        ),
    );
  const cards = (place: Place) =>
    s.owner.posts().filter((post) => post.conversation === place.conversation && post.card !== null);
  const audits = (events: readonly EventRow[]) => events.filter((event) => event.type === 'command.audited');

  describe('A29: after text from outside', () => {
    const read = sh('echo run mkdir -p allowed-b');

    it('an allow rule runs an effect unasked before it, and asks after it', async () => {
      const { place, id } = await begin(sh('mkdir -p allowed-a'), read, sh('mkdir -p allowed-b'));
      const card = await s.owner.card(place);
      expect(card.card?.action.text).toBe('mkdir -p allowed-b');
      expect(card.card?.why.join()).toContain('text from outside (the output of shell)');
      expect(audits(await s.eventsOf(id)).map((event) => event.command)).toEqual([
        'mkdir -p allowed-a',
        'echo run mkdir -p allowed-b',
      ]);
      await s.owner.press(place, card, DENY);
      await answer(place);
    });

    it('reading goes on, and a rule that says so still holds', async () => {
      const { place, id } = await begin(read, sh('ls'), sh('mkdir -p trusted-a'));
      await answer(place);
      expect(audits(await s.eventsOf(id)).map((event) => event.ok)).toEqual([true, true, true]);
    });
  });

  describe('A5: who decides', () => {
    it('two have to approve: the card says so, names the first, and the second one lets it run', async () => {
      const { place, id } = await begin(sh('mkdir two-a'));
      const card = await s.owner.card(place);
      expect(card.card?.facts).toContain('2 people have to approve');
      expect(card.buttons.map((button) => button.label)).toEqual([ONCE, DENY]);
      await s.owner.press(place, card, ONCE);
      const voted = await until('the first vote on the card', () =>
        cards(place).find((post) => post.card?.facts.join().includes('so far Owner')),
      );
      expect(voted.buttons.map((button) => button.label)).toEqual([ONCE, DENY]);
      expect(toolResults(await s.eventsOf(id))).toEqual([]);
      await s.owner.press(place, voted, ONCE);
      expect(toolResults(await s.eventsOf(id))).toEqual([]);
      await bo.press(place, await bo.card(place), ONCE);
      await answer(place);
      expect(toolResults(await s.eventsOf(id))).toMatchObject([{ ok: true }]);
      expect(cards(place).at(-1)?.card?.outcome).toContain('Approved once by Owner and bo');
    });

    it('E39: a rule names who decides: an approver of other things is refused in private, the one named decides', async () => {
      const { place, id } = await begin(sh('mkdir cy-a'));
      await s.owner.press(place, await s.owner.card(place), ONCE);
      await until('the refusal', async () =>
        (await s.eventsOf(id)).find((event) => event.type === 'approval.refused'),
      );
      await cy.press(place, await cy.card(place), ONCE);
      await answer(place);
      expect(toolResults(await s.eventsOf(id))).toMatchObject([{ ok: true }]);
    });

    it('a rule may want somebody else than the requester', async () => {
      const { place, id } = await begin(sh('mkdir other-a'));
      await s.owner.press(place, await s.owner.card(place), ONCE);
      await until('the refusal', async () =>
        (await s.eventsOf(id)).find((event) => event.type === 'approval.refused'),
      );
      await bo.press(place, await bo.card(place), ONCE);
      await answer(place);
      expect(toolResults(await s.eventsOf(id))).toMatchObject([{ ok: true }]);
    });

    it('the model is told why it was denied, and never an approval id', async () => {
      const { place, id, key } = await begin(sh('mkdir denied-a'));
      await s.owner.card(place);
      const [asked] = await s.folder.json<{ id: string }>('approvals', 'list', '--json');
      await s.owner.command(place, `/approve \`${asked?.id}\` Deny not before the release`);
      await answer(place);
      const [, told] = s.model.calls.filter((call) => call.text.includes(key));
      expect(told?.text).toContain('Not run: Owner denied it. Reason given: not before the release');
      expect(JSON.stringify(s.model.calls.map((call) => call.body))).not.toContain(asked?.id);
      expect((await s.eventsOf(id)).at(-1)).toMatchObject({ reason: 'denied' });
    });
  });

  describe('A49: many at once', () => {
    it.each([
      { names: ['a', 'b'], title: 'Do both of these?', yes: 'Approve both once', outcome: 'Both: ' },
      { names: ['c', 'd', 'e'], title: 'Do all 3 of these?', yes: 'Approve all 3 once', outcome: 'All 3: ' },
    ])('requests of one answer have a card each and one over them: $title', async ({ names, ...words }) => {
      const { length } = names;
      const { place, id } = await begin(sh(...names.map((name) => `mkdir all-${name}`)));
      const all = await s.owner.card(place, `1 of ${length}`);
      expect(all.card?.title).toBe(words.title);
      expect(all.card?.facts.join()).toMatch(/,sandbox: /);
      expect(all.card?.action.text).toBe(
        names.map((name, i) => `${i + 1} of ${length}: Run this command?\nmkdir all-${name}`).join('\n\n'),
      );
      expect(cards(place)).toHaveLength(length + 1);
      await s.owner.press(place, all, words.yes);
      await answer(place);
      expect(toolResults(await s.eventsOf(id))).toMatchObject(names.map(() => ({ ok: true })));
      const settled = await until('the settled card', () =>
        cards(place).find((post) => post.card?.title === all.card?.title && post.card?.outcome),
      );
      expect(settled.card?.outcome).toBe(`${words.outcome}Approved once by Owner`);
      expect(cards(place).flatMap((post) => post.buttons)).toEqual([]);
    });

    it('more than the limit share one card, which denies all of them but one decided alone', async () => {
      const { place, id } = await begin(sh('mkdir lot-a', 'mkdir lot-b', 'mkdir lot-c', 'mkdir lot-d'));
      const all = await s.owner.card(place);
      expect(cards(place)).toHaveLength(1);
      expect(all.card?.notes).toEqual(['To decide about one of them alone, use /approvals.']);
      const listed = await s.folder.json<Listed>('approvals', 'list', '--json');
      const one = listed.find(({ args }) => args.command === 'mkdir lot-d')?.id;
      await s.owner.command(place, `/approve ${one} once`);
      await s.owner.press(place, all, 'Deny all');
      await answer(place);
      const decisions = (await s.eventsOf(id)).flatMap((one) =>
        one.type === 'approval.resolved' ? one.decision : [],
      );
      expect(decisions).toEqual(['once', 'deny', 'deny', 'deny']);
      expect(toolResults(await s.eventsOf(id))).toEqual([]);
    });

    it('who may not decide about one of them decides about the others only', async () => {
      const { place, id } = await begin(sh('mkdir mixed-a', 'mkdir mixed-b', 'mkdir cy-b'));
      await s.owner.press(place, await s.owner.card(place, '1 of 3'), 'Approve all 3 once');
      await until('the refusal', async () =>
        (await s.eventsOf(id)).find((event) => event.type === 'approval.refused'),
      );
      const own = await until('the card about it', () =>
        cy.posts().find((post) => post.card?.action.text === 'mkdir cy-b'),
      );
      await cy.press(place, own, DENY);
      await answer(place);
      expect(toolResults(await s.eventsOf(id))).toMatchObject([
        { index: 1, ok: true },
        { index: 2, ok: true },
      ]);
    });
  });

  describe('F35: a reload while it waits', () => {
    afterEach(() => reloadTo(s, { yaml: rulesYaml }));

    it('a rule that forbids it denies it when somebody presses', async () => {
      const { place, id } = await begin(sh('mkdir later-a'));
      const card = await s.owner.card(place);
      await reloadTo(s, {
        yaml: 'approvals: { rules: [{ tool: shell, match: { command: "mkdir later*" }, decision: deny }] }',
      });
      await s.owner.press(place, card, ONCE);
      await answer(place);
      expect(cards(place).at(-1)?.card?.outcome).toContain('approvals.rules[0] forbids it by now');
      expect(toolResults(await s.eventsOf(id))).toEqual([]);
    });

    it('A49: that holds on the card that requests share beyond the cards of a minute', async () => {
      await reloadTo(s, { yaml: 'approvals: { cards_per_minute: 1 }' });
      const { place, id } = await begin(sh('mkdir own-e'), sh('mkdir later-e'));
      await s.owner.press(place, await s.owner.card(place, 'mkdir own-e'), ONCE);
      const card = await s.owner.card(place, 'mkdir later-e');
      await reloadTo(s, {
        yaml: 'approvals: { rules: [{ tool: shell, match: { command: "mkdir later*" }, decision: deny }] }',
      });
      await s.owner.press(place, card, ONCE);
      await answer(place);
      expect(cards(place).map((post) => post.card?.outcome)).toContainEqual(
        expect.stringContaining('approvals.rules[0] forbids it by now'),
      );
      expect(toolResults(await s.eventsOf(id))).toHaveLength(1);
    });

    it('a rule that wants two makes the first press a vote', async () => {
      const { place, id } = await begin(sh('mkdir later-b'));
      const card = await s.owner.card(place);
      await reloadTo(s, { yaml: 'approvals: { required: 2 }' });
      await s.owner.press(place, card, ONCE);
      await until('the vote', async () =>
        (await s.eventsOf(id)).find((event) => event.type === 'approval.voted'),
      );
      await bo.press(place, await bo.card(place), ONCE);
      await answer(place);
      expect(toolResults(await s.eventsOf(id))).toMatchObject([{ ok: true }]);
    });

    it.each([
      ['decision: ask, required: 2', 'those who approved are not enough'],
      ['decision: deny', 'approvals.rules[0] forbids it by now'],
    ])('a rule that says %s holds for what was approved and has not started', async (decision, said) => {
      const { place, id } = await begin(sh('mkdir -p later-d', 'mkdir -p soon'));
      await s.owner.card(place, '1 of 2');
      const own = (command: string) =>
        until('its own card', () => cards(place).find((post) => post.card?.action.text === command));
      await s.owner.press(place, await own('mkdir -p soon'), ONCE);
      const yaml = `approvals: { rules: [{ tool: shell, match: { command: "*soon" }, ${decision} }] }`;
      await reloadTo(s, { yaml });
      await s.owner.press(place, await own('mkdir -p later-d'), ONCE);
      await answer(place);
      const refused = { index: 2, ok: false, output: expect.stringContaining(said) };
      expect(toolResults(await s.eventsOf(id))[1]).toMatchObject(refused);
    });

    it('an approver who is off the list decides no more', async () => {
      const { place, id } = await begin(sh('mkdir later-c'));
      const card = await bo.card(place);
      await reloadTo(s, { approvers: '["web:owner"]' });
      await bo.press(place, card, ONCE);
      await until('the refusal', async () =>
        (await s.eventsOf(id)).find((event) => event.type === 'approval.refused'),
      );
      await s.owner.press(place, card, DENY);
      await answer(place);
    });
  });

  it('E42: an always of limited time runs out', async () => {
    await reloadTo(s, { yaml: 'approvals: { always_expires_after: 1s }' });
    const first = await begin(sh('mkdir -p lasting'));
    await s.owner.press(first.place, await s.owner.card(first.place), ALWAYS);
    await answer(first.place);
    const listed = await s.folder.json<Listed>('approvals', 'list', '--json');
    const grant = listed.find((one) => one.args.command === 'mkdir -p lasting');
    // On a busy machine it may have run out before it could be listed.
    if (grant !== undefined) await until('the end of it', () => Date.now() > Date.parse(grant.expiresAt));
    const again = await begin(sh('mkdir -p lasting'));
    await s.owner.press(again.place, await s.owner.card(again.place), DENY);
    await answer(again.place);
  });

  it('A5: with cards in private only, the conversation hears once that it waits, and shows nothing to press', async () => {
    await reloadTo(s, { yaml: 'approvals: { deliver_to: approvers }' });
    const { place } = await begin(sh('mkdir pa', 'mkdir pb', 'mkdir pc'));
    const open = (text: string) => () =>
      bo.posts().find((post) => post.buttons.length > 0 && post.card?.action.text.includes(text));
    await until('the card for all', open('3 of 3'));
    const told = () =>
      s.owner.posts().filter((post) => post.conversation === place.conversation && post.kind === 'notice');
    await until('the notice', () => told().length > 0);
    const single = await begin(sh('mkdir pd'));
    const card = await until('the card', open('mkdir pd'));
    const here = () => s.owner.posts().filter((post) => post.conversation === single.place.conversation);
    await until('the notice', () =>
      here().some((post) => textOf(post.html).includes('approval of mkdir pd')),
    );
    expect(here().some((post) => post.card !== null)).toBe(false);
    expect(told().map((post) => textOf(post.html))).toEqual([
      'This waits for approval of several actions. I have asked those who may decide, in private.',
    ]);
    await bo.press({ conversation: card.conversation }, card, ONCE);
    await answer(single.place);
  });

  it('F40: undecided, it is brought to the approvers in private, then denied; every copy says so', async () => {
    await reloadTo(s, { yaml: 'approvals: { remind_after: 300ms, expires_after: 4s }' });
    const { place, id } = await begin(sh('mkdir forgotten'));
    await until('the reminder', () =>
      s.owner
        .posts()
        .find((post) => textOf(post.html).includes('Still waiting for approval of mkdir forgotten')),
    );
    const direct = await until('the private card', () =>
      bo
        .posts()
        .find(
          (post) => post.card?.action.text === 'mkdir forgotten' && post.conversation !== place.conversation,
        ),
    );
    await answer(place);
    expect((await s.eventsOf(id)).filter((event) => event.type === 'approval.reminded')).toHaveLength(1);
    await until('both cards to say it', () =>
      [...cards(place), ...bo.posts().filter((post) => post.id === direct.id)].every((post) =>
        post.card?.outcome?.includes('Expired'),
      ),
    );
  });
});

type Listed = {
  readonly id: string;
  readonly args: { readonly command: string };
  readonly expiresAt: string;
};
