/** The head of a conversation: its name, who sees it, the way to rename it. */
import { useFocus } from './focus.js';
import { lock, menu, people } from './icons.js';
import { html, useState } from './preact.js';

export function Bar({ conversation, onMenu, onRename }) {
  const [renaming, setRenaming] = useState(false);
  const { title, shared } = conversation;
  return html`<header class="bar">
    <button type="button" class="plain small menu" onClick=${onMenu}>${menu}<span>Conversations</span></button>
    ${
      renaming
        ? html`<${Rename} title=${title} onSave=${(name) => onRename(conversation.id, name)} onClose=${() => setRenaming(false)} />`
        : html`<h2 class="bar-title">${title}</h2>
          <span class="audience">${shared ? people : lock}<span>${shared ? 'Shared with everyone' : 'Private'}</span></span>
          <button type="button" class="plain small" onClick=${() => setRenaming(true)}>Rename</button>`
    }
  </header>`;
}

function Rename({ title, onSave, onClose }) {
  const [name, setName] = useState(title);
  const field = useFocus();
  function save(event) {
    event.preventDefault();
    onClose();
    if (name.trim() !== '' && name.trim() !== title) onSave(name.trim());
  }
  return html`<form class="rename" onSubmit=${save} onKeyDown=${(event) => event.key === 'Escape' && onClose()}>
    <input ref=${field} type="text" aria-label="New name" maxlength="80" value=${name} onInput=${(event) => setName(event.currentTarget.value)} />
    <button type="submit" class="primary small">Save</button>
  </form>`;
}
