/** Calls to the server. A refusal is an `ApiError` with words for the person; anything else means "try again". */

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** Sending the same again cannot help. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && this.status !== 429 && this.status !== 408;
  }
}

async function call(path, init) {
  const response = await fetch(path, { credentials: 'same-origin', ...init });
  if (response.status === 401) {
    // The session ended: the sign-in page says what to do.
    location.assign('/');
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok)
    throw new ApiError(response.status, body.error?.message ?? `The server answered ${response.status}.`);
  return body;
}

export const get = (path) => call(path, {});

export const post = (path, value = {}) =>
  call(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  });

/** Identifies one action over its retries. */
export const newClientId = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
};
