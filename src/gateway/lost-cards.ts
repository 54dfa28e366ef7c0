/** Cards that never arrived, are gone, or are there twice (pure): who is told, and how a copy is found (F40, P5). */
import type { DeliveryKey, MessageRef, OutboundMessage } from '../domain/message.ts';
import type { Turn } from '../domain/turn.ts';
import type { Delivery, NewDelivery, OutboxStore } from '../store/store.ts';
import type { Request } from './cards.ts';
import { nameAction } from './words.ts';

/** Nobody has seen any copy of the card, and its time is up. */
export const neverAsked = (turn: Turn, request: Request): NewDelivery =>
  notice(
    { key: `${request.approvalId}:unseen`, turnId: turn.id, lane: turn.session },
    turn.input.where,
    `The request to approve ${nameAction(request.action)} could not be delivered to anybody, so it was not run.`,
  );

/** What a card that is gone was to say at last, said beside it. Undefined for any other delivery. */
export function lostOutcome(delivery: Delivery): NewDelivery | undefined {
  const { card } = delivery.message;
  const to = delivery.refs[0]?.where;
  if (card?.outcome === undefined || to === undefined) return undefined;
  const text = `The card "${card.title}" is gone. It ended with: ${card.outcome}`;
  return notice({ ...delivery, key: `${delivery.key}:lost` }, to, text);
}

function notice(
  { key, turnId, lane }: Pick<NewDelivery, 'key' | 'turnId' | 'lane'>,
  to: MessageRef['where'],
  text: string,
): NewDelivery {
  const message: OutboundMessage = { kind: 'notice', text, ...(turnId === null ? {} : { turnId }) };
  return { key, turnId, lane, target: { kind: 'send', to }, message };
}

/** Whether any of these deliveries is out. */
export async function wasShown(
  outbox: Pick<OutboxStore, 'refs'>,
  showings: readonly DeliveryKey[],
): Promise<boolean> {
  for (const key of showings) if ((await outbox.refs(key)) !== undefined) return true;
  return false;
}
