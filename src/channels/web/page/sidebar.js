/** The list of conversations, and the form for a new one. */
import { useFocus } from './focus.js';
import { lock, people, plus } from './icons.js';
import { html, useState } from './preact.js';

export function Sidebar({ state, onOpen, onCreate }) {
  const [creating, setCreating] = useState(false);
  const sorted = [...state.conversations].sort((a, b) => b.lastPostAt - a.lastPostAt);
  const group = (title, shared) =>
    html`<${Group} title=${title} conversations=${sorted.filter((one) => one.shared === shared)} state=${state} onOpen=${onOpen} />`;
  return html`<nav class="sidebar" aria-label="Conversations">
    <div class="sidebar-head">
      <span class="brand">Parley</span>
      <button type="button" class="plain small" aria-expanded=${creating ? 'true' : 'false'} onClick=${() => setCreating(!creating)}>${plus}<span>New</span></button>
    </div>
    ${creating && html`<${NewConversation} onCreate=${onCreate} onClose=${() => setCreating(false)} />`}
    <div class="sidebar-list">${group('Private', false)} ${group('Shared', true)}</div>
    <form class="sidebar-foot" method="post" action="/sign-out">
      <span>Signed in as <strong>${state.me.name}</strong></span>
      <button type="submit" class="link">Sign out</button>
    </form>
  </nav>`;
}

function Group({ title, conversations, state, onOpen }) {
  if (conversations.length === 0) return null;
  return html`<section>
    <h2>${title}</h2>
    <ul>
      ${conversations.map(({ id, title: name, shared }) => {
        const unread = state.unread.has(id);
        return html`<li key=${id}>
          <a
            href=${`#/${id}`}
            class=${unread ? 'unread' : ''}
            aria-current=${state.place?.conversation === id ? 'page' : undefined}
            onClick=${() => onOpen(id)}
          >
            ${shared ? people : lock}<span class="name">${name}</span>${unread && html`<span class="badge">new</span>`}
          </a>
        </li>`;
      })}
    </ul>
  </section>`;
}

function NewConversation({ onCreate, onClose }) {
  const [title, setTitle] = useState('');
  const [shared, setShared] = useState(false);
  const name = useFocus();
  const [error, setError] = useState(null);
  async function submit(event) {
    event.preventDefault();
    try {
      await onCreate(title, shared);
      onClose();
    } catch (problem) {
      setError(problem.message);
    }
  }
  const choice = (value, label, about) => html`<label class="choice">
    <input type="radio" name="audience" checked=${shared === value} onChange=${() => setShared(value)} />
    <span>${label} <span class="note">${about}</span></span>
  </label>`;
  return html`<form class="new-conversation" onSubmit=${submit} onKeyDown=${(event) => event.key === 'Escape' && onClose()}>
    <label for="new-title">Name</label>
    <input id="new-title" type="text" maxlength="80" required value=${title} onInput=${(event) => setTitle(event.currentTarget.value)} ref=${name} />
    <fieldset>
      <legend>Who sees it</legend>
      ${choice(false, 'Private', 'only you')} ${choice(true, 'Shared', 'everyone who signs in')}
    </fieldset>
    ${error !== null && html`<p class="inline-error" role="alert">${error}</p>`}
    <div class="buttons">
      <button type="submit" class="primary" disabled=${title.trim() === ''}>Create</button>
      <button type="button" class="plain" onClick=${onClose}>Cancel</button>
    </div>
  </form>`;
}
