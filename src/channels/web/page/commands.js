/** The list of commands over the composer: what matches, which one is chosen (a text field with a listbox; a `textarea` may not be a combobox). */
import { html, useEffect } from './preact.js';

/** Those whose name begins as typed, while the name is being typed; none otherwise. */
export function matchingCommands(commands, text) {
  const typed = /^\/([\w-]*)$/.exec(text);
  if (typed === null) return [];
  return commands.filter(({ name }) => name.startsWith(typed[1].toLowerCase()));
}

export function CommandList({ id, matches, selected, onPick }) {
  useEffect(() => {
    document.getElementById(`${id}-${selected}`)?.scrollIntoView({ block: 'nearest' });
  }, [selected]);
  return html`<ul class="commands" role="listbox" tabindex="0" id=${id} aria-label="Commands">
    ${matches.map(
      ({ name, argument, about }, index) => html`<li
        key=${name}
        id=${`${id}-${index}`}
        role="option"
        aria-selected=${index === selected ? 'true' : 'false'}
        onMouseDown=${(event) => {
          event.preventDefault();
          onPick(index);
        }}
      >
        <span class="command-name">/${name} <span class="command-argument">${argument}</span></span>
        <span class="command-about">${about}</span>
      </li>`,
    )}
  </ul>`;
}
