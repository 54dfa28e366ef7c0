/** Where people write: grows with the text, Enter sends, Shift+Enter breaks, `/` lists the commands. */
import { CommandList, matchingCommands } from './commands.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from './preact.js';

/** The server refuses more; saying so before sending keeps the text here. */
const MAX_BYTES = 256 * 1024;

/** What was being written in each place, so that looking elsewhere does not lose it. */
const kept = new Map();

export function Composer({ id, placeId, label, commands, working, onSend, onStop, autoFocus }) {
  const [text, setText] = useState(kept.get(placeId) ?? '');
  const [selected, setSelected] = useState(0);
  const [dismissed, setDismissed] = useState(false);
  const box = useRef(null);
  const matches = dismissed ? [] : matchingCommands(commands, text);
  const listId = `${id}-commands`;
  const tooLong = text.length > MAX_BYTES / 4 && new TextEncoder().encode(text).length > MAX_BYTES;

  useEffect(() => {
    if (autoFocus) box.current?.focus();
  }, [placeId]);

  useLayoutEffect(() => {
    kept.set(placeId, text);
    const area = box.current;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight + 2}px`;
  }, [text, placeId]);

  function change(value) {
    setText(value);
    setSelected(0);
    setDismissed(false);
  }

  function pick(index) {
    change(`/${matches[index].name} `);
    box.current.focus();
  }

  function send() {
    if (text.trim() === '' || tooLong) return;
    onSend(text.trim());
    change('');
    box.current.focus();
  }

  function onKeyDown(event) {
    // Enter that ends an input method's word is not ours.
    if (event.isComposing) return;
    if (matches.length > 0) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step !== undefined) {
        event.preventDefault();
        setSelected((selected + step + matches.length) % matches.length);
        return;
      }
      const isWhole = matches.length === 1 && text === `/${matches[0].name}`;
      if (event.key === 'Tab' || (event.key === 'Enter' && !isWhole)) {
        event.preventDefault();
        pick(selected);
        return;
      }
      if (event.key === 'Escape') {
        event.stopPropagation();
        setDismissed(true);
        return;
      }
    }
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  }

  return html`<form
    class="composer"
    onSubmit=${(event) => {
      event.preventDefault();
      send();
    }}
  >
    ${matches.length > 0 && html`<${CommandList} id=${listId} matches=${matches} selected=${selected} onPick=${pick} />`}
    ${tooLong && html`<p class="composer-error" role="alert">This is over 256 KB. Shorten it to send it.</p>`}
    <div class="composer-box">
      <textarea
        ref=${box}
        id=${id}
        rows="1"
        aria-label=${label}
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls=${matches.length > 0 ? listId : undefined}
        aria-activedescendant=${matches.length > 0 ? `${listId}-${selected}` : undefined}
        placeholder=${label}
        value=${text}
        onInput=${(event) => change(event.currentTarget.value)}
        onKeyDown=${onKeyDown}
      ></textarea>
      ${working && html`<button type="button" class="stop" onClick=${onStop}>Stop</button>`}
      ${
        (!working || text.trim() !== '') &&
        html`<button type="submit" class="primary" disabled=${text.trim() === '' || tooLong}>Send</button>`
      }
    </div>
    <p class="composer-hint">Enter sends, Shift+Enter starts a new line, / lists commands</p>
  </form>`;
}
