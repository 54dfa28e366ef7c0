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

/** Of all that undici is, our own sources take the two that make a call. */
const fewOfUndici = {
  name: 'few-of-undici',
  resolveId: (id, importer = '') =>
    id === 'undici' && importer.startsWith(SOURCES) ? 'few-of-undici' : null,
  load: (id) =>
    id === 'few-of-undici'
      ? `export { default as Agent } from 'undici/lib/dispatcher/agent.js';
         export { default as buildConnector } from 'undici/lib/core/connect.js';`
      : null,
};

/** What packages load at once, and would use only for what nobody here asks of them. */
const UNUSED = [
  // For a receiver of Bolt that is never opened: ours are in `src/channels/slack`.
  { id: 'express', by: '@slack/bolt', code: 'module.exports = {};' },
  // For files without a type: all that are sent have one.
  { id: 'magic-bytes.js', by: '@discordjs/rest', code: 'export const filetypeinfo = () => [];' },
  // Nothing here speaks HTTP/2; loading Node's own takes as long as all the rest of undici.
  { id: './client-h2.js', by: 'undici', code: 'module.exports = () => {};' },
  // A second parser, to be tried out by those who ask for it.
  { id: './parser-h1.js', by: 'undici', code: 'exports.getMiloEnabled = () => false;' },
];

const leaveOut = {
  name: 'leave-out',
  resolveId(id, importer = '') {
    const found = UNUSED.find((one) => one.id === id && importer.includes(`/node_modules/${one.by}/`));
    return found === undefined ? null : `unused:${id}`;
  },
  load: (id) => UNUSED.find((one) => `unused:${one.id}` === id)?.code ?? null,
};

/** What packages do at once that takes a start a tenth of its time, and Node has anyway. */
const TRIMMED = [
  // Looking at it loads all of Node's own `fetch`; every Node that can run this has one.
  { in: '@discordjs/rest/dist/index.mjs', from: 'globalThis.FormData ??= FormData2;', to: '' },
  // A copy of `util.inspect` for browsers.
  {
    in: '@vladfrangu/async_event_emitter/dist/index.mjs',
    from: 'require_inspect()',
    to: "process.getBuiltinModule('node:util')",
  },
];

const trim = {
  name: 'trim',
  transform(code, id) {
    const found = TRIMMED.find((one) => id.endsWith(`/node_modules/${one.in}`));
    return found === undefined ? null : code.replace(found.from, found.to);
  },
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
    plugins: [plainHttp, fewOfUndici, leaveOut, trim],
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
