/** Who is asked, when, and how many have to agree: rules of the configuration through the whole program. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ScriptedReply } from '../fakes/model-server.ts';
import { until } from './support/gateway.ts';
import { DENY, type EventRow, type Scenario, scripts, sh, startScenario } from './support/scenario.ts';
import type { Place } from './support/web-client.ts';

const yaml = `
approvals:
  rules:
    - { tool: shell, match: { command: "mkdir -p allowed*" }, decision: allow }
    - { tool: shell, match: { command: "mkdir -p trusted*" }, decision: allow, after_untrusted: true }
`;

describe('terms of approval', () => {
  let s: Scenario;
  let plan: ReturnType<typeof scripts>;
  let number = 0;

  beforeAll(async () => {
    s = await startScenario({ yaml });
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
});
