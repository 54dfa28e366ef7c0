/** What a Slack workspace remembers, and what a test may look at. */
import type { Block } from './blocks.ts';

export type Member = {
  readonly id: string;
  readonly name: string;
  readonly bot?: boolean;
  readonly guest?: boolean;
  /** Of another workspace. */
  readonly team?: string;
};

export type Posted = {
  readonly channel: string;
  readonly ts: string;
  readonly thread: string | undefined;
  readonly user: string;
  text: string;
  blocks: readonly Block[];
  metadata: { event_type: string; event_payload: Record<string, unknown> } | undefined;
  /** Open stream: its text so far, its tasks. */
  streaming: boolean;
  readonly streamed: {
    text: string;
    tasks: Map<string, Record<string, unknown>>;
    chunks: Record<string, unknown>[];
  };
  deleted: boolean;
  /** Blocks and text after each change. */
  readonly history: { text: string; blocks: readonly Block[] }[];
  readonly unfurls: boolean;
};

/** Shown to one person only. */
export type Shown = {
  readonly channel: string;
  readonly user: string;
  readonly thread: string | undefined;
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly by: 'postEphemeral' | 'response_url';
};

export type View = {
  readonly id: string;
  readonly user: string;
  view: Record<string, unknown>;
  readonly history: Record<string, unknown>[];
};

export type Fault = {
  readonly method: string;
  /** HTTP status; 429 carries `retryAfter`. */
  readonly status?: number;
  readonly retryAfter?: number;
  /** A 200 with `ok: false`. */
  readonly error?: string;
  /** The connection breaks: before the call has its effect, or after. `never`: the effect, and no answer at all. */
  readonly drop?: 'before' | 'after' | 'never';
  /** Calls that pass before. */
  skip?: number;
  /** How often; once when absent. */
  times?: number;
};

export type ApiCall = {
  readonly method: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly at: number;
};

export type State = ReturnType<typeof createState>;

export const TEAM = 'T0TEAM';
export const BOT = { user: 'U0PARLEY', botId: 'B0PARLEY' };
export const TOKENS = {
  bot: 'xoxb-fake-bot-token',
  app: 'xapp-fake-app-token',
  secret: 'fake-signing-secret-0123456789',
};

export function createState() {
  let last = Math.floor(Date.now() / 1000);
  let count = 0;
  const members = new Map<string, Member>();
  return {
    members,
    /** Channel → people in it; the bot is one of them when it was invited. */
    channels: new Map<string, Set<string>>(),
    messages: [] as Posted[],
    ephemerals: [] as Shown[],
    views: new Map<string, View>(),
    /** Trigger → who, until when. */
    triggers: new Map<string, { user: string; until: number }>(),
    responseUrls: new Map<string, { user: string; channel: string; uses: number }>(),
    files: new Map<
      string,
      { name: string; content: Buffer; channel?: string; thread?: string | undefined }
    >(),
    downloads: new Map<string, { body: Buffer; type: string; delayMs: number }>(),
    calls: [] as ApiCall[],
    faults: [] as Fault[],
    /** Methods this workspace's plan lacks. */
    missing: new Set<string>(),
    revoked: false,
    now: () => Date.now(),
    // A second for each message, and never behind the time of day, by which messages are asked for.
    ts: (): string => {
      last = Math.max(last + 1, Math.floor(Date.now() / 1_000));
      return `${last}.${String(++count).padStart(6, '0')}`;
    },
    id: (prefix: string): string => `${prefix}${String(++count).padStart(6, '0')}`,
  };
}

export const isDirect = (channel: string): boolean => channel.startsWith('D');
