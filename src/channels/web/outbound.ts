/** Outbound messages as posts of the feed, and posts as the page gets them (pure). */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { NewPost, Post } from '../../domain/feed.ts';
import type { Button, Card, DeliveryKey, OutboundMessage, StepLine } from '../../domain/message.ts';
import { renderMarkdown } from './format.ts';
import type { Place } from './places.ts';

/** What a post of ours holds in the feed. */
const postBody = z.object({
  kind: z.enum(['message', 'answer', 'card', 'notice', 'aside', 'error']),
  text: z.string(),
  card: z
    .object({
      title: z.string(),
      action: z.object({ text: z.string(), language: z.string() }),
      facts: z.array(z.string()),
      why: z.array(z.string()),
      notes: z.array(z.string()).optional(),
      modelReason: z.string().optional(),
      outcome: z.string().optional(),
      settledAt: z.number().optional(),
      expiresAt: z.number().optional(),
    })
    .optional(),
  buttons: z
    .array(z.object({ label: z.string(), token: z.string(), style: z.enum(['primary', 'danger', 'plain']) }))
    .optional(),
  files: z.array(z.object({ name: z.string(), mimeType: z.string(), text: z.string() })).optional(),
  steps: z.array(z.object({ title: z.string(), ok: z.boolean(), durationMs: z.number() })).optional(),
  turnId: z.string().optional(),
  /** The draft it replaces on the page. */
  draft: z.string().optional(),
});
type PostBody = z.output<typeof postBody>;

export type WirePost = Place & {
  readonly id: string;
  readonly revision: number;
  readonly at: number;
  readonly author: string;
  readonly name: string;
  readonly kind: PostBody['kind'];
  readonly deleted: boolean;
  readonly edited: boolean;
  readonly html: readonly string[];
  /** The source of a person's message, for editing it. */
  readonly text: string | null;
  readonly card: Card | null;
  readonly buttons: readonly Button[];
  readonly steps: readonly StepLine[];
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly draft: string | null;
};

export const botAuthor = { id: 'web:parley', name: 'Parley' };

const hash = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);

/** The same key gives the same post, so that a delivery tried again changes nothing. */
export const postIdOf = (key: DeliveryKey): string => `p-${hash('delivery', key)}`;

/** The same for what a page sends: a retry carries the same client id. */
export const messageIdOf = (user: string, clientId: string): string => `m-${hash('message', user, clientId)}`;

export function toPost(
  place: Place,
  message: OutboundMessage,
  key: DeliveryKey,
  now: number,
  draft: { readonly id: string; readonly steps: readonly StepLine[] } | undefined,
): NewPost {
  return {
    id: postIdOf(key),
    conversation: place.conversation,
    thread: place.thread,
    author: botAuthor.id,
    authorName: botAuthor.name,
    createdAt: now,
    body: toBody(draft === undefined ? message : { steps: draft.steps, ...message }, draft?.id),
  };
}

export function toBody(message: OutboundMessage, draft: string | undefined): unknown {
  return draft === undefined ? message : { ...message, draft };
}

function bodyOf(post: Post): PostBody {
  const parsed = postBody.safeParse(post.body);
  return parsed.success
    ? parsed.data
    : { kind: 'error', text: 'This message was written by another version of Parley and cannot be shown.' };
}

/** The turn whose answer it is. */
export function answeredTurnOf(post: Post): string | undefined {
  const { kind, turnId } = bodyOf(post);
  return kind === 'answer' || kind === 'error' ? turnId : undefined;
}

/** What was deleted does not travel any more. */
export const stepsOf = (post: Post): readonly StepLine[] => (post.deleted ? [] : (bodyOf(post).steps ?? []));

export const filesOf = (post: Post): readonly { readonly name: string; readonly text: string }[] =>
  post.deleted ? [] : (bodyOf(post).files ?? []).map(({ name, text }) => ({ name, text }));

export async function toWire(post: Post): Promise<WirePost> {
  const body = bodyOf(post);
  const { deleted } = post;
  return {
    id: post.id,
    conversation: post.conversation,
    thread: post.thread,
    revision: post.revision,
    at: post.createdAt,
    author: post.author,
    name: post.authorName,
    kind: body.kind,
    deleted,
    edited: post.edited,
    html: deleted ? [] : await renderMarkdown(body.text),
    text: deleted || body.kind !== 'message' ? null : body.text,
    card: deleted || body.card === undefined ? null : toCard(body.card),
    buttons: deleted ? [] : (body.buttons ?? []),
    steps: stepsOf(post),
    files: filesOf(post),
    draft: body.draft ?? null,
  };
}

/** Absent and undefined are two things to the compiler, one to a parser. */
function toCard(card: NonNullable<PostBody['card']>): Card {
  const { notes, modelReason, outcome, settledAt, expiresAt, ...rest } = card;
  return {
    ...rest,
    ...(notes === undefined ? {} : { notes }),
    ...(modelReason === undefined ? {} : { modelReason }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(settledAt === undefined ? {} : { settledAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}
