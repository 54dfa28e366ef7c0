/** A turn that people are asked about, from its log alone. */
import { fold, foresee, type TurnState } from '../../../src/agent/state.ts';
import type { EventBody, EventOf } from '../../../src/domain/event.ts';
import type { InboundMessage } from '../../../src/domain/message.ts';
import type { Turn } from '../../../src/domain/turn.ts';
import type { CardOptions } from '../../../src/gateway/cards.ts';

export type Request = EventOf<'approval.requested'>;

const input: InboundMessage = {
  id: 'm1',
  at: 0,
  where: { channel: 'web', account: 'web', conversation: 'c' },
  author: { id: 'web:cy', name: 'Cy', kind: 'person' },
  text: 'please',
  direct: false,
  mentionsBot: true,
  attachments: [],
};
export const turn = { id: 't1', session: 's', user: 'web:cy', workspace: '/w', input } as Turn;

export const optionsFor = (to: 'conversation' | 'approvers' | 'both'): CardOptions => ({
  deliverTo: () => to,
  approversFor: () => ['web:ann', 'web:bo'],
  now: () => 5_000,
  approvalButton: (id, decision) => `${decision}:${id}`,
  batchButton: (id, decision) => `${decision}:${id}`,
});

export function request(index: number, more: Partial<Request> = {}): Request {
  const command = `mkdir r-${index}`;
  return {
    type: 'approval.requested',
    index,
    callId: `c${index}`,
    approvalId: `id-${index}`,
    action: { tool: 'shell', args: { command }, workspace: '/w', profile: 'default' },
    digest: 'd',
    risk: 'medium',
    reasons: ['creates files or folders'],
    modelReason: null,
    display: { question: 'Run this command?', text: command, language: 'bash', title: command },
    sandbox: 'bubblewrap',
    grantable: false,
    expiresAt: 9_000 + index,
    ...more,
  };
}

/** One answer of the model with so many actions. */
export const proposing = (...indices: number[]): EventBody => ({
  ...{ type: 'model.responded', role: 'thinker', model: 'm', text: '', reasoning: null, latencyMs: 1 },
  toolCalls: indices.map((index) => ({ id: `c${index}`, tool: 'shell', args: '{}' })),
  ...{ promptTokens: 1, completionTokens: 1, totalTokens: 2, finishReason: 'stop' },
});
export const resolved = (index: number, decision: 'once' | 'deny', byName = 'Ann'): EventBody => {
  const of = { type: 'approval.resolved', approvalId: `id-${index}`, index, decision } as const;
  return { ...of, by: `web:${byName.toLowerCase()}`, byName };
};
export const ran = (index: number, exitCode: number): EventBody[] => {
  const of = { index, callId: `c${index}`, tool: 'shell' };
  return [
    { type: 'tool.started', ...of, args: {}, title: 't' },
    { type: 'tool.finished', ...of, ok: true, output: '', metadata: { exitCode }, durationMs: 6 },
  ];
};
export const stateOf = (...bodies: EventBody[]): TurnState => foresee(fold([]), 't1', bodies, 1);
