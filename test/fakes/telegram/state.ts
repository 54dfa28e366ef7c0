/** What the fake Telegram knows: people, chats, messages, updates that wait, and everything the bot asked of it. */
import type { Keyboard } from '../../../src/channels/telegram/parts.ts';

export type Person = {
  readonly id: number;
  readonly first_name: string;
  readonly is_bot: boolean;
  readonly username?: string;
};

export type Chat = {
  readonly id: number;
  readonly type: 'private' | 'group' | 'supergroup';
  readonly title?: string;
  readonly first_name?: string;
};

/** A message of the bot as its readers see it. */
export type Shown = {
  readonly chat: number;
  readonly topic: number | undefined;
  readonly id: number;
  html: string;
  /** Without the tags. */
  text: string;
  keyboard: Keyboard | undefined;
  readonly replyTo: number | undefined;
  /** Only this person sees it. */
  readonly receiver: number | undefined;
  readonly file: { readonly name: string; readonly text: string } | undefined;
  deleted: boolean;
  /** Every text it had, oldest first. */
  readonly history: string[];
};

export type Call = {
  readonly method: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly at: number;
};

/** What a test wants to go wrong. */
export type Fault = {
  readonly method: string;
  /** Once unless told. */
  times?: number;
  readonly status?: number;
  readonly description?: string;
  readonly retryAfter?: number;
  /** `before`: nothing was done; `after`: it was done, but the answer is lost. */
  readonly drop?: 'before' | 'after';
};

export type State = {
  readonly bot: Person & { readonly username: string };
  token: string;
  readonly chats: Map<number, Chat>;
  /** Chat → people in it. */
  readonly members: Map<number, Set<number>>;
  /** Chats where the bot is an admin. */
  readonly admin: Set<number>;
  /** People who pressed Start. */
  readonly started: Set<number>;
  readonly shown: Shown[];
  readonly calls: Call[];
  readonly faults: Fault[];
  readonly files: Map<string, { readonly path: string; readonly bytes: Buffer; expired: boolean }>;
  /** Answered or expired presses are no longer in it. */
  readonly queries: Map<string, { readonly from: number; readonly at: number }>;
  readonly answers: { readonly query: string; readonly text: string | undefined; readonly alert: boolean }[];
  /** Ephemeral commands and presses may be answered privately for 15 s. */
  readonly triggers: Map<string, number>;
  updates: { readonly update_id: number; readonly [kind: string]: unknown }[];
  webhook: { url: string; secret: string } | undefined;
  pollers: number;
  nextMessage: number;
  nextUpdate: number;
};

export const createState = (token: string): State => ({
  bot: { id: 4242, first_name: 'Parley', is_bot: true, username: 'parley_test_bot' },
  token,
  chats: new Map(),
  members: new Map(),
  admin: new Set(),
  started: new Set(),
  shown: [],
  calls: [],
  faults: [],
  files: new Map(),
  queries: new Map(),
  answers: [],
  triggers: new Map(),
  updates: [],
  webhook: undefined,
  pollers: 0,
  nextMessage: 100,
  nextUpdate: 5000,
});
