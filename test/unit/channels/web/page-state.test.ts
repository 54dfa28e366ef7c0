import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

// The page's modules are plain JavaScript, as the browser gets them.
const page = await import(new URL('../../../../src/channels/web/page/state.js', import.meta.url).href);

type Post = { id: string; revision: number; at: number; draft: string | null };
const start = () =>
  page.initialState({
    me: { id: 'web:ana', name: 'ana' },
    conversations: [{ id: 'c', title: 'C', lastPostAt: 0, shared: true }],
    commands: [],
  });
const post = (id: string, revision: number, change: object = {}) => ({
  id,
  revision,
  at: revision,
  conversation: 'c',
  thread: null,
  author: 'web:ana',
  kind: 'message',
  deleted: false,
  draft: null,
  buttons: [],
  ...change,
});
const place = { conversation: 'c', thread: null };

describe('what the page knows', () => {
  it('is the same in whatever order events arrive, and however often', () => {
    const events = fc.array(
      fc.record({ id: fc.constantFrom('a', 'b', 'c'), revision: fc.integer({ min: 1, max: 9 }) }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(events, (list) => {
        const state = list.reduce(
          (now, { id, revision }) => page.applyEvent(now, 'post', post(id, revision), 0),
          start(),
        );
        for (const known of state.posts.values() as Iterable<Post>) {
          const newest = Math.max(
            ...list.filter(({ id }) => id === known.id).map(({ revision }) => revision),
          );
          expect(known.revision).toBe(newest);
        }
      }),
    );
  });

  it('has a draft or its post, never both or neither', () => {
    const draft = {
      id: 'd',
      conversation: 'c',
      thread: null,
      at: 1,
      replyTo: null,
      from: 0,
      blocks: ['a', 'b'],
      steps: [],
      status: null,
    };
    let state = page.applyEvent(start(), 'draft', draft, 0);
    state = page.applyEvent(state, 'draft', { ...draft, from: 1, blocks: ['B', 'c'] }, 0);
    expect(page.timeline(state, place)).toMatchObject([
      { type: 'draft', draft: { blocks: ['a', 'B', 'c'] } },
    ]);
    state = page.applyEvent(state, 'post', post('p', 2, { draft: 'd', kind: 'answer' }), 0);
    expect(page.timeline(state, place)).toMatchObject([{ type: 'post' }]);
  });

  it('forgets drafts that ended while the connection was lost', () => {
    let state = page.applyEvent(
      start(),
      'draft',
      { id: 'd', conversation: 'c', thread: null, from: 0, blocks: [] },
      0,
    );
    state = page.applyEvent(state, 'hello', { asides: [] }, 0);
    expect(page.isWorking(state, place, 0)).toBe(false);
    expect(state.connection).toBe('online');
  });

  it('offers to change only own messages after the one being answered', () => {
    let state = page.withPosts(start(), [
      post('first', 1),
      post('second', 2),
      post('other', 3, { author: 'web:ben' }),
    ]);
    expect(page.waitingPosts(state, place)).toEqual(new Set());
    state = page.applyEvent(
      state,
      'draft',
      { id: 'd', conversation: 'c', thread: null, replyTo: 'first', from: 0, blocks: [] },
      0,
    );
    expect(page.waitingPosts(state, place)).toEqual(new Set(['second']));
  });

  it('marks what is new elsewhere', () => {
    const state = { ...start(), place: { conversation: 'elsewhere', thread: null } };
    expect(page.applyEvent(state, 'post', post('p', 1), 0).unread).toEqual(new Set(['c']));
    expect(page.withPosts(state, [post('p', 1)]).unread).toEqual(new Set());
  });
});
