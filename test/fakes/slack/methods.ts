/** The Web API methods, as strict as Slack about who may do what, and with what. */
import { type Block, checkBlocks, checkMessageText, checkView, Refusal } from './blocks.ts';
import { BOT, isDirect, type Posted, type State, TEAM } from './state.ts';

export type Args = Readonly<Record<string, unknown>>;
type Method = (state: State, args: Args, url: string) => Record<string, unknown>;

const STREAM_CHUNK = 12_000;
const MAX_TEXT = 40_000;

const text = (args: Args, name: string): string => {
  const value = args[name];
  return typeof value === 'string' ? value : '';
};
const optional = (args: Args, name: string): string | undefined => text(args, name) || undefined;

/** Form fields that hold JSON. */
export function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

const blocksOf = (args: Args): Block[] => (Array.isArray(args.blocks) ? (args.blocks as Block[]) : []);

function requireChannel(state: State, channel: string): void {
  const members = state.channels.get(channel);
  if (members === undefined) throw new Refusal('channel_not_found');
  if (!members.has(BOT.user)) throw new Refusal('not_in_channel');
}

function find(state: State, args: Args): Posted {
  const found = state.messages.find(
    (message) => message.channel === args.channel && message.ts === args.ts && !message.deleted,
  );
  if (found === undefined) throw new Refusal('message_not_found');
  if (found.user !== BOT.user) throw new Refusal('cant_update_message');
  return found;
}

function post(state: State, args: Args, streaming: boolean): Posted {
  const message: Posted = {
    channel: text(args, 'channel'),
    ts: state.ts(),
    thread: optional(args, 'thread_ts'),
    user: BOT.user,
    text: text(args, 'text'),
    blocks: blocksOf(args),
    metadata: args.metadata as Posted['metadata'],
    streaming,
    streamed: { text: '', tasks: new Map(), chunks: [] },
    deleted: false,
    history: [],
    unfurls: String(args.unfurl_links) !== 'false' || String(args.unfurl_media) !== 'false',
  };
  state.messages.push(message);
  return message;
}

function checkContent(args: Args): void {
  if (text(args, 'text').length > MAX_TEXT) throw new Refusal('msg_too_long');
  if (text(args, 'text') === '' && blocksOf(args).length === 0) throw new Refusal('no_text');
  checkMessageText(text(args, 'text'));
  checkBlocks(blocksOf(args));
}

function addToStream(message: Posted, args: Args): void {
  const chunks = Array.isArray(args.chunks) ? (args.chunks as Record<string, unknown>[]) : [];
  const plain = text(args, 'markdown_text');
  const all = [
    plain,
    ...chunks.filter((chunk) => chunk.type === 'markdown_text').map((chunk) => String(chunk.text)),
  ].join('');
  if (all.length > STREAM_CHUNK) throw new Refusal('msg_too_long');
  for (const chunk of chunks) {
    if (!['markdown_text', 'task_update', 'plan_update', 'blocks'].includes(String(chunk.type)))
      throw new Refusal('invalid_chunks');
    if (chunk.type === 'task_update') message.streamed.tasks.set(String(chunk.id), chunk);
    if (chunk.type === 'blocks') checkBlocks(chunk.blocks as Block[]);
    message.streamed.chunks.push(chunk);
  }
  message.streamed.text += all;
  if (message.streamed.text.length > STREAM_CHUNK) throw new Refusal('msg_too_long');
}

function streamOf(state: State, args: Args): Posted {
  const message = find(state, args);
  if (!message.streaming) throw new Refusal('message_not_in_streaming_state');
  return message;
}

const asWire = (message: Posted, withMetadata: boolean) => ({
  type: 'message',
  ts: message.ts,
  user: message.user,
  text: message.text,
  ...(message.thread === undefined ? {} : { thread_ts: message.thread }),
  ...(withMetadata && message.metadata !== undefined ? { metadata: message.metadata } : {}),
});

/** Messages after `oldest` (and the one a thread began with), a page at a time. */
function pageOf(state: State, args: Args, all: readonly Posted[]): Record<string, unknown> {
  requireChannel(state, text(args, 'channel'));
  const oldest = Number(args.oldest ?? 0);
  const found = all.filter((one) => !one.deleted && (Number(one.ts) > oldest || one.ts === args.ts));
  const from = Number(args.cursor ?? 0);
  const end = from + Number(args.limit ?? 100);
  const repliesTo = (ts: string) =>
    state.messages.filter((one) => one.channel === args.channel && one.thread === ts && !one.deleted);
  return {
    messages: found.slice(from, end).map((message) => {
      const last = repliesTo(message.ts).at(-1);
      const thread = last === undefined ? {} : { thread_ts: message.ts, latest_reply: last.ts };
      return { ...thread, ...asWire(message, String(args.include_all_metadata) === 'true') };
    }),
    response_metadata: { next_cursor: end < found.length ? String(end) : '' },
  };
}

export const methods: Readonly<Record<string, Method>> = {
  'auth.test': () => ({
    url: 'https://team.slack.com/',
    team: 'Team',
    user: 'parley',
    team_id: TEAM,
    user_id: BOT.user,
    bot_id: BOT.botId,
  }),
  'apps.connections.open': (_state, _args, url) => ({ url: `${url.replace('http:', 'ws:')}/socket` }),
  'users.info'(state, args) {
    const member = state.members.get(text(args, 'user'));
    if (member === undefined) throw new Refusal('user_not_found');
    const profile = { display_name: member.name, real_name: member.name };
    return {
      user: {
        id: member.id,
        name: member.name,
        team_id: member.team ?? TEAM,
        is_bot: member.bot === true,
        is_restricted: member.guest === true,
        profile,
      },
    };
  },
  'users.conversations': (state, args) => ({
    channels: [...state.channels]
      .filter(([id, people]) => !isDirect(id) && people.has(text(args, 'user')))
      .map(([id]) => ({ id })),
  }),
  'chat.postMessage'(state, args) {
    requireChannel(state, text(args, 'channel'));
    checkContent(args);
    const message = post(state, args, false);
    return { channel: message.channel, ts: message.ts };
  },
  'chat.update'(state, args) {
    const message = find(state, args);
    if (message.streaming) throw new Refusal('streaming_state_conflict');
    checkContent(args);
    message.history.push({ text: message.text, blocks: message.blocks });
    message.text = text(args, 'text');
    message.blocks = blocksOf(args);
    if (args.metadata !== undefined) message.metadata = args.metadata as Posted['metadata'];
    return { channel: message.channel, ts: message.ts };
  },
  'chat.delete'(state, args) {
    find(state, args).deleted = true;
    return {};
  },
  'chat.postEphemeral'(state, args) {
    const channel = text(args, 'channel');
    requireChannel(state, channel);
    const user = text(args, 'user');
    if (state.channels.get(channel)?.has(user) !== true) throw new Refusal('user_not_in_channel');
    checkContent(args);
    state.ephemerals.push({
      channel,
      user,
      thread: optional(args, 'thread_ts'),
      text: text(args, 'text'),
      blocks: blocksOf(args),
      by: 'postEphemeral',
    });
    return { message_ts: state.ts() };
  },
  'chat.startStream'(state, args) {
    const channel = text(args, 'channel');
    requireChannel(state, channel);
    if (optional(args, 'thread_ts') === undefined) throw new Refusal('invalid_thread_ts');
    const recipient =
      optional(args, 'recipient_user_id') !== undefined && optional(args, 'recipient_team_id') !== undefined;
    if (!isDirect(channel) && !recipient) throw new Refusal('missing_recipient');
    const message = post(state, args, true);
    addToStream(message, args);
    return { channel, ts: message.ts };
  },
  'chat.appendStream'(state, args) {
    if (args.markdown_text === undefined && args.chunks === undefined) throw new Refusal('invalid_arguments');
    const message = streamOf(state, args);
    addToStream(message, args);
    return { channel: message.channel, ts: message.ts };
  },
  'chat.stopStream'(state, args) {
    const message = streamOf(state, args);
    addToStream(message, args);
    message.streaming = false;
    message.text = message.streamed.text;
    return { channel: message.channel, ts: message.ts };
  },
  'conversations.open'(state, args) {
    const user = text(args, 'users');
    if (!state.members.has(user)) throw new Refusal('user_not_found');
    const channel = `D${user.slice(1)}`;
    state.channels.set(channel, new Set([user, BOT.user]));
    return { channel: { id: channel } };
  },
  'conversations.history': (state, args) =>
    pageOf(
      state,
      args,
      state.messages
        .filter((message) => message.channel === args.channel && message.thread === undefined)
        .toReversed(),
    ),
  'conversations.replies': (state, args) =>
    pageOf(
      state,
      args,
      state.messages.filter(
        (message) =>
          message.channel === args.channel && (message.thread === args.ts || message.ts === args.ts),
      ),
    ),
  'views.open'(state, args) {
    const trigger = state.triggers.get(text(args, 'trigger_id'));
    state.triggers.delete(text(args, 'trigger_id'));
    if (trigger === undefined || trigger.until < state.now()) throw new Refusal('expired_trigger_id');
    const view = checkView(args.view);
    const id = state.id('V');
    state.views.set(id, { id, user: trigger.user, view, history: [] });
    return { view: { ...view, id } };
  },
  'views.update'(state, args) {
    const found = state.views.get(text(args, 'view_id'));
    if (found === undefined) throw new Refusal('not_found');
    found.history.push(found.view);
    found.view = checkView(args.view);
    return { view: { ...found.view, id: found.id } };
  },
  'files.getUploadURLExternal'(state, args, url) {
    const id = state.id('F');
    state.files.set(id, { name: text(args, 'filename'), content: Buffer.alloc(0) });
    return { upload_url: `${url}/upload/${id}`, file_id: id };
  },
  'files.completeUploadExternal'(state, args) {
    const files = args.files as { id: string }[];
    for (const { id } of files) {
      const file = state.files.get(id);
      if (file === undefined) throw new Refusal('file_not_found');
      state.files.set(id, {
        ...file,
        channel: text(args, 'channel_id'),
        thread: optional(args, 'thread_ts'),
      });
    }
    return { files };
  },
  'assistant.threads.setStatus': (state, args) => {
    requireChannel(state, text(args, 'channel_id'));
    if (optional(args, 'thread_ts') === undefined) throw new Refusal('invalid_thread_ts');
    return {};
  },
  'agents.sessions.setStatus': (state, args) => {
    requireChannel(state, text(args, 'channel_id'));
    if (!['active', 'processing', 'suspended', 'closed'].includes(text(args, 'status')))
      throw new Refusal('invalid_arguments');
    return {};
  },
};
