/** A49: beyond the cards of a minute all requests of a turn share one card, and none is denied for the rate. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ScriptedReply } from '../fakes/model-server.ts';
import { until } from './support/gateway.ts';
import {
  ALWAYS,
  BO_TOKEN,
  DENY,
  type EventRow,
  ONCE,
  type Scenario,
  scripts,
  sh,
  startScenario,
  toolResults,
} from './support/scenario.ts';
import { type Place, textOf, type WebClient, type WirePost } from './support/web-client.ts';

type Asked = EventRow & { approvalId: string; summary?: string; batch?: string };
type Begun = { readonly place: Place; readonly id: string };

/** One card of its own a minute; `more` are further keys of the section. */
function flooded(more: string, run: (use: () => Setting) => void): void {
  describe(more === '' ? 'one card a minute' : `one card a minute, ${more}`, () => {
    let setting: Setting;
    beforeAll(async () => {
      setting = await openSetting(more);
    });
    afterAll(() => setting.s.close());
    beforeEach(() => setting.reset());
    run(() => setting);
  });
}

type Setting = Awaited<ReturnType<typeof openSetting>>;

async function openSetting(more: string) {
  const rules = `
    - { tool: shell, match: { command: "mkdir two*" }, decision: ask, required: 2 }
    - { tool: shell, match: { command: "mkdir bo*" }, decision: ask, approvers: ["web:bo"] }
    - { tool: shell, match: { command: "mkdir -p free*" }, decision: allow }`;
  const s: Scenario = await startScenario({
    yaml: `approvals:\n  cards_per_minute: 1\n${more === '' ? '' : `  ${more}\n`}  rules: ${rules}`,
  });
  const bo = await s.as(BO_TOKEN);
  let plan = scripts(s);
  let number = 0;
  const setting = {
    s,
    bo,
    reset() {
      s.model.reset();
      plan = scripts(s);
    },
    /** The first request, on a card of its own, is approved; what follows is beyond. */
    async begin(...replies: ScriptedReply[]): Promise<Begun> {
      number += 1;
      const key = `flood-${number}-`;
      plan(key, sh(`mkdir own-${number}`), ...replies);
      const place = await s.owner.createConversation(key, true);
      const { id } = await s.owner.post(place, key);
      const card = await until('the first card', () =>
        [...s.owner.posts(), ...bo.posts()].find(
          (post) => post.buttons.length > 0 && post.card?.action.text === `mkdir own-${number}`,
        ),
      );
      const client = s.owner.posts().includes(card) ? s.owner : bo;
      await client.press({ conversation: card.conversation }, card, ONCE);
      return { place, id };
    },
    cards: (place: Place, client: WebClient = s.owner) =>
      client.posts().filter((post) => post.conversation === place.conversation && post.card !== null),
    answer: (place: Place) =>
      until('the answer', () =>
        s.owner
          .posts()
          .find(
            (post) =>
              post.conversation === place.conversation && (post.kind === 'answer' || post.kind === 'error'),
          ),
      ),
    async requests(id: string): Promise<Asked[]> {
      const asked = (await s.eventsOf(id)).filter((event) => event.type === 'approval.requested');
      return asked as Asked[];
    },
    decisions: async (id: string) =>
      (await s.eventsOf(id))
        .filter((event) => event.type === 'approval.resolved')
        .map((event) => event.decision),
    /** Waits for the shared card to end so. */
    settled: (place: Place, text: string) =>
      until(`a card that ends with "${text}"`, () =>
        setting
          .cards(place)
          .find((post) => post.card?.notes !== undefined && post.card.outcome?.includes(text)),
      ),
  };
  return setting;
}

const labels = (post: WirePost): string[] => post.buttons.map((button) => button.label);

flooded('', (use) => {
  it('A49: what comes one after another is asked on the same card, which says why and what became of the others', async () => {
    const { s, begin, answer, cards, settled } = use();
    const { place, id } = await begin(sh('mkdir a-2'), sh('mkdir -p a-3'), sh('mkdir a-4'));
    const second = await s.owner.card(place, 'mkdir a-2');
    expect(second.card?.notes?.join()).toContain('so they share this one');
    expect(labels(second)).toEqual([ONCE, ALWAYS, DENY]);
    await s.owner.press(place, second, ONCE);
    const third = await s.owner.card(place, 'mkdir -p a-3');
    expect(third.id).toBe(second.id);
    expect(third.card?.action.text).toBe('mkdir -p a-3');
    expect(third.card?.notes).toContainEqual(
      expect.stringMatching(/^mkdir a-2: Approved once by Owner — exit 0 in /),
    );
    await s.owner.press(place, third, ALWAYS);
    const fourth = await s.owner.card(place, 'mkdir a-4');
    expect(fourth.card?.notes?.join('\n')).toMatch(/a-2[\s\S]*a-3: Always allowed by Owner — exit 0/);
    await s.owner.press(place, fourth, ONCE);
    await answer(place);
    await settled(place, 'Approved once by Owner — exit 0');
    expect(cards(place)).toHaveLength(2);
    expect(toolResults(await s.eventsOf(id)).map((event) => event.ok)).toEqual([true, true, true, true]);
    expect((await s.folder.cli('audit', 'verify', '--config', 'parley.yaml')).code).toBe(0);
  });

  it('A49: several of one answer are approved together, one of them alone before', async () => {
    const { s, begin, answer, cards, requests, settled } = use();
    const { place, id } = await begin(sh('mkdir b-2', 'mkdir b-3', 'mkdir b-4'));
    const all = await s.owner.card(place, '3 of 3');
    expect(all.card?.action.text).toBe(
      [2, 3, 4].map((n, i) => `${i + 1} of 3: Run this command?\nmkdir b-${n}`).join('\n\n'),
    );
    expect(labels(all)).toEqual(['Approve all 3 once', 'Deny all']);
    const [, , middle] = await requests(id);
    await s.owner.command(place, `/approve ${middle?.approvalId} once`);
    const two = await s.owner.card(place, '2 of 2');
    expect(two.card?.action.text).not.toContain('b-3');
    expect(two.card?.notes).toContainEqual('mkdir b-3: Approved once by Owner');
    await s.owner.press(place, two, 'Approve both once');
    await answer(place);
    const last = await settled(place, 'exit 0');
    expect(last.card?.outcome).toMatch(/^1: Approved once by Owner — exit 0 .* · 2: .* · 3: .*exit 0/);
    expect(cards(place)).toHaveLength(2);
    expect(toolResults(await s.eventsOf(id)).map((event) => event.index)).toEqual([1, 2, 3, 4]);
  });

  it('A8, A9, A49: a late press on an older state of the card never decides about what it did not show', async () => {
    const { s, bo, begin, answer, requests, decisions } = use();
    const { place, id } = await begin(sh('mkdir c-2'), sh('mkdir c-3', 'mkdir c-4'), sh('mkdir c-5'));
    const second = await s.owner.card(place, 'mkdir c-2');
    await s.owner.press(place, second, ONCE);
    const pair = await s.owner.card(place, 'mkdir c-4');
    const before = await s.eventsOf(id);
    for (const label of labels(second)) await s.owner.press(place, second, label);
    await until('to be told', () =>
      s.owner.asides().find((aside) => textOf(aside.html).startsWith('Already decided')),
    );
    expect(await s.eventsOf(id)).toEqual(before);
    await s.owner.press(place, pair, 'Approve both once');
    await s.owner.card(place, 'mkdir c-5');
    for (const label of labels(pair)) await bo.press(place, pair, label);
    const summary = (await requests(id)).at(-1)?.summary ?? '';
    for (const token of [`a1:o:${summary}`, `g1:o:${summary}`]) await s.owner.click(place, token);
    const told = await s.owner.command(place, `/approve ${summary} once`);
    expect(textOf(told.html)).toContain('no such request');
    expect(await decisions(id)).toEqual(['once', 'once', 'once', 'once']);
    await s.owner.press(place, await s.owner.card(place, 'mkdir c-5'), DENY);
    await answer(place);
    expect(toolResults(await s.eventsOf(id))).toHaveLength(4);
  });

  it('E33: a denial ends it, and a request of the same answer that was not decided is called off', async () => {
    const { s, begin, answer, requests, settled } = use();
    const { place, id } = await begin(sh('mkdir d-2', 'mkdir d-3'));
    await s.owner.card(place, '2 of 2');
    const [, first] = await requests(id);
    await s.owner.command(place, `/approve ${first?.approvalId} deny`);
    await answer(place);
    const card = await settled(place, 'Denied by Owner');
    expect(card.card?.outcome).toMatch(/^1: Denied by Owner · 2: Cancelled\. Not run: an earlier action/);
    expect(toolResults(await s.eventsOf(id))).toHaveLength(1);
  });

  it('E44, F38, F6: a press after kill -9 and restart counts, and what follows is asked on the same card', async () => {
    const { s, begin, answer, settled, cards } = use();
    const { place, id } = await begin(sh('mkdir e-2'), sh('mkdir e-3'));
    const second = await s.owner.card(place, 'mkdir e-2');
    await s.restart();
    await s.owner.press(place, second, ONCE);
    const third = await s.owner.card(place, 'mkdir e-3');
    expect(third.id).toBe(second.id);
    await s.restart();
    await s.owner.press(place, third, ONCE);
    await answer(place);
    await settled(place, 'Approved once by Owner — exit 0');
    expect(cards(place)).toHaveLength(2);
    expect(toolResults(await s.eventsOf(id)).map((event) => event.ok)).toEqual([true, true, true]);
  });

  it('A5: two have to approve one of them: the first is told so, and named on the card', async () => {
    const { s, bo, begin, answer, requests } = use();
    const { place, id } = await begin(sh('mkdir two-2', 'mkdir l-3'));
    await s.owner.card(place, '2 of 2');
    const told = await s.owner.command(place, `/approve ${(await requests(id)).at(-1)?.batch} once`);
    const both = 'Approved once by Owner: 1 of 2. Approved by Owner; 1 more person has to approve.';
    expect(textOf(told.html)).toBe(both);
    const left = await until('it alone', () =>
      bo.posts().find((post) => post.card?.action.text === 'mkdir two-2'),
    );
    expect(left.card?.facts.join()).toContain('so far Owner');
    expect(labels(left)).toEqual([ONCE, DENY]);
    await bo.press(place, left, ONCE);
    await answer(place);
    expect(toolResults(await s.eventsOf(id))).toHaveLength(3);
  });

  it('E39, A9: what one of them decides has a card of its own, and no press decides about what stands on another', async () => {
    const { s, bo, begin, answer, requests, decisions, cards } = use();
    const { place, id } = await begin(sh('mkdir f-2', 'mkdir bo-2', 'mkdir f-3'));
    const shared = await bo.card(place, 'mkdir f-3');
    const own = await bo.card(place, 'mkdir bo-2');
    expect(own.id).not.toBe(shared.id);
    expect(shared.card?.action.text).not.toContain('bo-2');
    expect(labels(own)).toEqual([ONCE, DENY]);
    await bo.press(place, shared, 'Approve both once');
    const [, , second] = await requests(id);
    const listed = await s.folder.json<{ id: string }>('approvals', 'list', '--json');
    expect(listed).toContainEqual(expect.objectContaining({ id: second?.approvalId }));
    expect(await decisions(id)).toEqual(['once', 'once', 'once']);
    await bo.press(place, own, ONCE);
    await answer(place);
    expect(new Set((await requests(id)).map((event) => event.summary)).size).toBe(3);
    expect(cards(place)).toHaveLength(3);
    expect(toolResults(await s.eventsOf(id)).map((event) => event.index)).toEqual([1, 2, 3, 4]);
  });

  it('E48, F5: asked anew while another of the same answer is open, each has its own buttons', async () => {
    const { s, begin, answer, requests, decisions } = use();
    const long = 'sh -c "echo ran >> log-g; sleep 30"';
    const { place, id } = await begin(sh(long, 'mkdir g-3'));
    await s.owner.card(place, '2 of 2: Run this command?\nmkdir g-3');
    const [, first] = await requests(id);
    await s.owner.command(place, `/approve ${first?.approvalId} once`);
    await until('the tool to run', () => existsSync(join(s.folder.path, 'data/workspace/log-g')));
    const alone = await s.owner.card(place, 'mkdir g-3');
    expect(alone.card?.notes).toContainEqual(expect.stringMatching(/log-g.*: Approved once by Owner$/));
    await s.restart();
    const card = await s.owner.card(place, `1 of 2: Run this command?\n${long}`);
    expect(card.id).toBe(alone.id);
    expect(card.card?.why.join()).toContain('whether it took effect is unknown');
    expect(labels(card)).toEqual([
      '1: Approve once',
      '1: Deny',
      '2: Approve once',
      `2: ${ALWAYS}`,
      '2: Deny',
    ]);
    await s.owner.press(place, card, '2: Approve once');
    const left = await until('it alone', () =>
      s.owner.posts().find((post) => post.id === card.id && post.card?.action.text === long),
    );
    expect(await decisions(id)).toEqual(['once', 'once', 'once']);
    await s.owner.press(place, left, DENY);
    await answer(place);
    expect(toolResults(await s.eventsOf(id)).map((event) => event.index)).toEqual([1]);
  });

  it('E74: stopped, the card says so and has nothing to press', async () => {
    const { s, begin, settled } = use();
    const { place, id } = await begin(sh('mkdir h-2', 'mkdir h-3'));
    await s.owner.card(place, '2 of 2');
    await s.owner.command(place, '/stop');
    const card = await settled(place, 'Both: Cancelled: Owner stopped the work');
    expect(card.buttons).toEqual([]);
    expect((await s.turns()).find((turn) => turn.messageId === id)?.status).toBe('cancelled');
  });
});

flooded('expires_after: 6s', (use) => {
  it('E46, F37: undecided it expires on the card, and is denied', async () => {
    const { begin, answer, settled, decisions } = use();
    const { place, id } = await begin(sh('mkdir i-2'));
    await answer(place);
    await settled(place, 'Expired without a decision');
    expect(await decisions(id)).toEqual(['once', 'expired']);
  });
});

flooded('remind_after: 300ms', (use) => {
  it('F40: a reminder brings the card to the approvers, and every copy goes on with the next request', async () => {
    const { s, bo, begin, answer, settled } = use();
    const { place } = await begin(sh('mkdir j-2'), sh('mkdir j-3'));
    const inPrivate = (text: string) =>
      until(`a private card with ${text}`, () =>
        bo
          .posts()
          .find(
            (post) =>
              post.conversation !== place.conversation &&
              post.buttons.length > 0 &&
              post.card?.action.text === text,
          ),
      );
    const first = await inPrivate('mkdir j-2');
    await bo.press({ conversation: first.conversation }, first, ONCE);
    const next = await inPrivate('mkdir j-3');
    expect(next.id).toBe(first.id);
    await until('the second reminder', () =>
      bo
        .posts()
        .find(
          (post) =>
            post.conversation === next.conversation && textOf(post.html).includes('approval of mkdir j-3'),
        ),
    );
    await bo.press({ conversation: next.conversation }, next, DENY);
    await answer(place);
    await settled(place, 'Denied by bo');
    await until('the copy to say so', () =>
      bo.posts().find((post) => post.id === next.id && post.card?.outcome?.includes('Denied by bo')),
    );
    expect(s.owner.posts().some((post) => post.kind === 'error')).toBe(false);
  });
});

flooded('deliver_to: approvers', (use) => {
  it('A5: in private only, the card is edited there, and the conversation hears once that it waits', async () => {
    const { s, bo, begin, answer, cards } = use();
    const { place } = await begin(sh('mkdir k-2'), sh('mkdir k-3'));
    for (const name of ['k-2', 'k-3']) {
      const card = await until('the private card', () =>
        bo.posts().find((post) => post.buttons.length > 0 && post.card?.action.text === `mkdir ${name}`),
      );
      await bo.press({ conversation: card.conversation }, card, ONCE);
    }
    await answer(place);
    expect(cards(place)).toEqual([]);
    const waits = s.owner
      .posts()
      .filter((post) => post.conversation === place.conversation && textOf(post.html).includes('waits for'));
    expect(waits.map((post) => textOf(post.html))).toEqual([
      expect.stringContaining('approval of mkdir own-'),
      expect.stringContaining('approval of several actions'),
    ]);
  });
});
