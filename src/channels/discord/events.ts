/** Which event of the gateway goes where. An event counts as received once what came of it is durable. */
import { z } from 'zod';
import { errorMessage } from '../../domain/errors.ts';
import type { Logger } from '../../domain/runtime.ts';
import type { Backfill } from './backfill.ts';
import type { Intake } from './intake.ts';
import type { Interactions } from './interactions.ts';
import type { Places } from './places.ts';
import type { Identity, SessionKeeper } from './session.ts';
import type { Dispatch } from './socket.ts';

const ready = z.object({ user: z.object({ id: z.string() }), application: z.object({ id: z.string() }) });
const guild = z.object({
  channels: z.array(z.unknown()).default([]),
  threads: z.array(z.unknown()).default([]),
});
const withId = z.object({ id: z.string() });

export function createEvents(deps: {
  readonly session: SessionKeeper;
  readonly places: Places;
  readonly intake: Intake;
  readonly interactions: Interactions;
  readonly backfill: Backfill;
  readonly onIdentity: (identity: Identity) => void;
  readonly log: Logger;
}): (dispatch: Dispatch) => void {
  const { session, places, intake, interactions, backfill, log } = deps;
  /** Newer messages wait until the older ones have been read back. */
  let caughtUp: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> =>
    caughtUp.then(() => session.begun()).then(work);

  function handle({ type, data, replayed }: Dispatch): Promise<void> | undefined {
    switch (type) {
      case 'MESSAGE_CREATE':
        return inTurn(() => intake.message(data));
      case 'MESSAGE_UPDATE':
        return inTurn(() => intake.edit(data));
      case 'MESSAGE_DELETE':
      case 'MESSAGE_DELETE_BULK':
        return inTurn(() => intake.deletion(data));
      case 'INTERACTION_CREATE':
        return interactions.take(data, replayed);
      case 'READY':
        return onReady(data);
      case 'GUILD_CREATE':
      case 'THREAD_LIST_SYNC':
        return onChannels(data);
      default:
        learn(type, data);
        return undefined;
    }
  }

  async function onReady(data: unknown): Promise<void> {
    const parsed = ready.safeParse(data);
    if (!parsed.success) return intake.dropped('ready');
    const { user, application } = parsed.data;
    deps.onIdentity({ user: user.id, application: application.id });
    caughtUp = backfill.run();
    // Until then the new session is not worth resuming: a crash has to find the gap again.
    return caughtUp;
  }

  async function onChannels(data: unknown): Promise<void> {
    const parsed = guild.safeParse(data);
    if (!parsed.success) return intake.dropped('guild');
    const all = [...parsed.data.channels, ...parsed.data.threads];
    for (const one of all) places.learn(one);
    await Promise.all(all.map((one) => backfill.channel(one)));
  }

  function learn(type: string, data: unknown): void {
    switch (type) {
      case 'CHANNEL_CREATE':
      case 'CHANNEL_UPDATE':
      case 'THREAD_CREATE':
      case 'THREAD_UPDATE':
        places.learn(data);
        return;
      case 'CHANNEL_DELETE':
      case 'THREAD_DELETE': {
        const parsed = withId.safeParse(data);
        if (parsed.success) places.forget(parsed.data.id);
      }
    }
  }

  return (dispatch) => {
    const work = handle(dispatch);
    if (work === undefined) return;
    // Without a number there is nothing to resume from.
    const isNumbered = Number.isSafeInteger(dispatch.sequence);
    const done = isNumbered ? session.begin(dispatch.shard, dispatch.sequence) : () => {};
    work.then(done, (error: unknown) => {
      // Left open: the next session resumes from before it, and Discord sends it again.
      log.warn({ type: dispatch.type, detail: errorMessage(error) }, 'an event was not taken in');
    });
  };
}
