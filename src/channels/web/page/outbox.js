/**
 * Messages on their way. Each is kept in this browser until the server has it (2xx) and is sent under the same id on
 * every try, so that neither a lost answer nor a reload loses or doubles it.
 */
import { ApiError, newClientId, post } from './api.js';

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 15_000;

/** @param onChange gets the list whenever it changes. */
export function createOutbox({
  user,
  onChange,
  storage = localStorage,
  send = (message) => post('/api/messages', message),
}) {
  const key = `parley.unsent.${user}`;
  let unsent = read(storage, key);
  let running = false;
  let delay = FIRST_RETRY_MS;
  let timer;

  function save(next) {
    unsent = next;
    const toKeep = unsent.filter((message) => message.sentId === null);
    if (toKeep.length === 0) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(toKeep));
    onChange(unsent);
  }

  const change = (clientId, values) =>
    save(unsent.map((message) => (message.clientId === clientId ? { ...message, ...values } : message)));

  async function run() {
    if (running) return;
    running = true;
    clearTimeout(timer);
    try {
      for (;;) {
        const next = unsent.find((message) => message.sentId === null && message.error === null);
        if (next === undefined) return;
        const { clientId, conversation, thread, text } = next;
        const sent = await attempt({ clientId, conversation, thread, text });
        if (!sent) return;
      }
    } finally {
      running = false;
    }
  }

  async function attempt(message) {
    try {
      const { id } = await send(message);
      delay = FIRST_RETRY_MS;
      // Shown until its post arrives, which may be before or after this answer.
      if (message.text.startsWith('/')) save(unsent.filter((one) => one.clientId !== message.clientId));
      else change(message.clientId, { sentId: id });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.isFinal) {
        change(message.clientId, { error: error.message });
        return true;
      }
      const { tries } = unsent.find((one) => one.clientId === message.clientId) ?? { tries: 0 };
      change(message.clientId, { tries: tries + 1 });
      timer = setTimeout(run, delay);
      delay = Math.min(delay * 2, MAX_RETRY_MS);
      return false;
    }
  }

  return {
    list: () => unsent,
    add({ conversation, thread }, text) {
      const message = {
        clientId: newClientId(),
        conversation,
        thread,
        text,
        at: Date.now(),
        tries: 0,
        error: null,
        sentId: null,
      };
      save([...unsent, message]);
      return run();
    },
    /** The connection is back, or the person asked. */
    flush: run,
    retry(clientId) {
      change(clientId, { error: null, tries: 0 });
      return run();
    },
    forget(clientId) {
      save(unsent.filter((message) => message.clientId !== clientId));
    },
    /** The post of a sent message is on the page. */
    settled(id) {
      if (unsent.some((message) => message.sentId === id))
        save(unsent.filter((message) => message.sentId !== id));
    },
  };
}

function read(storage, key) {
  try {
    const list = JSON.parse(storage.getItem(key) ?? '[]');
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}
