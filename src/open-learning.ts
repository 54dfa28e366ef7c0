/** Puts skills and reflection together: what a turn may use, what follows it, and who decides about the changes. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { memoize } from './agent/memoize.ts';
import { viewerOf } from './agent/memory/after-turn.ts';
import {
  createReflectionJob,
  REFLECT_JOB,
  type ReflectionSettings,
  reflectJob,
} from './agent/reflection/after-turn.ts';
import type { EngineDeps } from './agent/run.ts';
import { type Catalog, readCatalog, skillsFor, type UsedSkill } from './agent/skills/catalog.ts';
import { encodeButton } from './channels/button-token.ts';
import type { LoadedConfig } from './config/load.ts';
import type { JobHandler } from './domain/job.ts';
import type { Revivals } from './domain/reflection.ts';
import type { Clock, Logger } from './domain/runtime.ts';
import type { Turn } from './domain/turn.ts';
import type { AccessRules } from './gateway/access.ts';
import type { Limits } from './gateway/limits.ts';
import { createReviewJob, createReviews, REVIEW_JOB, type Reviews, reviewJob } from './gateway/reviews.ts';
import type { Profiles } from './open-profiles.ts';
import { ROOT } from './root.ts';
import type { Store } from './store/store.ts';

export type LearningDeps = {
  readonly store: Store;
  readonly config: () => LoadedConfig['config']['reflection'];
  readonly access: () => AccessRules;
  readonly profiles: () => Profiles;
  readonly requireBudget: Limits['requireBudget'];
  readonly revivals: Revivals;
  readonly redact: (text: string) => string;
  readonly clock: Clock;
  readonly log: Logger;
};

export type OpenedLearning = {
  readonly skills: EngineDeps['skills'];
  readonly followUps: EngineDeps['followUps'];
  readonly handlers: Readonly<Record<string, JobHandler>>;
  readonly reviews: Reviews;
  readonly catalog: () => Catalog;
  /** Reads the files of the skills again: what they say now is used from the next turn on. */
  readonly reload: () => void;
};

/** Those that come with the program, and above them those beside the configuration of this gateway. */
export function skillFolders(): string[] {
  const own = join(ROOT, 'config/skills');
  const local = resolve('config/skills');
  return local === own || !existsSync(local) ? [own] : [own, local];
}

const enabledOf = memoize((skills: readonly UsedSkill[]) => skills.filter((skill) => skill.enabled));

export function openLearning(deps: LearningDeps): OpenedLearning {
  const { store, clock } = deps;
  let catalog = readCatalog(skillFolders(), deps.log);
  const settings = (): ReflectionSettings => {
    const { enabled, review, max_body, skill_edit_cooldown, activity_log_max, store_raw } = deps.config();
    return {
      enabled,
      review,
      maxBodyBytes: max_body,
      cooldownMs: skill_edit_cooldown,
      activityBytes: activity_log_max,
      storeRaw: store_raw,
    };
  };
  const enabled = async (turn: Turn): Promise<readonly UsedSkill[]> =>
    enabledOf(await skillsFor(catalog, store.skills, viewerOf(turn)));
  const reviewDeps = {
    store,
    access: deps.access,
    catalog: () => catalog,
    revivals: deps.revivals,
    button: (id: string, decision: 'once' | 'deny') => encodeButton({ kind: 'review', id, decision }),
    clock,
  };
  return {
    catalog: () => catalog,
    reload() {
      catalog = readCatalog(skillFolders(), deps.log, catalog);
      deps.log.info({ skills: [...catalog.keys()] }, 'skills read again');
    },
    reviews: createReviews(reviewDeps),
    skills: (turn: Turn) => ({
      list: () => enabled(turn),
      async load(name, file) {
        const all = await enabled(turn);
        const skill = all.find((one) => one.name === name);
        if (skill === undefined)
          return {
            problem: `There is no skill "${name}". Skills: ${all.map((one) => one.name).join(', ') || 'none'}.`,
          };
        if (file === undefined) return { text: skill.body };
        const text = catalog.get(name)?.read(file);
        if (text !== undefined) return { text };
        return { problem: `${name} has no file "${file}". Files: ${skill.files.join(', ') || 'none'}.` };
      },
    }),
    followUps: (turn, outcome) => (settings().enabled ? [reflectJob(turn, outcome, clock.now())] : []),
    handlers: {
      [REFLECT_JOB]: createReflectionJob({
        ...store,
        settings,
        models: (turn) => deps.profiles().get(turn.profile).models,
        contextTokens: (turn) => deps.profiles().get(turn.profile).settings.contextTokens,
        skills: enabled,
        askFor: (reflection) => [reviewJob(reflection)],
        revivals: deps.revivals,
        requireBudget: deps.requireBudget,
        redact: deps.redact,
        clock,
      }),
      [REVIEW_JOB]: createReviewJob(reviewDeps),
    },
  };
}
