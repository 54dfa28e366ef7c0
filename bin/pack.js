// Packs the program and the packages it uses into `dist`: a few files to find and read at start instead of a thousand.
// The sources remain what runs wherever this was not done or is out of date, so nobody ever has to think of it.
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isPacked, PACKED, SOURCES } from './packed.js';

/** Native code, what finds files beside itself, and what uses a built-in that Node deprecates outside packages. */
const LEFT_OUTSIDE = ['better-sqlite3', 'pg', 'sqlite-vec', 'node-fetch'];

/** Resolves to false where the packer is not installed, as without development packages. */
async function pack() {
  let build;
  try {
    ({ build } = await import('rolldown'));
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return false;
    throw error;
  }
  const next = `${PACKED}.${process.pid}`;
  const last = `${next}.old`;
  await build({
    input: join(SOURCES, 'main.ts'),
    platform: 'node',
    external: LEFT_OUTSIDE,
    // Packages try optional ones and go on without them; what is wrong with our own sources, tsc says.
    logLevel: 'silent',
    output: { dir: next, format: 'esm', entryFileNames: 'main.js', chunkFileNames: '[name]-[hash].js' },
  });
  // There is no moment in which a half could be started.
  if (existsSync(PACKED)) renameSync(PACKED, last);
  renameSync(next, PACKED);
  rmSync(last, { recursive: true, force: true });
  return true;
}

if (isPacked()) process.stdout.write('Parley is packed already.\n');
else
  process.stdout.write(
    (await pack())
      ? 'Parley is packed: it starts from dist.\n'
      : 'Parley is not packed, since the development packages are left out: it starts from its sources.\n',
  );
