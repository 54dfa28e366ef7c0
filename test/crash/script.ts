/** What is said in a conversation that is killed, numbered, so that what follows in the same place can be told apart. */
import { setTimeout } from 'node:timers/promises';
import type { Script } from '../fakes/model-server.ts';

export const questionOf = (round: number): string => `please run it as number ${round}`;
export const answerOf = (round: number): string => `number ${round} is done`;
export const effectOf = (round: number): string => `ran ${round}`;

/** The model runs the command, then answers, whatever came of it. */
export const obedient: Script = (call) => {
  if (call.tools === undefined && call.text.includes('"shouldStore"'))
    return { text: '{"shouldStore": false}' };
  if (call.tools === undefined && call.text.includes('"abstain"')) return { text: '{"abstain": true}' };
  const round = Number(/as number (\d+)/.exec(call.question)?.[1]);
  if (call.messages.at(-1)?.role === 'tool' || call.tools === undefined) return { text: answerOf(round) };
  // Appends, so that a second run can be seen; then says enough to be stored while it runs.
  const command = `echo ${effectOf(round)} >> effects; seq 1 300000`;
  // Not at once, so that the call has a commit of its own; the answer, which is there at once, shares the one of its call.
  return { hold: setTimeout(50), toolCalls: [{ name: 'shell', args: { command } }] };
};
