/** The page's scripts and styles: read once at start, served with strong ETags. A fixed list, so no path can escape. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../../root.ts';
import type { HttpHost } from '../adapter.ts';

const scripts = [
  'app.js',
  'api.js',
  'aside.js',
  'bar.js',
  'card.js',
  'commands.js',
  'composer.js',
  'connection.js',
  'focus.js',
  'icons.js',
  'log.js',
  'outbox.js',
  'post.js',
  'sidebar.js',
  'state.js',
  'thread.js',
  'time.js',
] as const;
const styles = ['base.css', 'chat.css', 'sidebar.css', 'message.css', 'card.css'] as const;

export const moduleUrls = ['preact.js', ...scripts].map((name) => `/assets/${name}`);
export const styleUrls = styles.map((name) => `/assets/${name}`);

export function addAssets(http: HttpHost): void {
  const page = (name: string): URL => pathToFileURL(join(ROOT, 'src/channels/web/page', name));
  const files = [
    ...scripts.map((name) => ({ name, url: page(name), type: 'text/javascript' })),
    ...styles.map((name) => ({ name, url: page(name), type: 'text/css' })),
    // The browser build of preact, hooks and htm in one module, as the package ships it.
    {
      name: 'preact.js',
      url: new URL(import.meta.resolve('htm/preact/standalone')),
      type: 'text/javascript',
    },
  ];
  for (const { name, url, type } of files) {
    const body = readFileSync(url);
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
    // Asked for again each time, answered by 304: after an upgrade no tab mixes old and new modules.
    const headers = { 'content-type': `${type}; charset=utf-8`, etag, 'cache-control': 'no-cache' };
    http.route('GET', `/assets/${name}`, async (request) =>
      request.headers['if-none-match'] === etag ? { status: 304, headers } : { status: 200, headers, body },
    );
  }
}
