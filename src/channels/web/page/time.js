/** Times as people say them, in their own zone. */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

export const atClock = (at) => clock.format(at);
/** The day too, when it is not today's. */
export const atClockOrDay = (at) =>
  isSameDay(at, Date.now()) ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`;
export const exactly = (at) => exact.format(at);
export const dayOf = (at) => day.format(at);
export const isSameDay = (left, right) => new Date(left).toDateString() === new Date(right).toDateString();

/** 80 ms, 1.2 s, 3 min 5 s */
export function duration(ms) {
  if (ms < 100) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
