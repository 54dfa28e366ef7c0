/** What only this person sees: a command just given, the answer to it, a side question with its answer. */
import { Buttons, Card } from './card.js';
import { eye } from './icons.js';
import { Blocks } from './post.js';
import { html } from './preact.js';
import { atClock, exactly } from './time.js';

export function Aside({ aside, onPress }) {
  const isSideQuestion = aside.question !== null || aside.kind === 'aside' || aside.command?.name === 'btw';
  const label = isSideQuestion ? 'Aside, only you see this' : 'Only you see this';
  const question =
    aside.question ?? (aside.command === null ? null : commandLine(aside.command, isSideQuestion));
  return html`<article class=${`aside kind-${aside.kind}`} aria-label=${label}>
    <p class="aside-label">${eye}<span>${label}</span><time datetime=${new Date(aside.at).toISOString()} title=${exactly(aside.at)}>${atClock(aside.at)}</time></p>
    ${question !== null && html`<p class="aside-question">${question}</p>`}
    ${aside.html !== null && html`<${Blocks} blocks=${aside.html} />`}
    ${!aside.done && isSideQuestion && html`<p class="working-line">Answering…</p>`}
    ${
      aside.card !== null
        ? html`<${Card} card=${aside.card} buttons=${aside.buttons} onPress=${onPress} />`
        : html`<${Buttons} buttons=${aside.buttons} onPress=${onPress} />`
    }
  </article>`;
}

const commandLine = ({ name, argument }, isSideQuestion) =>
  isSideQuestion && argument !== '' ? argument : `/${name} ${argument}`.trim();
