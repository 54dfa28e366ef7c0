/** What must be true of the cards that people have before them, at every moment of every history (A8, A49). */
import { expect } from 'vitest';
import type { Approval } from '../../../src/domain/approval.ts';
import type { OutboundMessage } from '../../../src/domain/message.ts';
import type { Store } from '../../../src/store/store.ts';

/** Delivers what is due onto `cards`, and holds each state that any of them was in against the requests. */
export async function lookAtCards(
  store: Store,
  cards: Map<string, OutboundMessage>,
  now: number,
): Promise<void> {
  for (;;) {
    const due = await store.outbox.claim({ worker: 'w', limit: 100, leaseMs: 1_000, now });
    if (due.length === 0) break;
    for (const { key, target, message, refs } of due) {
      await store.outbox.sent(key, target.kind === 'send' ? [{ where: target.to, id: key }] : refs, now);
      if (message.card === undefined) continue;
      for (const button of message.buttons ?? []) await isBound(store, message, button.token);
      cards.set(target.kind === 'edit' ? target.of : key, message);
    }
  }
  const asking = [...cards.values()].filter((message) => (message.buttons ?? []).length > 0);
  const pressable = new Set<string>();
  for (const message of asking)
    for (const { token } of message.buttons ?? [])
      for (const approval of await meantBy(store, token)) {
        if (isShown(message, approval)) pressable.add(approval.id);
      }
  const pending = (await store.approvals.pending()).map((approval) => approval.id);
  // Whatever is open can be decided by a button on a card that shows it, and nothing else has one.
  expect([...pressable].filter((id) => pending.includes(id)).sort()).toEqual(pending.sort());
  // A private copy of somebody who may not decide any more stays as it was: their press is refused.
  for (const message of [...cards].flatMap(([key, card]) => (key.endsWith(':card') ? card : []))) {
    const meant = await Promise.all((message.buttons ?? []).map(({ token }) => meantBy(store, token)));
    for (const approvals of meant)
      expect(approvals.some((approval) => approval.status === 'pending')).toBe(true);
  }
}

/** However late it is pressed, a button decides about nothing that its card did not show. */
async function isBound(store: Store, message: OutboundMessage, token: string): Promise<void> {
  const meant = await meantBy(store, token);
  expect(meant.length).toBeGreaterThan(0);
  for (const approval of meant) if (!isShown(message, approval)) expect(approval.status).not.toBe('pending');
}

async function meantBy(store: Store, token: string): Promise<Approval[]> {
  const id = token.slice(token.indexOf(':') + 1);
  const one = await store.approvals.get(id);
  return one === undefined ? store.approvals.ofBatch(id) : [one];
}

const isShown = ({ card }: OutboundMessage, { action }: Approval): boolean =>
  (card?.action.text ?? '').split('\n').includes(thingOf(action.args));

function thingOf(args: unknown): string {
  const thing: unknown = typeof args === 'object' && args !== null ? Reflect.get(args, 'thing') : undefined;
  if (typeof thing !== 'string') throw new Error('an action of this machine has a thing');
  return thing;
}
