/** Days as they are counted and shown. */

const DAY_MS = 86_400_000;

/** Most that is asked about is of one day, and dates are slow to write. */
let latest = { day: 0, text: '1970-01-01' };

/** Of UTC, such as `2026-01-31`. */
export function dayOf(at: number): string {
  const day = Math.floor(at / DAY_MS);
  if (day !== latest.day) latest = { day, text: new Date(at).toISOString().slice(0, 10) };
  return latest.text;
}
