/** Whether a request comes from Slack (pure): its signature over the raw body, and not from another time. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Slack's own advice; older (or younger) ones may be recordings. */
export const WINDOW_S = 5 * 60;

export type Signed = {
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  readonly body: Buffer;
};

export function isFromSlack({ timestamp, signature, body }: Signed, secret: string, nowMs: number): boolean {
  if (secret === '' || timestamp === undefined || signature === undefined) return false;
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs / 1000 - Number(timestamp)) > WINDOW_S) return false;
  const expected = Buffer.from(
    `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest('hex')}`,
  );
  const given = Buffer.from(signature);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
