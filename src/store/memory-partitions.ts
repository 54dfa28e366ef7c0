/** The viewer as conditions of a query: nothing is read first and sorted out afterwards. */
import { type SqlBool, sql } from 'kysely';
import { type Partition, partitionsFor, type Viewer } from '../domain/memory.ts';

export const within = ({ scope, owner, place }: Partition) =>
  place === undefined
    ? sql<SqlBool>`(scope = ${scope} and owner = ${owner})`
    : sql<SqlBool>`(scope = ${scope} and owner = ${owner} and place = ${place})`;

export const visibleTo = (viewer: Viewer) =>
  sql<SqlBool>`(${sql.join(partitionsFor(viewer).map(within), sql` or `)})`;
