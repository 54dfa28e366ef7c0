/** The two HTML documents (pure): the sign-in page, and the shell the page's script fills. */

import { moduleUrls, styleUrls } from './assets.ts';
import type { State } from './conversation-routes.ts';
import { escapeHtml } from './format.ts';

// The referrer policy is for our own forms: under the header's "no-referrer" they would come without an Origin.
const head = (title: string, extra: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="referrer" content="same-origin">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
${styleUrls.map((url) => `<link rel="stylesheet" href="${url}">`).join('\n')}
${extra}</head>`;

export function signInPage(error: string | null): string {
  const message =
    error === null ? '' : `<p id="error" class="sign-in-error" role="alert">${escapeHtml(error)}</p>`;
  return `${head('Sign in to Parley', '')}
<body class="sign-in">
<main>
<h1>Sign in to Parley</h1>
<p>Your token comes from whoever runs this Parley. At the first start it is part of the address printed in the terminal.</p>
<form method="post" action="/sign-in">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus${error === null ? '' : ' aria-describedby="error" aria-invalid="true"'}>
${message}
<button type="submit" class="primary">Sign in</button>
</form>
</main>
</body>
</html>
`;
}

/** Comes back by itself in a second. */
export function bouncePage(text: string): string {
  return `${head('Parley', '<meta http-equiv="refresh" content="1;url=/">\n')}
<body class="sign-in"><main><p>${text} <a href="/">Go on</a></p></main></body>
</html>
`;
}

export function shellPage(state: State): string {
  // `<` is the one character that could end the element early.
  const data = JSON.stringify(state).replaceAll('<', '\\u003c');
  const modules = moduleUrls.map((url) => `<link rel="modulepreload" href="${url}">`).join('\n');
  return `${head('Parley', `${modules}\n<script type="module" src="/assets/app.js"></script>\n`)}
<body>
<div id="app" class="app"><noscript><p class="empty">Parley's chat needs JavaScript. Please turn it on for this address.</p></noscript></div>
<div id="say" class="unseen" aria-live="polite"></div>
<div id="say-now" class="unseen" role="alert"></div>
<script type="application/json" id="state">${data}</script>
</body>
</html>
`;
}
