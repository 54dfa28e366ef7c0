/** What every suite of the store contract uses: a backend to run on, and the shortest way to a turn. */
import { randomUUID } from 'node:crypto';
import type { EventBody, EventOf } from '../../../src/domain/event.ts';
import type { Memory } from '../../../src/domain/memory.ts';
import type { ConversationRef, InboundMessage, OutboundMessage } from '../../../src/domain/message.ts';
import type { Logger } from '../../../src/domain/runtime.ts';
import { type SessionKey, sessionKey } from '../../../src/domain/session.ts';
import type {
  Accepted,
  ClaimedTurn,
  NewApproval,
  NewDelivery,
  Store,
  Taker,
  TurnWrite,
} from '../../../src/store/store.ts';

/** One fresh database. */
export type Backend = {
  readonly store: Store;
  /** Another store on the same database: a second replica where there can be one, else the same. */
  replica(): Promise<Store>;
  /** Runs SQL past the store, as somebody with a database shell would. */
  raw(sql: string): Promise<unknown>;
  close(): Promise<void>;
};
export type OpenBackend = () => Promise<Backend>;

export const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

export const place = (conversation: string): ConversationRef => ({
  channel: 'web',
  account: 'bot',
  conversation,
});

export const message = (id: string, conversation = 'c', text = 'hello'): InboundMessage => ({
  id,
  at: 1,
  where: place(conversation),
  author: { id: 'web:ana', name: 'Ana', kind: 'person' },
  text,
  direct: false,
  mentionsBot: true,
  attachments: [],
});

export const keyOf = (conversation = 'c') => sessionKey(place(conversation));

export function accept(
  store: Store,
  id: string,
  options: { conversation?: string; text?: string; queueLimit?: number; now?: number; taker?: Taker } = {},
): Promise<Accepted> {
  const { conversation = 'c', text, queueLimit = 1_000, now = 1_000, taker } = options;
  return store.turns.accept({
    message: message(id, conversation, text),
    session: keyOf(conversation),
    profile: 'default',
    workspace: '/work',
    debug: false,
    queueLimit,
    now,
    ...(taker !== undefined && { taker }),
  });
}

export async function acceptedTurn(store: Store, id: string, conversation = 'c') {
  const accepted = await accept(store, id, { conversation });
  if (accepted.outcome !== 'accepted') throw new Error(accepted.outcome);
  return accepted.turn;
}

export const claim = (store: Store, options: { worker?: string; limit?: number; now?: number } = {}) =>
  store.turns.claim({ worker: 'w1', limit: 10, leaseMs: 1_000, now: 2_000, ...options });

export async function claimOne(store: Store, now = 2_000): Promise<ClaimedTurn> {
  const [claimed] = await claim(store, { limit: 1, now });
  if (claimed === undefined) throw new Error('nothing to claim');
  return claimed;
}

export const finished = (answer: string | null = 'done'): EventOf<'turn.finished'> => ({
  type: 'turn.finished',
  reason: 'answered',
  answer,
  errorCode: null,
  detail: null,
});

export const skipped = (index: number): EventBody => ({
  type: 'tool.skipped',
  index,
  callId: `call${index}`,
  tool: 'shell',
  reason: 'test',
});

/** A write at the head of a turn in hand. */
export const writeOf = ({ turn }: ClaimedTurn, more: Partial<TurnWrite> = {}): TurnWrite => ({
  turnId: turn.id,
  expectedSeq: turn.seq,
  fence: turn.fence,
  now: 3_000,
  events: [],
  ...more,
});

export const finish = (store: Store, claimed: ClaimedTurn, more: Partial<TurnWrite> = {}) =>
  store.turns.append(writeOf(claimed, { events: [finished()], status: 'done', answer: 'done', ...more }));

/** All of the output of the first action. */
export const outputOf = async (store: Store, { turn }: ClaimedTurn): Promise<string | undefined> =>
  (await store.outputs.read(turn.id, 1, { start: 0, length: 2 ** 30 }))?.text;

export const approvalOf = (index: number, more: Partial<NewApproval> = {}): NewApproval => ({
  id: randomUUID(),
  index,
  action: { tool: 'shell', args: { command: `rm ${index}` }, workspace: '/work', profile: 'default' },
  digest: 'd',
  risk: 'medium',
  reasons: ['deletes files'],
  alwaysKey: `shell rm ${index}`,
  expiresAt: 100_000,
  terms: { approvers: null, required: 1, secondPerson: false },
  batch: null,
  remindAt: null,
  ...more,
});

/** A turn parked over the given approvals. */
export async function park(store: Store, approvals: readonly NewApproval[], conversation = 'c') {
  await accept(store, randomUUID(), { conversation });
  const claimed = await claimOne(store);
  await parkClaimed(store, claimed, approvals);
  return claimed;
}

export async function parkClaimed(store: Store, claimed: ClaimedTurn, approvals: readonly NewApproval[]) {
  const events: EventBody[] = approvals.map((approval) => ({
    type: 'approval.requested',
    index: approval.index,
    callId: `call${approval.index}`,
    approvalId: approval.id,
    action: { tool: 'shell', args: approval.action.args, workspace: '/work', profile: 'default' },
    digest: approval.digest,
    risk: approval.risk,
    reasons: [...approval.reasons],
    modelReason: null,
    display: { question: 'Run this?', text: 'rm', language: 'sh', title: 'rm' },
    sandbox: null,
    grantable: true,
    expiresAt: approval.expiresAt,
  }));
  events.push({ type: 'turn.waiting', approvalIds: approvals.map((approval) => approval.id) });
  await store.turns.append(writeOf(claimed, { events, status: 'waiting', approvals }));
}

type Range = { readonly limit: number; readonly from?: number; readonly upTo?: number };

/** What was said, without a summary. */
export async function historyOf(store: Store, key: SessionKey, { limit, ...range }: Range) {
  return (await store.sessions.past(key, { turns: limit, ...range, keptFrom: null })).entries;
}

export async function compactionOf(store: Store, key: SessionKey, keptFrom?: number) {
  const range = { turns: 0, ...(keptFrom !== undefined && { keptFrom }) };
  return (await store.sessions.past(key, range)).compaction;
}

export const outbound = (text: string): OutboundMessage => ({ text, kind: 'answer' });

export const delivery = (key: string, lane = 'lane'): NewDelivery => ({
  key,
  turnId: null,
  lane,
  target: { kind: 'send', to: place('c') },
  message: outbound(key),
});

export const editOf = (key: string, of: string, lane = 'lane'): NewDelivery => ({
  ...delivery(key, lane),
  target: { kind: 'edit', of },
});

export const typesOf = (events: readonly { readonly type: string }[]) => events.map((event) => event.type);

/** SQL that makes the database refuse new rows whose column is like this, as one that is damaged or full would. */
export function refusal(dialect: Store['dialect'], table: string, column: string, pattern: string) {
  return dialect === 'sqlite'
    ? {
        begin: `create trigger refused before insert on ${table} when new.${column} like '${pattern}'
          begin select raise(abort, 'refused'); end`,
        end: 'drop trigger refused',
      }
    : {
        begin: `alter table ${table} add constraint refused check (${column} not like '${pattern}')`,
        end: `alter table ${table} drop constraint refused`,
      };
}

/** An entry that speaks of itself, kept for the given owner. */
export const memoryOf = (
  id: string,
  home: Pick<Memory, 'scope' | 'owner' | 'place'>,
  more: Partial<Memory> = {},
): Memory => ({
  id,
  name: `entry-${id}`,
  description: `about ${id}`,
  type: 'fact',
  body: `the body of entry ${id}`,
  ...home,
  importance: 0.5,
  source: null,
  author: 'web:ana',
  createdAt: 1,
  updatedAt: 1,
  ...more,
});
