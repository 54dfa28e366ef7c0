/** Changes that a reflection proposes or has made: asking about them, taking them, taking them back. */
import { reflectionDiff, reflectionLine } from '../agent/reflection/words.ts';
import type { Catalog } from '../agent/skills/catalog.ts';
import type { JobHandler, NewJob } from '../domain/job.ts';
import type { Author, OutboundMessage, UserId } from '../domain/message.ts';
import type { Reflection, Revivals } from '../domain/reflection.ts';
import type { Clock } from '../domain/runtime.ts';
import { showInvisible } from '../domain/visible.ts';
import type { NewDelivery, Store } from '../store/store.ts';
import { type AccessRules, personOf, rolesOf } from './access.ts';

export type Reviews = {
  /** @param yes take the changes; else dismiss them */
  decide(
    id: string,
    yes: boolean,
    by: Author,
  ): Promise<{ readonly accepted: boolean; readonly text: string }>;
  /** Takes back what is in force, to the byte, or says why that cannot be done. */
  undo(id: string, by: Author): Promise<string>;
  /** Undefined when there is none, or it is not theirs to see. */
  find(id: string, by: Author): Promise<Reflection | undefined>;
};

export type ReviewsDeps = {
  readonly store: Pick<Store, 'reflections' | 'outbox' | 'jobs' | 'turns'>;
  readonly access: () => AccessRules;
  readonly catalog: () => Catalog;
  readonly revivals: Revivals;
  readonly button: (id: string, decision: 'once' | 'deny') => string;
  readonly clock: Clock;
};

export const REVIEW_JOB = 'review';

export const reviewJob = ({ id, createdAt }: Reflection): NewJob => ({
  kind: REVIEW_JOB,
  key: `review ${id}`,
  payload: id,
  runAt: createdAt,
});

const UNKNOWN = 'There is no such reflection.';

export function createReviews(deps: ReviewsDeps): Reviews {
  async function find(id: string, by: Author): Promise<Reflection | undefined> {
    const reflection = await deps.store.reflections.get(id);
    const access = deps.access();
    const isAdmin = rolesOf(access, by).includes('admin');
    const theirs =
      reflection?.userId != null && personOf(access, reflection.userId) === personOf(access, by.id);
    return isAdmin || theirs ? reflection : undefined;
  }
  async function revive(reflection: Reflection, to: 'applied' | 'undone'): Promise<void> {
    const turn = reflection.turnId === null ? undefined : await deps.store.turns.get(reflection.turnId);
    if (turn === undefined) return;
    for (const job of deps.revivals(turn, reflection, to)) await deps.store.jobs.enqueue(job);
  }
  return {
    find,
    async decide(id, yes, by) {
      const reflection = await find(id, by);
      if (reflection === undefined)
        return { accepted: false, text: 'Only the person it is about, or an admin, decides about this.' };
      const moved = await deps.store.reflections.move(id, 'staged', yes ? 'applied' : 'dismissed');
      if (typeof moved === 'object')
        return { accepted: false, text: `Nothing was changed: ${moved.conflict}.` };
      if (moved === 'unknown') return { accepted: false, text: UNKNOWN };
      if (yes) await revive(reflection, 'applied');
      const outcome = yes ? `Kept by ${by.name}` : `Dismissed by ${by.name}`;
      await deps.store.outbox.enqueue([settledCard(reflection, outcome, deps)], deps.clock.now());
      return { accepted: true, text: outcome };
    },
    async undo(id, by) {
      const reflection = await find(id, by);
      if (reflection === undefined) return UNKNOWN;
      const moved = await deps.store.reflections.move(id, 'applied', 'undone');
      if (typeof moved === 'object') return `Nothing was changed: ${moved.conflict}.`;
      if (moved === 'unknown') return UNKNOWN;
      await revive(reflection, 'undone');
      return 'Undone: everything is as it was before.';
    },
  };
}

/** Asks the person whose memory and skills it is about, in private. */
export function createReviewJob(deps: ReviewsDeps): JobHandler {
  return {
    async run(job) {
      const reflection = await deps.store.reflections.get(String(job.payload));
      if (reflection?.userId == null || reflection.state !== 'staged') return {};
      await deps.store.outbox.enqueue([newCard(reflection, reflection.userId, deps)], deps.clock.now());
      return {};
    },
    givenUp: () => ({}),
  };
}

const keyOf = (reflection: Reflection): string => `${reflection.id}:review`;
const laneOf = (user: UserId): string => `direct:${user}`;

const newCard = (reflection: Reflection, user: UserId, deps: ReviewsDeps): NewDelivery => ({
  key: keyOf(reflection),
  turnId: reflection.turnId,
  lane: laneOf(user),
  target: { kind: 'direct', user },
  message: card(reflection, null, deps),
});

const settledCard = (reflection: Reflection, outcome: string, deps: ReviewsDeps): NewDelivery => ({
  key: `${keyOf(reflection)}:decided`,
  turnId: reflection.turnId,
  lane: laneOf(reflection.userId ?? ''),
  target: { kind: 'edit', of: keyOf(reflection) },
  message: card(reflection, outcome, deps),
});

function card(
  reflection: Reflection,
  outcome: string | null,
  { catalog, button, clock }: ReviewsDeps,
): OutboundMessage {
  const diff = reflectionDiff(reflection, (name) => catalog().get(name)?.text);
  const facts = [reflectionLine(reflection)];
  return {
    kind: 'card',
    text: ['Learn this?', diff, outcome ?? `/reflections keep ${reflection.id}`].join('\n'),
    card: {
      title: 'Learn this?',
      action: { text: showInvisible(diff), language: 'diff' },
      facts,
      why: [],
      ...(reflection.reasoning === null ? {} : { modelReason: showInvisible(reflection.reasoning) }),
      ...(outcome === null ? {} : { outcome, settledAt: clock.now() }),
    },
    buttons:
      outcome === null
        ? [
            { label: 'Keep', token: button(reflection.id, 'once'), style: 'primary' },
            { label: 'Dismiss', token: button(reflection.id, 'deny'), style: 'danger' },
          ]
        : [],
    ...(reflection.turnId === null ? {} : { turnId: reflection.turnId }),
  };
}
