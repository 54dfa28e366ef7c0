/** The one stream of events: opened again whenever it ends, from the last revision seen. */
import { get } from './api.js';

/** Three missed pings. */
const SILENCE_MS = 35_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;
const events = [
  'hello',
  'reload',
  'post',
  'draft',
  'draft-end',
  'aside',
  'aside-end',
  'typing',
  'conversation',
  'ping',
];

export function connect({ onEvent, onLost }) {
  let source;
  let revision = null;
  let delay = FIRST_RETRY_MS;
  let silence;
  let retry;

  function open() {
    clearTimeout(retry);
    source = new EventSource(revision === null ? '/api/events' : `/api/events?after=${revision}`);
    for (const name of events) source.addEventListener(name, (event) => receive(name, event));
    source.onerror = lost;
    listen();
  }

  function receive(name, event) {
    listen();
    if (event.lastEventId !== '') revision = Math.max(revision ?? 0, Number(event.lastEventId));
    if (name === 'hello') delay = FIRST_RETRY_MS;
    if (name !== 'ping') onEvent(name, JSON.parse(event.data));
  }

  function listen() {
    clearTimeout(silence);
    silence = setTimeout(lost, SILENCE_MS);
  }

  function lost() {
    source.close();
    clearTimeout(silence);
    clearTimeout(retry);
    onLost();
    // Tells a session that ended from a server that is away: the call leaves for the sign-in page on its own.
    get('/api/state').catch(() => undefined);
    retry = setTimeout(open, delay);
    delay = Math.min(delay * 2, MAX_RETRY_MS);
  }

  // A laptop that wakes up need not wait for the timer.
  addEventListener('online', () => source.readyState === EventSource.CLOSED && open());
  open();
}
