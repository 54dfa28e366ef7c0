/** Every migration by name, in order. A name that was released never changes. */
import type { MigrationFor } from '../migrate.ts';
import { foundation } from './0001-foundation.ts';
import { approvalTerms } from './0002-approval-terms.ts';
import { memory } from './0003-memory.ts';
import { skillsAndReflection } from './0004-skills-and-reflection.ts';
import { vectorsAsArrays } from './0005-vectors-as-arrays.ts';
import { shorterGrams } from './0006-shorter-grams.ts';
import { openTurns } from './0007-open-turns.ts';
import { endedJobs } from './0008-ended-jobs.ts';
import { placesOfSkills } from './0009-places-of-skills.ts';
import { outputPieces } from './0010-output-pieces.ts';

export const migrations: Readonly<Record<string, MigrationFor>> = {
  '0001-foundation': foundation,
  '0002-approval-terms': approvalTerms,
  '0003-memory': memory,
  '0004-skills-and-reflection': skillsAndReflection,
  '0005-vectors-as-arrays': vectorsAsArrays,
  '0006-shorter-grams': shorterGrams,
  '0007-open-turns': openTurns,
  '0008-ended-jobs': endedJobs,
  '0009-places-of-skills': placesOfSkills,
  '0010-output-pieces': outputPieces,
};
