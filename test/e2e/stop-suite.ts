/** E74 on every channel: a sign of life and a Stop button whatever the model does, and nothing that outlives a stop. */
import { expect, it } from 'vitest';
import type { ModelCall, ScriptedReply } from '../fakes/model-server.ts';
import { until } from './support/gateway.ts';
import type { Room, Talk } from './support/room.ts';
import { gate, ONCE, processesWith, sh } from './support/scenario.ts';

export type Stage = {
  readonly room: () => Room;
  /** A message in a new place, and what the model answers to it there, in turn. */
  readonly begin: (...replies: ScriptedReply[]) => Promise<{ talk: Talk; id: string; key: string }>;
  readonly callsOf: (key: string) => ModelCall[];
};

export function stopRows({ room, begin, callsOf }: Stage): void {
  let number = 0;
  const statusOf = async (id: string) =>
    (await room().turns()).find((turn) => id.endsWith(turn.messageId) || turn.messageId.endsWith(id))?.status;
  const isCancelled = (id: string) =>
    until('the turn to be cancelled', async () => (await statusOf(id)) === 'cancelled');

  it('E74: a model that says nothing: a sign of life and a Stop button all the same, which ends its call', async () => {
    const door = gate();
    const { talk, id, key } = await begin({ text: 'never said', hold: door.wait });
    // Nothing can come of the model yet, so all of this is there before it says anything.
    await talk.signOfLife();
    await talk.pressStop();
    const call = await until('the call', () => callsOf(key)[0]);
    await call.aborted;
    await isCancelled(id);
    door.open();
    expect((await room().eventsOf(id)).some((event) => event.type === 'model.responded')).toBe(false);
  });

  /** Ways a tool may try to outlive its end, each told from all other processes by a number of its own. */
  const stubborn: readonly (readonly [way: string, command: (seconds: string) => string])[] = [
    ['a child in the background', (n) => `sh -c "sleep ${n} & sleep ${n}"`],
    ['deaf to the polite signal', (n) => `sh -c "trap '' TERM; while :; do sleep ${n}; done"`],
    ['several in a pipe', (n) => `sh -c "sleep ${n} | sleep ${n}"`],
  ];

  it.each(stubborn)('E74, E25: stopped while a tool runs, all of it is dead: %s', async (_way, command) => {
    const seconds = `300.${process.pid}${++number}`;
    const { talk, id } = await begin(sh(command(seconds)));
    await (await talk.card(seconds)).press(ONCE, 'first');
    await until('the tool to run', () => processesWith(seconds).length > 1);
    await talk.pressStop();
    await isCancelled(id);
    await until('all of it to be gone', () => processesWith(seconds).length === 0);
  });

  it('E74: a typed stop ends a tool too', async () => {
    const seconds = `301.${process.pid}${++number}`;
    const { talk, id } = await begin(sh(`sh -c "sleep ${seconds}; true"`));
    await (await talk.card(seconds)).press(ONCE, 'first');
    await until('the tool to run', () => processesWith(seconds).length > 1);
    await talk.stop();
    await isCancelled(id);
    await until('all of it to be gone', () => processesWith(seconds).length === 0);
  });
}
