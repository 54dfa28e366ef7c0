/** The few pictures of the page; each stands beside words, so readers skip them. */
import { html } from './preact.js';

const icon = (
  path,
) => html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
  <path d=${path} fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />
</svg>`;

export const eye = icon(
  'M1.5 8s2.4-4.5 6.5-4.5S14.5 8 14.5 8 12.1 12.5 8 12.5 1.5 8 1.5 8z M8 9.9a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8z',
);
export const menu = icon('M2.5 4h11 M2.5 8h11 M2.5 12h11');
export const close = icon('M3.5 3.5l9 9 M12.5 3.5l-9 9');
export const plus = icon('M8 3v10 M3 8h10');
export const check = icon('M3 8.5l3.2 3.2L13 4.8');
export const cross = icon('M4 4l8 8 M12 4l-8 8');
export const lock = icon('M4 7.5h8v6H4z M5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5');
export const people = icon(
  'M6 7.5a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z M1.8 13c.3-2.3 2-3.6 4.2-3.6s3.900 1.300 4.200 3.600 M10.800 3.400a2.100 2.100 0 0 1 0 4 M12 9.600c1.300.5 2 1.700 2.200 3.400',
);
