// Packs the program and the packages it uses into `dist`: a few files to find and read at start instead of a thousand.
// The sources remain what runs wherever this was not done or is out of date, so nobody ever has to think of it.
import { existsSync, renameSync, rmSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { isPacked, PACKED, SOURCES } from './packed.js';

/** Native code, what finds files beside itself, and what uses a built-in that Node deprecates outside packages. */
const LEFT_OUTSIDE = ['better-sqlite3', 'pg', 'sqlite-vec', 'node-fetch'];

/** What Node loads its own `fetch` and WebSocket for, as soon as it is looked at. */
const COSTLY = ['WebSocket', 'CloseEvent', 'MessageEvent'];

/**
 * `import … from 'node:http'` looks at everything that module exports, the costly ones too: 5 MB, and a sixth of a start.
 * Taken as an object, it loads what is used. What is required is that object already.
 */
const plainHttp = {
  name: 'plain-http',
  resolveId: (id, _importer, { kind }) =>
    kind !== 'require-call' && /^(node:)?http$/.test(id) ? 'plain-http' : null,
  load(id) {
    if (id !== 'plain-http') return null;
    const names = Object.keys(http).filter((name) => !COSTLY.includes(name));
    return `const http = process.getBuiltinModule('node:http');
      export default http;
      export const { ${names.join(', ')} } = http;`;
  },
};

/** Bolt loads a web framework at once for a receiver that nobody here opens; ours are in `src/channels/slack`. */
const unusedExpress = {
  name: 'unused-express',
  resolveId: (id, importer) =>
    id === 'express' && /@slack[\\/]bolt[\\/]/.test(importer ?? '') ? 'unused-express' : null,
  load: (id) => (id === 'unused-express' ? 'module.exports = {};' : null),
};

/** Resolves to false where there is no packer: without development packages, or on a machine that it is not built for. */
async function pack() {
  let build;
  try {
    ({ build } = await import('rolldown'));
  } catch {
    return false;
  }
  const next = `${PACKED}.${process.pid}`;
  const last = `${next}.old`;
  await build({
    input: join(SOURCES, 'main.ts'),
    platform: 'node',
    external: LEFT_OUTSIDE,
    // Packages try optional ones and go on without them; what is wrong with our own sources, tsc says.
    logLevel: 'silent',
    plugins: [plainHttp, unusedExpress],
    output: {
      dir: next,
      format: 'esm',
      entryFileNames: 'main.js',
      chunkFileNames: '[name]-[hash].js',
      // They would be kept in memory with the rest; the names stay, so a stack trace reads as the sources do.
      comments: false,
    },
  });
  // There is no moment in which a half could be started.
  if (existsSync(PACKED)) renameSync(PACKED, last);
  renameSync(next, PACKED);
  rmSync(last, { recursive: true, force: true });
  return true;
}

// Asked by a test run, which only has to know that it is there; an install packs whatever it installed.
if (process.argv.includes('--if-stale') && isPacked()) process.stdout.write('Parley is packed already.\n');
else
  process.stdout.write(
    (await pack())
      ? 'Parley is packed: it starts from dist.\n'
      : 'Parley is not packed, since the packer (rolldown) cannot be loaded here: it starts from its sources.\n',
  );
