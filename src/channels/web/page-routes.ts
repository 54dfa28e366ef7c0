/** Signing in and out, and the document at `/`. */
import type { Logger } from '../../domain/runtime.ts';
import type { HttpHost, HttpRequest, HttpResponse } from '../adapter.ts';
import type { SignInSource } from './api.ts';
import type { State } from './conversation-routes.ts';
import { bouncePage, shellPage, signInPage } from './shell.ts';
import type { Person, SignIn } from './sign-in.ts';

const html = (status: number, body: string, headers: Record<string, string> = {}): HttpResponse => ({
  status,
  body,
  headers: { 'content-type': 'text/html; charset=utf-8', ...headers },
});

export function addPageRoutes(deps: {
  http: HttpHost;
  signIn: SignInSource;
  log: Logger;
  stateOf: (person: Person) => Promise<State>;
}): void {
  const { http, log, stateOf } = deps;

  function exchange(signIn: SignIn, request: HttpRequest, token: string): HttpResponse {
    const person = signIn.exchange(token.trim());
    if (person === 'limited') {
      log.warn({}, 'too many wrong sign-in tokens; refusing for a minute');
      return html(429, signInPage('Too many wrong tokens. Wait a minute and try again.'), {
        'retry-after': '60',
      });
    }
    if (person === 'wrong') {
      // A one-time address opened again by the person it signed in.
      if (signIn.person(request.headers.cookie) !== undefined)
        return { status: 303, headers: { location: '/' } };
      return html(
        403,
        signInPage(
          'That token is not valid. A printed address works once; restart Parley for a new one, or ask for your token.',
        ),
      );
    }
    log.info({ user: person.id }, 'signed in');
    return { status: 303, headers: { location: '/', 'set-cookie': signIn.cookieFor(person) } };
  }

  const starting = html(503, bouncePage('Parley is starting.'), { 'retry-after': '1' });

  http.route('GET', '/', async (request) => {
    const signIn = deps.signIn();
    if (signIn === undefined) return starting;
    if (request.query.token !== undefined) return exchange(signIn, request, request.query.token);
    const person = signIn.person(request.headers.cookie);
    if (person !== undefined) return html(200, shellPage(await stateOf(person)));
    // A visit by a link of another site comes without the cookie; one from our own page brings it.
    const isForeign = request.headers['sec-fetch-site'] === 'cross-site';
    return html(200, isForeign ? bouncePage('Opening Parley.') : signInPage(null));
  });

  http.route('POST', '/sign-in', async (request) => {
    const signIn = deps.signIn();
    if (signIn === undefined) return starting;
    return exchange(signIn, request, new URLSearchParams(request.body.toString('utf8')).get('token') ?? '');
  });

  http.route('POST', '/sign-out', async () => ({
    status: 303,
    headers: { location: '/', 'set-cookie': deps.signIn()?.endCookie ?? '' },
  }));
}
