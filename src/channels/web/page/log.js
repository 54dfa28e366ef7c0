/** The messages of one place: keeps to the end while new ones arrive, unless the reader has scrolled away. */
import { Aside } from './aside.js';
import { Blocks, Byline, Post, Steps, withCode } from './post.js';
import { html, useLayoutEffect, useRef } from './preact.js';
import { isWorking, timeline, waitingPosts } from './state.js';
import { dayOf, isSameDay } from './time.js';

/** A reader this near the end, in pixels, wants to follow. */
const NEAR_END = 80;

export function Log({ state, place, replies, actions, empty, earlier }) {
  const box = useRef(null);
  const follows = useRef(true);
  const items = timeline(state, place);
  const waiting = waitingPosts(state, place);
  const hasDraft = items.some((item) => item.type === 'draft');
  const first = items[0];
  const firstId = first?.post?.id;
  const before = useRef({ firstId, height: 0 });

  useLayoutEffect(() => {
    const area = box.current;
    // Earlier messages were put in front: stay with what is being read.
    if (before.current.firstId !== firstId && !follows.current)
      area.scrollTop += area.scrollHeight - before.current.height;
    if (follows.current) area.scrollTop = area.scrollHeight;
    before.current = { firstId, height: area.scrollHeight };
  });

  function onScroll() {
    const area = box.current;
    follows.current = area.scrollHeight - area.scrollTop - area.clientHeight < NEAR_END;
  }

  return html`<div class="log" ref=${box} onScroll=${onScroll} tabindex="0" role="region" aria-label=${place.thread === null ? 'Messages' : 'Messages of the thread'}>
    <div class="log-inner">
      ${earlier !== null && html`<p class="earlier"><button type="button" class="plain" onClick=${earlier}>Show earlier messages</button></p>`}
      ${items.length === 0 && empty}
      ${items.map(
        (item, index) => html`
        ${place.thread === null && (index === 0 || !isSameDay(items[index - 1].at, item.at)) && html`<h3 class="day" key=${`day-${item.at}`}>${dayOf(item.at)}</h3>`}
        ${show(item)}
      `,
      )}
      ${!hasDraft && isWorking(state, place, Date.now()) && html`<p class="working-line">Parley is working…</p>`}
    </div>
  </div>`;

  function show(item) {
    if (item.type === 'aside') {
      return html`<${Aside} key=${item.aside.id} aside=${item.aside} onPress=${(token) => actions.press(item.aside, token)} />`;
    }
    if (item.type === 'unsent') {
      return html`<${Unsent} key=${item.message.clientId} message=${item.message} name=${state.me.name} actions=${actions} />`;
    }
    if (item.type === 'draft') return html`<${Draft} key=${item.draft.id} draft=${item.draft} />`;
    const { post } = item;
    return html`<${Post}
      key=${post.id}
      post=${post}
      replies=${replies.get(post.id) ?? 0}
      waiting=${waiting.has(post.id)}
      inThread=${place.thread !== null}
      actions=${actions}
    />`;
  }
}

function Draft({ draft }) {
  return html`<article class="post kind-answer draft" aria-label="Parley is answering" aria-busy="true">
    <${Byline} name="Parley" at=${draft.at} note=${null} />
    ${draft.steps.length > 0 && html`<${Steps} steps=${draft.steps} />`}
    ${draft.blocks.length > 0 && html`<${Blocks} blocks=${draft.blocks} />`}
    ${
      (draft.status !== null || draft.blocks.length === 0) &&
      html`<p class="working-line">${withCode(draft.status ?? 'Working…')}</p>`
    }
  </article>`;
}

function Unsent({ message, name, actions }) {
  return html`<article class="post kind-message unsent" aria-label="Your message, not sent yet">
    <${Byline} name=${name} at=${message.at} note=${null} />
    <p class="plain">${message.text}</p>
    ${
      message.error === null
        ? html`<p class="note">${message.tries > 0 ? 'Not sent yet. It is sent as soon as Parley can be reached.' : 'Sending…'}</p>`
        : html`<p class="inline-error" role="alert">Not sent. ${message.error}</p>
          <div class="changes">
            <button type="button" class="link" onClick=${() => actions.retry(message.clientId)}>Try again</button>
            <button type="button" class="link" onClick=${() => actions.forget(message.clientId)}>Discard</button>
          </div>`
    }
  </article>`;
}
