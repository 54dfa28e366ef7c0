/**
 * Everything the page knows, and how each event changes it (pure). Posts are kept by id with their highest revision,
 * so that an event that arrives twice or late changes nothing.
 */

export const initialState = ({ me, conversations, commands }) => ({
  me,
  commands,
  conversations,
  /** id → post */
  posts: new Map(),
  /** Conversations whose latest posts were read → whether there are earlier ones. */
  loaded: new Map(),
  drafts: new Map(),
  asides: new Map(),
  /** place key → when the sign of life ends */
  typing: new Map(),
  unread: new Set(),
  unsent: [],
  connection: 'connecting',
  place: null,
  listOpen: false,
  error: null,
});

export const placeKey = ({ conversation, thread }) => `${conversation}/${thread ?? ''}`;
const isAt = (place) => (item) => placeKey(item) === placeKey(place);

/** Applies one server event. Returns the new state. */
export function applyEvent(state, event, data, now) {
  switch (event) {
    case 'hello':
      // Drafts follow whole; those that ended while we were away are gone.
      return {
        ...state,
        connection: 'online',
        drafts: new Map(),
        asides: new Map(data.asides.map((aside) => [aside.id, aside])),
      };
    case 'post':
      return withPosts(state, [data], { isNew: true });
    case 'draft':
      return { ...state, drafts: withDraft(state.drafts, data) };
    case 'draft-end':
      return { ...state, drafts: without(state.drafts, data.id) };
    case 'aside':
      return { ...state, asides: new Map(state.asides).set(data.id, data) };
    case 'aside-end':
      return { ...state, asides: without(state.asides, data.id) };
    case 'typing':
      return { ...state, typing: new Map(state.typing).set(placeKey(data), now + data.forMs) };
    case 'conversation':
      return { ...state, conversations: withConversation(state.conversations, data) };
    default:
      return state;
  }
}

/** Adds posts that were read or just happened; the newer revision of each stays. */
export function withPosts(state, incoming, { isNew = false } = {}) {
  const posts = new Map(state.posts);
  let { drafts, conversations, unread, typing } = state;
  for (const post of incoming) {
    const known = posts.get(post.id);
    if (known !== undefined && known.revision >= post.revision) continue;
    posts.set(post.id, post);
    if (post.draft !== null) drafts = without(drafts, post.draft);
    if (!isNew || known !== undefined) continue;
    conversations = conversations.map((one) =>
      one.id === post.conversation ? { ...one, lastPostAt: Math.max(one.lastPostAt, post.at) } : one,
    );
    if (post.conversation !== state.place?.conversation) unread = new Set(unread).add(post.conversation);
    if (post.kind !== 'message') typing = without(typing, placeKey(post));
  }
  return { ...state, posts, drafts, conversations, unread, typing };
}

function withDraft(drafts, data) {
  const blocks = [...(drafts.get(data.id)?.blocks ?? []).slice(0, data.from), ...data.blocks];
  return new Map(drafts).set(data.id, { ...data, blocks });
}

function withConversation(conversations, data) {
  return [data, ...conversations.filter((one) => one.id !== data.id)];
}

function without(map, key) {
  if (!map.has(key)) return map;
  const rest = new Map(map);
  rest.delete(key);
  return rest;
}

/** What a place shows, in order: what was said, what is on its way, what is being written. */
export function timeline(state, place) {
  const here = isAt(place);
  const posts = [...state.posts.values()].filter(here).map((post) => ({ type: 'post', at: post.at, post }));
  const asides = [...state.asides.values()]
    .filter(here)
    .map((aside) => ({ type: 'aside', at: aside.at, aside }));
  const said = [...posts, ...asides].sort((a, b) => a.at - b.at);
  const unsent = state.unsent
    .filter((message) => here(message) && !state.posts.has(message.sentId))
    .map((message) => ({ type: 'unsent', at: message.at, message }));
  const drafts = [...state.drafts.values()]
    .filter(here)
    .map((draft) => ({ type: 'draft', at: draft.at, draft }));
  return [...said, ...unsent, ...drafts];
}

/** Whether Parley is at work in a place. */
export function isWorking(state, place, now) {
  const here = isAt(place);
  return [...state.drafts.values()].some(here) || (state.typing.get(placeKey(place)) ?? 0) > now;
}

/**
 * The ids of own messages nobody has started on: those after the one being answered, or after a card that waits.
 * A guess for showing the buttons; the server decides what an edit does.
 */
export function waitingPosts(state, place) {
  const here = isAt(place);
  const posts = [...state.posts.values()].filter(here).sort((a, b) => a.at - b.at);
  const answered = [...state.drafts.values()]
    .filter(here)
    .map((draft) => state.posts.get(draft.replyTo)?.at ?? draft.at);
  const cards = posts.filter((post) => post.buttons.length > 0).map((post) => post.at);
  const since = Math.min(...answered, ...cards);
  const waiting = posts.filter(
    (post) => post.kind === 'message' && !post.deleted && post.author === state.me.id,
  );
  return new Set(waiting.filter((post) => post.at > since).map((post) => post.id));
}

/** Replies known of each root post. */
export function replyCounts(state, conversation) {
  const counts = new Map();
  for (const post of state.posts.values()) {
    if (post.conversation !== conversation || post.thread === null || post.deleted) continue;
    counts.set(post.thread, (counts.get(post.thread) ?? 0) + 1);
  }
  return counts;
}
