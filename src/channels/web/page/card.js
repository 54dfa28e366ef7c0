/** An approval card: what exactly, on what terms, why it asks; then the buttons, or what became of it. */
import { check, cross, lock } from './icons.js';
import { html, useState } from './preact.js';
import { atClock, atClockOrDay } from './time.js';

export function Card({ card, buttons, onPress }) {
  const facts =
    card.outcome === undefined && card.expiresAt !== undefined
      ? [...card.facts, `expires ${atClockOrDay(card.expiresAt)}`]
      : card.facts;
  return html`<section class=${`approval ${card.outcome === undefined ? '' : 'settled'}`} aria-label=${`Approval: ${card.title}`}>
    <h3 class="approval-title">${lock}<span>${card.title}</span></h3>
    <pre class="approval-action" tabindex="0" role="region" aria-label="The exact action"><code>${card.action.text}</code></pre>
    <p class="approval-facts">${facts.join(' · ')}</p>
    ${card.why.length > 0 && html`<p class="approval-why"><span class="label">Why it asks:</span> ${card.why.join('; ')}.</p>`}
    ${
      card.notes !== undefined &&
      html`<ul class="approval-notes">${card.notes.map((note) => html`<li>${note}</li>`)}</ul>`
    }
    ${
      card.modelReason !== undefined &&
      html`<p class="approval-reason">The model's reason: ${card.modelReason}</p>`
    }
    ${card.outcome !== undefined && html`<p class="approval-outcome"><${Outcome} card=${card} /></p>`}
    <${Buttons} buttons=${buttons} onPress=${onPress} />
  </section>`;
}

function Outcome({ card }) {
  const isYes = !/\b(denied|dismissed|expired|cancelled|not run)\b/i.test(card.outcome);
  const when = card.settledAt === undefined ? '' : ` · ${atClock(card.settledAt)}`;
  return html`${isYes ? check : cross}<span>${card.outcome}${when}</span>`;
}

/** The second of a double click was meant for what stood there before: the card may have come to ask something else. */
const isMeant = (event) => event.detail < 2;

/** Pressing one holds them all until the answer: a second press is never a second decision. */
export function Buttons({ buttons, onPress }) {
  const [pressed, setPressed] = useState(null);
  const [error, setError] = useState(null);
  if (buttons.length === 0) return null;
  // A card that is edited to the next request has other buttons.
  const isHeld = buttons.some(({ token }) => token === pressed);

  async function press(token) {
    setPressed(token);
    setError(null);
    try {
      await onPress(token);
    } catch (problem) {
      setError(problem.message);
      setPressed(null);
    }
  }

  return html`<div class="buttons">
      ${buttons.map(
        ({ label, token, style }) => html`<button
          key=${token}
          type="button"
          class=${style}
          disabled=${isHeld}
          aria-busy=${pressed === token ? 'true' : 'false'}
          onClick=${(event) => isMeant(event) && press(token)}
        >
          ${label}
        </button>`,
      )}
    </div>
    ${error !== null && html`<p class="inline-error" role="alert">${error} Press again to retry.</p>`}`;
}
