/** What is asked of whom: the requests of one answer of the model, their cards, and when asking makes no sense. */
import { describe, expect, it } from 'vitest';
import { fold, foresee, type TurnState } from '../../../src/agent/state.ts';
import { type ApprovalTerms, actionDigest } from '../../../src/domain/approval.ts';
import type { EventBody } from '../../../src/domain/event.ts';
import {
  actionOf,
  anybody,
  asking,
  assessmentOf,
  judgedOf,
  NOW,
  type Request,
  scene,
} from './asking-scene.ts';

const proposing = (...calls: string[]): EventBody => ({
  ...{ type: 'model.responded', role: 'thinker', model: 'm', text: '', reasoning: null, latencyMs: 1 },
  toolCalls: calls.map((id) => ({ id, tool: 'act', args: '{}' })),
  ...{ promptTokens: 1, completionTokens: 1, totalTokens: 2, finishReason: 'stop' },
});
const indicesOf = (requests: readonly { readonly index: number }[]) => requests.map(({ index }) => index);

describe('one request', () => {
  it('E27: the event, the row and the wait hold the exact action, its digest and what is to be known of it', async () => {
    const { events, approvals, sent } = await scene({}).ask({
      ...judgedOf(3),
      action: actionOf(3, { reason: 'to tidy up' }),
    });
    const action = { tool: 'act', args: { thing: 'a3' }, workspace: '/w', profile: 'default' };
    const [id = ''] = approvals.map((approval) => approval.id);
    expect(id.length).toBeGreaterThan(16);
    expect(events).toEqual([
      {
        type: 'approval.requested',
        index: 3,
        callId: 'c3',
        approvalId: id,
        action,
        digest: actionDigest(action),
        risk: 'high',
        reasons: ['acts'],
        modelReason: 'to tidy up',
        display: assessmentOf('a3').display,
        sandbox: null,
        grantable: true,
        expiresAt: NOW + 60_000,
      },
      { type: 'turn.waiting', approvalIds: [id] },
    ]);
    // Not there, rather than there and empty: the digest is of all that is there.
    expect(Object.keys(approvals[0]?.action ?? {})).toEqual(Object.keys(action));
    expect(approvals).toEqual([
      {
        id,
        index: 3,
        action,
        digest: actionDigest(action),
        risk: 'high',
        reasons: ['acts'],
        alwaysKey: 'act:a3',
        expiresAt: NOW + 60_000,
        terms: anybody,
        batch: null,
        remindAt: null,
      },
    ]);
    expect(sent).toEqual(['card 3']);
  });

  it('A5: the terms are on the event and the row, where they are not those of everything', async () => {
    const terms: ApprovalTerms = { approvers: ['web:ben'], required: 2, secondPerson: true };
    const { requests, approvals } = await scene({}).ask(judgedOf(1, asking({ terms })));
    expect(requests).toMatchObject([terms]);
    expect(approvals).toMatchObject([{ terms }]);
  });

  it('A7: the files it runs are part of what is approved', async () => {
    const files = { 'run.sh': 'hash' };
    const judged = judgedOf(1, asking(), { files });
    const { requests, approvals } = await scene({}).ask(judged);
    expect(requests).toMatchObject([{ action: { files } }]);
    expect(requests[0]?.digest).toBe(actionDigest(approvals[0]?.action ?? ({} as never)));
    expect(approvals).toMatchObject([{ action: { files } }]);
  });

  it('A28, P7: the hosts that rules open for it are shown, and part of what is approved', async () => {
    const sandbox = (hosts: readonly string[]) => `bubblewrap, ${hosts.join(' and ')}`;
    const judged = judgedOf(1, asking({ network: ['a.example', 'b.example'] }), { sandbox });
    const { requests, approvals } = await scene({}).ask(judged);
    const action = { network: ['a.example', 'b.example'] };
    expect(requests).toMatchObject([{ action, sandbox: 'bubblewrap, a.example and b.example' }]);
    expect(approvals).toMatchObject([{ action }]);
    expect(requests[0]?.digest).toBe(actionDigest(approvals[0]?.action ?? ({} as never)));
  });

  it('E48, A12: asked again for a reason, that comes first, and nothing can be always allowed', async () => {
    const { requests, approvals } = await scene({}).ask(judgedOf(1), [], 'it may have run already');
    expect(requests).toMatchObject([{ reasons: ['it may have run already', 'acts'], grantable: false }]);
    expect(approvals).toMatchObject([{ alwaysKey: null }]);
  });

  it('A12: what policy does not let be granted has no key to grant', async () => {
    const { requests, approvals } = await scene({}).ask(judgedOf(1, asking({ grantable: false })));
    expect(requests).toMatchObject([{ grantable: false }]);
    expect(approvals).toMatchObject([{ alwaysKey: null }]);
  });

  it('F40: the reminder is due so long after asking', async () => {
    const { approvals } = await scene({ settings: { remindAfterMs: 5_000 } }).ask(judgedOf(1));
    expect(approvals).toMatchObject([{ remindAt: NOW + 5_000 }]);
  });
});

describe('several of one answer', () => {
  it('E28, E29: of the later ones those are asked about that ask, and no other', async () => {
    const policies = { a3: asking({ decision: 'allow' }), a4: asking({ decision: 'deny' }) };
    const later = [
      actionOf(2, { status: 'denied' }),
      actionOf(3),
      actionOf(4),
      actionOf(5, { malformed: 'no JSON' }),
      actionOf(6, { tool: 'no_such_tool' }),
      actionOf(7),
    ];
    const { events, requests, approvals, sent } = await scene({ policies }).ask(judgedOf(1), later);
    expect(indicesOf(requests)).toEqual([1, 7]);
    expect(indicesOf(approvals)).toEqual([1, 7]);
    expect(events.at(-1)).toEqual({ type: 'turn.waiting', approvalIds: approvals.map(({ id }) => id) });
    expect(sent).toEqual(expect.arrayContaining(['card 1', 'card 7']));
  });

  it('many share a batch, and have one card over all beside their own, while those are few enough', async () => {
    const { requests, approvals, sent } = await scene({}).ask(judgedOf(1), [actionOf(2), actionOf(3)]);
    const [batch] = requests.map((request) => request.batch);
    expect(batch?.length).toBeGreaterThan(16);
    expect(requests.map((request) => request.batch)).toEqual([batch, batch, batch]);
    expect(approvals.map((approval) => approval.batch)).toEqual([batch, batch, batch]);
    expect(requests.some((request) => request.summary !== undefined)).toBe(false);
    expect(sent).toEqual(['card 1', 'card 2', 'card 3', 'batch 1+2+3']);
  });

  it('A49: more than `max_cards` have the card over all alone', async () => {
    const later = [actionOf(2), actionOf(3), actionOf(4)];
    const { sent } = await scene({}).ask(judgedOf(1), later);
    expect(sent).toEqual(['batch 1+2+3+4']);
  });

  it('A5, A49: of more than `max_cards`, those for other people have a card that reaches these', async () => {
    const forBo = asking({ terms: { ...anybody, approvers: ['web:bo'] } });
    const forDi = asking({ terms: { ...anybody, approvers: ['web:di'] } });
    const { sent, requests } = await scene({ policies: { a2: forBo, a4: forBo, a5: forDi } }).ask(
      judgedOf(1),
      [2, 3, 4, 5].map((index) => actionOf(index)),
    );
    expect(sent).toEqual(['batch 1+3', 'batch 2+4', 'card 5']);
    const [one, two, three, four, five] = requests.map(({ batch }) => batch);
    expect([one, two, five]).toEqual([three, four, undefined]);
    expect(one).not.toBe(two);
  });
});

describe('nobody to ask', () => {
  const unreachable = (terms: ApprovalTerms) => (terms.secondPerson ? 'nobody else may approve' : null);
  const second = asking({ terms: { ...anybody, secondPerson: true } });

  it('E47: it is denied at once, the requester is told, and nothing waits', async () => {
    const { events, approvals, sent } = await scene({ nobody: unreachable }).ask(judgedOf(1, second));
    const [request] = events as Request[];
    expect(events).toEqual([
      expect.objectContaining({ type: 'approval.requested', index: 1 }),
      {
        type: 'approval.resolved',
        approvalId: request?.approvalId,
        index: 1,
        decision: 'deny',
        by: null,
        byName: null,
        reason: 'nobody else may approve',
      },
    ]);
    expect(approvals).toEqual([]);
    expect(sent).toEqual(['unasked: nobody else may approve']);
  });

  it('E47: the others of that answer are asked about, and wait without it', async () => {
    const { requests, events, approvals, sent } = await scene({
      nobody: unreachable,
      policies: { a2: second },
    }).ask(judgedOf(1), [actionOf(2), actionOf(3)]);
    expect(indicesOf(requests)).toEqual([1, 2, 3]);
    expect(indicesOf(approvals)).toEqual([1, 3]);
    expect(requests.map((request) => request.batch === undefined)).toEqual([false, true, false]);
    expect(events.at(-1)).toEqual({ type: 'turn.waiting', approvalIds: approvals.map(({ id }) => id) });
    expect(sent).toEqual(['unasked: nobody else may approve', 'card 1', 'card 3', 'batch 1+3']);
  });

  it('E47: what is left alone has its own card only', async () => {
    const { sent } = await scene({ nobody: unreachable, policies: { a2: second, a3: second } }).ask(
      judgedOf(1),
      [actionOf(2), actionOf(3)],
    );
    expect(sent.filter((key) => !key.startsWith('unasked'))).toEqual(['card 1']);
  });
});

describe('beyond the cards of a minute', () => {
  const beyond = { recent: 10 };
  const ben = asking({ terms: { ...anybody, approvers: ['web:ben'] } });
  const second = asking({ terms: { ...anybody, secondPerson: true } });

  it('A49: the last minute of the session counts, and the summary begins with the first one beyond', async () => {
    const at = scene({ recent: 9 });
    expect((await at.ask(judgedOf(1))).sent).toEqual(['card 1']);
    expect(at.looked).toEqual([['s', NOW - 60_000]]);
    const { requests, sent } = await scene(beyond).ask(judgedOf(1));
    expect(requests[0]?.summary?.length).toBeGreaterThan(16);
    expect(requests[0]?.batch).toBeUndefined();
    expect(sent).toEqual(['new summary 1']);
  });

  it('A49: several of one answer share the summary, and a batch that decides about them together', async () => {
    const { requests, sent } = await scene(beyond).ask(judgedOf(1), [actionOf(2)]);
    const [{ summary, batch } = {} as Request] = requests;
    expect(requests).toMatchObject([
      { summary, batch },
      { summary, batch },
    ]);
    expect(batch).toEqual(expect.any(String));
    expect(batch).not.toBe(summary);
    expect(sent).toEqual(['new summary 1+2']);
  });

  it('A5: requests for other people have a summary of their own', async () => {
    const { requests, sent } = await scene({ ...beyond, policies: { a2: ben, a3: second } }).ask(
      judgedOf(1),
      [actionOf(2), actionOf(3), actionOf(4)],
    );
    expect(new Set(requests.map((request) => request.summary)).size).toBe(3);
    expect(requests[3]?.summary).toBe(requests[0]?.summary);
    expect(requests[3]?.batch).toBe(requests[0]?.batch);
    expect(requests.map((request) => request.batch === undefined)).toEqual([false, true, true, false]);
    expect(sent).toEqual(['new summary 1+4', 'new summary 2', 'new summary 3']);
  });

  /** A turn that read something, and was asked on a summary for anybody and on one for somebody. */
  async function askedBefore(): Promise<{ state: TurnState; before: readonly Request[] }> {
    const first = await scene({ ...beyond, policies: { a2: ben } }).ask(judgedOf(1), [actionOf(2)]);
    const state = foresee(fold([]), 't1', [proposing('c1', 'c2', 'read'), ...first.requests], 1);
    return { state, before: first.requests };
  }

  it('A49: the turn stays on the summary that the same people have, which is edited', async () => {
    const { state, before } = await askedBefore();
    const { requests, sent } = await scene({ ...beyond, state, policies: { a5: ben, a6: second } }).ask(
      judgedOf(4),
      [actionOf(5), actionOf(6)],
    );
    expect(requests.slice(0, 2).map((request) => request.summary)).toEqual(
      before.map((request) => request.summary),
    );
    expect(sent).toEqual(['same summary 4', 'same summary 5', 'new summary 6']);
  });

  it('A49: has cards again once the minute allows it, and comes back to its summary', async () => {
    const { state, before } = await askedBefore();
    const { requests, sent } = await scene({ state }).ask(judgedOf(4));
    expect(requests[0]?.summary).toBeUndefined();
    expect(sent).toEqual(['card 4']);
    const later = foresee(state, 't1', [proposing('c4'), ...requests], 2);
    const again = await scene({ ...beyond, state: later }).ask(judgedOf(5));
    expect(again.requests[0]?.summary).toBe(before[0]?.summary);
    expect(again.sent).toEqual(['same summary 5']);
  });

  it('E47: what nobody can be asked about is on no summary, and part of no batch', async () => {
    const nobody = (terms: ApprovalTerms) => (terms.required > 1 ? 'nobody' : null);
    const two = asking({ terms: { ...anybody, required: 2 } });
    const { requests, sent } = await scene({ ...beyond, nobody, policies: { a2: two } }).ask(judgedOf(1), [
      actionOf(2),
    ]);
    expect(requests.map((request) => request.summary === undefined)).toEqual([false, true]);
    expect(requests.map((request) => request.batch)).toEqual([undefined, undefined]);
    expect(sent).toEqual(['unasked: nobody', 'new summary 1']);
  });
});
