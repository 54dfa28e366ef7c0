/**
 * Turning something to be remembered into a change of the store: where it belongs, whether it is known already,
 * which entry it brings up to date. Entries are updated rather than piled up. Pure.
 */
import { relation } from '../../domain/grams.ts';
import { homeFor, type Memory, type MemoryScope, toMemoryName, type Viewer } from '../../domain/memory.ts';
import type { MemoryChange } from '../../domain/memory-store.ts';
import { REDACTED } from '../../domain/runtime.ts';
import { secretIn } from './secrets.ts';
import type { Payer } from './vectors.ts';

/** Of the line that stands for the entry in a list. */
const DESCRIPTION_LENGTH = 120;

export type Remembrance = {
  readonly viewer: Viewer;
  readonly text: string;
  readonly scope: MemoryScope;
  readonly type: string;
  readonly importance: number;
  /** Name of the entry it corrects, if one is named. */
  readonly replaces: string | null;
  readonly source: Memory['source'];
};

export type Kept =
  | { readonly change: Exclude<MemoryChange, { readonly op: 'remove' }>; readonly updated: boolean }
  /** Not to be stored, and why. */
  | { readonly refusal: string };

/** Keeps something at once, as `keep` says. @param payer for whom its vector is counted. */
export type Remember = (
  viewer: Viewer,
  payer: Payer,
  entry: Pick<Remembrance, 'text' | 'scope' | 'type' | 'importance' | 'source'>,
) => Promise<{ readonly memory: Memory; readonly updated: boolean } | { readonly refusal: string }>;

export type KeepDeps = {
  readonly redact: (text: string) => string;
  readonly newId: () => string;
  readonly now: number;
};

/** @param known entries the viewer may see that may be what this is about. */
export function keep(deps: KeepDeps, wanted: Remembrance, known: readonly Memory[]): Kept {
  const { viewer, text } = wanted;
  const isClean = deps.redact(text) === text && !text.includes(REDACTED);
  const secret = isClean ? secretIn(text) : 'a secret of this gateway';
  if (secret !== null) return { refusal: `it holds ${secret}` };
  const home = homeFor(viewer, wanted.scope);
  const atHome = known.filter(
    (one) => one.scope === home.scope && one.owner === home.owner && one.place === home.place,
  );
  // What others said for all to know, only they (or an admin) may reword.
  const isMine = (one: Memory) => one.scope === 'user' || one.author === viewer.user;
  const previous =
    atHome.find((one) => one.name === wanted.replaces && isMine(one)) ??
    atHome.find((one) => relation(one.body, text) === 'same') ??
    // More, or less, of the same: the latest word counts.
    atHome.find((one) => relation(one.body, text) === 'within' && isMine(one));
  if (previous !== undefined && !isMine(previous)) return { refusal: `${previous.name} says the same` };
  const memory: Memory = {
    id: previous?.id ?? deps.newId(),
    name: previous?.name ?? toMemoryName(text),
    description: firstLine(text),
    type: wanted.type,
    body: text,
    ...home,
    importance: Math.max(previous?.importance ?? 0, wanted.importance),
    source: wanted.source,
    author: viewer.user,
    createdAt: previous?.createdAt ?? deps.now,
    updatedAt: deps.now,
  };
  const updated = previous !== undefined;
  return { change: { op: updated ? 'replace' : 'put', memory }, updated };
}

/** What stands for a text in a list. */
export function firstLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= DESCRIPTION_LENGTH ? line : `${line.slice(0, DESCRIPTION_LENGTH).toWellFormed()}…`;
}
