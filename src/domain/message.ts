/**
 * What crosses the border between a chat platform and the gateway, in both directions.
 * Platform SDK types never get past a channel folder; these nouns do.
 */

/** `channel:id`, the id being the platform's immutable one: `slack:U012ABC`, `web:ana`. */
export type UserId = string;

/** A place in a platform. `account` is the bot's own identity there, so two bots never share a session. */
export type ConversationRef = {
  readonly channel: string;
  readonly account: string;
  readonly conversation: string;
  readonly thread?: string;
};

/** Who wrote something. Only a `person` may ever talk, approve or administer. */
export type Author = {
  readonly id: UserId;
  /** Display name: shown, never used to decide anything. */
  readonly name: string;
  readonly kind: 'person' | 'bot' | 'webhook' | 'guest' | 'anonymous';
};

export type Attachment = {
  readonly name: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
  /** Decoded text of a text file, already capped. */
  readonly text?: string;
  /** `data:` URL of an image for a model that can see. */
  readonly imageUrl?: string;
  /** Why the content is missing, in words for the model and the user. */
  readonly error?: string;
};

/** Text the author passed on but did not write: a quote, a reply's target, a forward. Always untrusted data. */
export type Quoted = { readonly from: string; readonly text: string };

/** A command the platform delivered as such (a native slash command), or the router recognized in text. */
export type Command = { readonly name: string; readonly argument: string };

export type InboundMessage = {
  /** The platform's own id of this message, the same on every redelivery. */
  readonly id: string;
  /** Milliseconds since the epoch, by the platform's clock where it gives one. */
  readonly at: number;
  readonly where: ConversationRef;
  readonly author: Author;
  readonly text: string;
  /** A private conversation with the bot. */
  readonly direct: boolean;
  /** The thread is closed to some who read the rest of its conversation. */
  readonly closedThread?: boolean;
  readonly mentionsBot: boolean;
  readonly command?: Command;
  /** Short-lived token that lets the platform deliver a private reply (interaction token). */
  readonly replyToken?: string;
  readonly attachments: readonly Attachment[];
  readonly quoted?: readonly Quoted[];
};

export type MessageEdit = {
  readonly id: string;
  readonly where: ConversationRef;
  readonly author: Author;
  readonly text: string;
};

export type MessageDeletion = {
  readonly id: string;
  readonly where: ConversationRef;
  readonly author: Author;
};

export type ButtonClick = {
  readonly id: string;
  readonly at: number;
  readonly where: ConversationRef;
  readonly author: Author;
  /** Payload of the button, made by `channels/button-token.ts`. */
  readonly token: string;
  /** The message that has the button, where the platform says so. */
  readonly on?: MessageRef;
  readonly replyToken?: string;
};

export type Button = {
  readonly label: string;
  readonly token: string;
  readonly style: 'primary' | 'danger' | 'plain';
};

/** The approval card: our code writes every field but `action.text` and `modelReason`, which are shown as plain text. */
export type Card = {
  readonly title: string;
  /** The exact action, invisible characters already escaped. `language` names the code block. */
  readonly action: { readonly text: string; readonly language: string };
  /** asked by · where · sandbox · expires */
  readonly facts: readonly string[];
  /** Why it asks, in words. */
  readonly why: readonly string[];
  /** Lines of ours beside the action: what else this card has shown, and what became of that. */
  readonly notes?: readonly string[];
  /**
   * The message that it replaces showed another action. While it asks, an edit shows all of this one, or is refused; once
   * it is settled, a file beside it may be of another.
   */
  readonly isRenewed?: true;
  /** The model's own words, untrusted: below everything else and labelled. */
  readonly modelReason?: string;
  /** Set once it is settled; the buttons are gone then. */
  readonly outcome?: string;
  /** When that was, for platforms that render times in the reader's zone. */
  readonly settledAt?: number;
  /** When the request expires, for platforms that render times themselves. */
  readonly expiresAt?: number;
};

export type OutboundFile = { readonly name: string; readonly mimeType: string; readonly text: string };

/** One finished step of work, shown as one folded line. */
export type StepLine = { readonly title: string; readonly ok: boolean; readonly durationMs: number };

export type OutboundMessage = {
  /** Markdown. The fallback of a card for platforms and readers without one. */
  readonly text: string;
  readonly kind: 'answer' | 'card' | 'notice' | 'aside' | 'error';
  readonly buttons?: readonly Button[];
  readonly card?: Card;
  readonly files?: readonly OutboundFile[];
  readonly steps?: readonly StepLine[];
  /** Of an aside: the question it answers, shown dimmed above it; `done` false while it is still being written. */
  readonly aside?: { readonly question: string; readonly done: boolean };
  /** The turn it belongs to, for correlation in the page and the log. */
  readonly turnId?: string;
};

/** A message as the platform knows it after sending: enough to edit it later. */
export type MessageRef = { readonly where: ConversationRef; readonly id: string };
export type EphemeralRef = { readonly delivered: boolean; readonly id?: string };

/** Stable over retries and restarts of one delivery; platforms with a nonce use it to refuse the second copy. */
export type DeliveryKey = string;
