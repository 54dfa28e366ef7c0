// Where the packed program lies, and whether it is as new as the sources that it was made from.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export const SOURCES = join(ROOT, 'src');
/** One level below the root, as `src` is: `src/root.ts` relies on it. */
export const PACKED = join(ROOT, 'dist');
const ENTRY = join(PACKED, 'main.js');

const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** A recursive look by Node itself would ask for the state of each entry once more. */
const sourcesIn = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesIn(path);
    return /\.(ts|js)$/.test(entry.name) ? [path] : [];
  });

/** By the times of the files: reading them all would cost a start more than packing saves. */
export function isPacked() {
  const packedAt = changedAt(ENTRY);
  // The packages are in it too, and how it is packed.
  const files = [...sourcesIn(SOURCES), join(ROOT, 'package-lock.json'), join(ROOT, 'bin/pack.js')];
  return packedAt > 0 && files.every((file) => changedAt(file) <= packedAt);
}

/** What to import: the packed program, or the sources where it is missing or older than one of them. */
export const program = () => (isPacked() ? ENTRY : join(SOURCES, 'main.ts'));
