/** Grams of scripts without spaces have two characters: looked up as they are, not as the beginnings of longer ones. */
import { reindexMemories } from '../memory-grams.ts';
import type { MigrationFor } from '../migrate.ts';

export const shorterGrams: MigrationFor = (dialect) => ({ up: (db) => reindexMemories(db, dialect) });
