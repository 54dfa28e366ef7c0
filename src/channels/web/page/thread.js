/** A thread beside its conversation: the message it began with, the replies, a composer of its own. */
import { Composer } from './composer.js';
import { close } from './icons.js';
import { Log } from './log.js';
import { Post } from './post.js';
import { html } from './preact.js';
import { isWorking, placeKey } from './state.js';

const none = new Map();

export function Thread({ state, place, actions, onClose }) {
  const root = state.posts.get(place.thread);
  return html`<section class="thread" aria-label="Thread" onKeyDown=${(event) => event.key === 'Escape' && onClose()}>
    <header class="bar">
      <h2 class="bar-title">Thread</h2>
      <button type="button" class="plain small" onClick=${onClose}>${close}<span>Close thread</span></button>
    </header>
    ${
      root !== undefined &&
      html`<div class="thread-root">
      <${Post} post=${root} replies=${0} waiting=${false} inThread=${true} actions=${actions} />
    </div>`
    }
    <${Log}
      key=${placeKey(place)}
      state=${state}
      place=${place}
      replies=${none}
      actions=${actions}
      earlier=${null}
      empty=${html`<p class="empty">No replies yet. A thread has a history of its own: what is said here stays here.</p>`}
    />
    <${Composer}
      id="thread-composer"
      key=${placeKey(place)}
      placeId=${placeKey(place)}
      label="Reply in this thread"
      commands=${state.commands}
      working=${isWorking(state, place, Date.now())}
      onSend=${(text) => actions.send(place, text)}
      onStop=${() => actions.stop(place)}
      autoFocus=${true}
    />
  </section>`;
}
