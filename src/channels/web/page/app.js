/** The page: holds the state, wires the server's events and the person's actions to it, draws it. */
import { get, newClientId, post } from './api.js';
import { Bar } from './bar.js';
import { Composer } from './composer.js';
import { connect } from './connection.js';
import { Log } from './log.js';
import { createOutbox } from './outbox.js';
import { html, render } from './preact.js';
import { Sidebar } from './sidebar.js';
import { applyEvent, initialState, isWorking, placeKey, replyCounts, withPosts } from './state.js';
import { Thread } from './thread.js';

const root = document.getElementById('app');
let state = initialState(JSON.parse(document.getElementById('state').textContent));
let drawing = false;

function set(change) {
  state = typeof change === 'function' ? change(state) : { ...state, ...change };
  if (drawing) return;
  drawing = true;
  queueMicrotask(() => {
    drawing = false;
    render(html`<${App} state=${state} />`, root);
  });
}

const outbox = createOutbox({ user: state.me.id, onChange: (unsent) => set({ unsent }) });

function fail(error) {
  set({ error: error.message });
}

const actions = {
  send: (place, text) => outbox.add(place, text),
  retry: (clientId) => outbox.retry(clientId),
  forget: (clientId) => outbox.forget(clientId),
  edit: (id, text) => post(`/api/messages/${id}/edit`, { text }),
  remove: (id) => post(`/api/messages/${id}/delete`),
  press: ({ conversation, thread }, token) =>
    post('/api/click', { conversation, thread, token, clientId: newClientId() }),
  stop: ({ conversation, thread }) => post('/api/stop', { conversation, thread }).catch(fail),
  openThread: (id) => go(state.place.conversation, id),
};

// --- where we are -----------------------------------------------------------------------------------------------

function go(conversation, thread = null) {
  const hash = `#/${conversation}${thread === null ? '' : `/${thread}`}`;
  if (location.hash === hash) readPlace();
  else location.hash = hash;
}

function readPlace() {
  const [, conversation, thread = null] = location.hash.split('/');
  const newest = [...state.conversations].sort((a, b) => b.lastPostAt - a.lastPostAt);
  const found =
    state.conversations.find((one) => one.id === conversation) ??
    newest.find((one) => !one.shared) ??
    newest[0];
  const place = { conversation: found.id, thread: found.id === conversation ? thread : null };
  const unread = new Set(state.unread);
  unread.delete(found.id);
  set({ place, unread, listOpen: false });
  document.title = `${found.title} · Parley`;
  load(place).catch(fail);
}

async function load({ conversation, thread }) {
  if (!state.loaded.has(conversation)) {
    const { posts, more } = await get(`/api/conversations/${conversation}/posts`);
    set((now) => ({ ...withPosts(now, posts), loaded: new Map(now.loaded).set(conversation, more) }));
  }
  if (thread === null) return;
  const { posts } = await get(
    `/api/conversations/${conversation}/posts?thread=${encodeURIComponent(thread)}`,
  );
  set((now) => withPosts(now, posts));
}

async function loadEarlier(conversation) {
  const own = [...state.posts.values()].filter(
    (one) => one.conversation === conversation && one.thread === null,
  );
  const oldest = own.sort((a, b) => a.at - b.at)[0];
  const { posts, more } = await get(`/api/conversations/${conversation}/posts?before=${oldest.id}`);
  set((now) => ({ ...withPosts(now, posts), loaded: new Map(now.loaded).set(conversation, more) }));
}

async function createConversation(title, shared) {
  const created = await post('/api/conversations', { title, shared });
  set((now) => applyEvent(now, 'conversation', created));
  go(created.id);
}

const rename = (conversation, title) =>
  post(`/api/conversations/${conversation}/rename`, { title }).catch(fail);

// --- events -----------------------------------------------------------------------------------------------------

function onEvent(name, data) {
  if (name === 'hello') void outbox.flush();
  if (name === 'reload') {
    // Too much happened while we were away to replay it.
    set({ posts: new Map(), loaded: new Map() });
    load(state.place).catch(fail);
    return;
  }
  const isNews = name === 'post' && !state.posts.has(data.id);
  set((now) => applyEvent(now, name, data, Date.now()));
  if (name === 'post') outbox.settled(data.id);
  if (name === 'typing') setTimeout(() => set({}), data.forMs + 50);
  if (isNews || name === 'aside') announce(name, data);
}

/** Screen readers hear finished answers politely and approval requests at once; half-written text never. */
function announce(name, data) {
  if (data.conversation !== state.place?.conversation || data.kind === 'message') return;
  if (name === 'aside' && (!data.done || data.html === null)) return;
  const isUrgent = data.card !== null && data.buttons.length > 0;
  const text = data.card === null ? plainText(data.html) : `${data.card.title} ${data.card.action.text}`;
  const who = name === 'aside' ? 'Aside, only you see this' : isUrgent ? 'Approval needed' : 'Parley';
  document.getElementById(isUrgent ? 'say-now' : 'say').textContent = `${who}: ${text}`;
}

const plainText = (blocks) =>
  new DOMParser().parseFromString(blocks.join('\n'), 'text/html').body.textContent.trim();

// --- drawing ----------------------------------------------------------------------------------------------------

function App({ state: now }) {
  const conversation = now.conversations.find((one) => one.id === now.place.conversation);
  const main = { conversation: conversation.id, thread: null };
  const hasThread = now.place.thread !== null;
  return html`<div class=${`frame ${now.listOpen ? 'show-list' : ''} ${hasThread ? 'has-thread' : ''}`}>
    <${Sidebar} state=${now} onOpen=${() => set({ listOpen: false })} onCreate=${createConversation} />
    <main class="content">
    <h1 class="unseen">${conversation.title} · Parley</h1>
    <section class="main" aria-label="Conversation">
      <${Bar} key=${conversation.id} conversation=${conversation} onMenu=${() => set({ listOpen: true })} onRename=${rename} />
      ${now.connection === 'lost' && html`<p class="banner" role="status">Connection lost. Trying again; what you write is kept and sent then.</p>`}
      ${now.error !== null && html`<p class="banner error" role="alert">${now.error} <button type="button" class="link" onClick=${() => set({ error: null })}>Dismiss</button></p>`}
      <${Log}
        key=${conversation.id}
        state=${now}
        place=${main}
        replies=${replyCounts(now, conversation.id)}
        actions=${actions}
        earlier=${now.loaded.get(conversation.id) ? () => loadEarlier(conversation.id).catch(fail) : null}
        empty=${now.loaded.has(conversation.id) && html`<${Empty} conversation=${conversation} />`}
      />
      <${Composer}
        id="composer"
        key=${placeKey(main)}
        placeId=${placeKey(main)}
        label=${`Message ${conversation.title}`}
        commands=${now.commands}
        working=${isWorking(now, main, Date.now())}
        onSend=${(text) => actions.send(main, text)}
        onStop=${() => actions.stop(main)}
        autoFocus=${!hasThread && matchMedia('(min-width: 720px)').matches}
      />
    </section>
    ${hasThread && html`<${Thread} state=${now} place=${now.place} actions=${actions} onClose=${() => go(now.place.conversation)} />`}
    </main>
  </div>`;
}

function Empty({ conversation }) {
  return html`<div class="empty">
    <p>${conversation.shared ? 'Everyone who signs in sees this conversation, and Parley answers here.' : 'Only you and Parley see this conversation.'}</p>
    <p>Write a message below. Some things to try:</p>
    <ul>
      <li>“What files are in the workspace?”</li>
      <li><code>/help</code> for all commands</li>
      <li><code>/btw</code> and a question, to ask something aside while it works</li>
    </ul>
  </div>`;
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest?.('[data-copy]');
  if (!button) return;
  const code = button.closest('.code').querySelector('code').textContent;
  await navigator.clipboard.writeText(code).then(
    () => {
      button.textContent = 'Copied';
    },
    () => {
      button.textContent = 'Copy failed';
    },
  );
  setTimeout(() => {
    button.textContent = 'Copy';
  }, 2000);
});

addEventListener('hashchange', readPlace);
set({ unsent: outbox.list() });
readPlace();
connect({ onEvent, onLost: () => set({ connection: 'lost' }) });
