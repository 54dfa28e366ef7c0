/** One message as a text block: author and time, what was done for it, what it says, what may be done about it. */
import { Card } from './card.js';
import { useFocus } from './focus.js';
import { check, cross } from './icons.js';
import { Component, html, useState } from './preact.js';
import { atClock, duration, exactly } from './time.js';

/** Blocks come escaped from the server; a block that did not change is not touched. */
export class Blocks extends Component {
  shouldComponentUpdate(next) {
    return next.blocks !== this.props.blocks;
  }

  render({ blocks }) {
    return html`<div class="text">
      ${blocks.map((block, index) => html`<${Block} key=${index} source=${block} />`)}
    </div>`;
  }
}

class Block extends Component {
  shouldComponentUpdate(next) {
    return next.source !== this.props.source;
  }

  render({ source }) {
    return html`<div class="block" dangerouslySetInnerHTML=${{ __html: source }}></div>`;
  }
}

export class Post extends Component {
  shouldComponentUpdate(next) {
    const { post, replies, waiting, inThread } = this.props;
    return (
      next.post !== post || next.replies !== replies || next.waiting !== waiting || next.inThread !== inThread
    );
  }

  render({ post, replies, waiting, inThread, actions }) {
    const isOpen = !inThread && !post.deleted && post.card === null;
    const open = () => actions.openThread(post.id);
    return html`<article class=${`post kind-${post.kind}`} aria-label=${`${post.name}, ${atClock(post.at)}`}>
      <${Byline} name=${post.name} at=${post.at} note=${noteOf(post, waiting)}>
        ${isOpen && replies === 0 && html`<button type="button" class="link reply" onClick=${open}>Reply in thread</button>`}
      <//>
      ${
        post.deleted
          ? html`<p class="gone">This message was deleted.</p>`
          : html`<${Content} post=${post} waiting=${waiting} actions=${actions} />`
      }
      ${
        !inThread &&
        replies > 0 &&
        html`<button type="button" class="link replies" onClick=${open}>${replies} ${replies === 1 ? 'reply' : 'replies'}</button>`
      }
    </article>`;
  }
}

function noteOf(post, waiting) {
  if (waiting) return 'waiting';
  return post.edited && !post.deleted && post.kind === 'message' ? 'edited' : null;
}

function Content({ post, waiting, actions }) {
  const [editing, setEditing] = useState(false);
  if (editing) {
    return html`<${Editor} text=${post.text} onClose=${() => setEditing(false)} onSave=${(text) => actions.edit(post.id, text)} />`;
  }
  return html`${post.steps.length > 0 && html`<${Steps} steps=${post.steps} />`}
    ${
      post.card === null
        ? html`<${Blocks} blocks=${post.html} />`
        : html`<${Card} card=${post.card} buttons=${post.buttons} onPress=${(token) => actions.press(post, token)} />`
    }
    ${post.files.map((file, index) => html`<${File} key=${index} file=${file} href=${`/api/posts/${post.id}/files/${index}`} />`)}
    ${waiting && html`<${Changes} onEdit=${() => setEditing(true)} onDelete=${() => actions.remove(post.id)} />`}`;
}

function Changes({ onEdit, onDelete }) {
  const [error, setError] = useState(null);
  return html`<div class="changes">
    <button type="button" class="link" onClick=${onEdit}>Edit</button>
    <button type="button" class="link" onClick=${() => onDelete().catch((problem) => setError(problem.message))}>Delete</button>
    ${error !== null && html`<span class="inline-error" role="alert">${error}</span>`}
  </div>`;
}

function Editor({ text, onClose, onSave }) {
  const [value, setValue] = useState(text);
  const area = useFocus();
  const [error, setError] = useState(null);
  async function save(event) {
    event.preventDefault();
    try {
      await onSave(value);
      onClose();
    } catch (problem) {
      setError(problem.message);
    }
  }
  return html`<form class="editor" onSubmit=${save} onKeyDown=${(event) => event.key === 'Escape' && onClose()}>
    <textarea aria-label="Edit your message" rows="3" value=${value} onInput=${(event) => setValue(event.currentTarget.value)} ref=${area}></textarea>
    ${error !== null && html`<p class="inline-error" role="alert">${error}</p>`}
    <div class="buttons">
      <button type="submit" class="primary" disabled=${value.trim() === ''}>Save</button>
      <button type="button" class="plain" onClick=${onClose}>Cancel</button>
    </div>
  </form>`;
}

export function Byline({ name, at, note, children }) {
  return html`<p class="byline">
    <span class="author">${name}</span>
    <time datetime=${new Date(at).toISOString()} title=${exactly(at)}>${atClock(at)}</time>
    ${note !== null && html`<span class="note">${note}</span>`}
    ${children}
  </p>`;
}

/** More than this many lines fold into one. */
const MAX_OPEN_STEPS = 4;

export function Steps({ steps }) {
  const list = html`<ul class="steps">
    ${steps.map(
      ({ title, ok, durationMs }, index) => html`<li key=${index} class=${ok ? 'ok' : 'failed'}>
        ${ok ? check : cross}<span>${withCode(title)} — ${ok ? '' : 'failed after '}${duration(durationMs)}</span>
      </li>`,
    )}
  </ul>`;
  if (steps.length <= MAX_OPEN_STEPS) return list;
  const total = steps.reduce((sum, step) => sum + step.durationMs, 0);
  return html`<details class="steps-fold"><summary>${steps.length} steps — ${duration(total)}</summary>${list}</details>`;
}

function File({ file, href }) {
  return html`<details class="file">
    <summary>${file.name}</summary>
    <pre tabindex="0" role="region" aria-label=${file.name}><code>${file.text}</code></pre>
    <a href=${href} download=${file.name}>Download</a>
  </details>`;
}

/** Text with `code` in it. */
export const withCode = (text) =>
  text.split('`').map((part, index) => (index % 2 === 1 ? html`<code key=${index}>${part}</code>` : part));
