/** What people do in Slack, and the payloads that come of it. */
import type { Block } from './blocks.ts';
import type { Answer, Delivery } from './delivery.ts';
import { BOT, isDirect, type Member, type Posted, type State, TEAM } from './state.ts';

export type Say = {
  readonly channel: string;
  readonly from: Member;
  readonly text: string;
  readonly thread?: string;
  readonly files?: readonly Record<string, unknown>[];
  readonly attachments?: readonly Record<string, unknown>[];
  /** Fields of the event itself, to make it odd. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Slack has given up on bringing it. */
  readonly unheard?: boolean;
};

export type Said = { readonly ts: string; readonly taken: Promise<readonly Answer[]> };

export type People = ReturnType<typeof createPeople>;

export const MENTION = `<@${BOT.user}>`;
const TRIGGER_MS = 3_000;

export function createPeople(state: State, delivery: Delivery, url: () => string) {
  const event = (inner: Record<string, unknown>, id = state.id('Ev')) => ({
    type: 'event_callback',
    team_id: TEAM,
    api_app_id: 'A0FAKE',
    event_id: id,
    event_time: Math.floor(Date.now() / 1000),
    event: inner,
  });

  function trigger(user: string): string {
    const id = state.id('trigger.');
    state.triggers.set(id, { user, until: state.now() + TRIGGER_MS });
    return id;
  }

  function responseUrl(user: string, channel: string): string {
    const id = state.id('R');
    state.responseUrls.set(id, { user, channel, uses: 0 });
    return `${url()}/respond/${id}`;
  }

  const userOf = (member: Member) => ({
    id: member.id,
    name: member.name,
    username: member.name,
    team_id: member.team ?? TEAM,
  });

  const people = {
    member(id: string, name: string, more: Partial<Member> = {}): Member {
      const member: Member = { id, name, ...more };
      state.members.set(id, member);
      return member;
    },
    channel(id: string, members: readonly Member[]): string {
      state.channels.set(id, new Set([...members.map((member) => member.id), BOT.user]));
      return id;
    },
    direct(member: Member): string {
      return people.channel(`D${member.id.slice(1)}`, [member]);
    },
    /** A mention outside of a direct conversation comes as two events, as in Slack. */
    say({ channel, from, text, thread, files, attachments, unheard = false, more = {} }: Say): Said {
      const ts = state.ts();
      state.messages.push({
        channel,
        ts,
        thread,
        user: from.id,
        text,
        blocks: [],
        metadata: undefined,
        streaming: false,
        streamed: { text: '', tasks: new Map(), chunks: [] },
        deleted: false,
        history: [],
        unfurls: false,
      });
      const inner = {
        type: 'message',
        channel,
        channel_type: isDirect(channel) ? 'im' : 'channel',
        user: from.id,
        ...(from.bot === true ? { bot_id: `B${from.id.slice(1)}` } : {}),
        text,
        ts,
        team: from.team ?? TEAM,
        ...(thread === undefined ? {} : { thread_ts: thread }),
        ...(files === undefined ? {} : { files, subtype: 'file_share' }),
        ...(attachments === undefined ? {} : { attachments }),
        ...more,
      };
      const mentioned = !isDirect(channel) && text.includes(MENTION);
      const all = mentioned ? [{ ...inner, type: 'app_mention' }, inner] : [inner];
      const events = unheard ? [] : all;
      return { ts, taken: Promise.all(events.map((one) => delivery.deliver('events_api', event(one)))) };
    },
    edit(ts: string, text: string): Promise<Answer> {
      const message = state.messages.find((one) => one.ts === ts);
      if (message === undefined) throw new Error(`no message ${ts}`);
      const before = {
        type: 'message',
        user: message.user,
        ts,
        text: message.text,
        ...(message.thread === undefined ? {} : { thread_ts: message.thread }),
      };
      message.text = text;
      return delivery.deliver(
        'events_api',
        event({
          type: 'message',
          subtype: 'message_changed',
          channel: message.channel,
          ts: state.ts(),
          message: { ...before, text, edited: { user: message.user } },
          previous_message: before,
        }),
      );
    },
    remove(ts: string): Promise<Answer> {
      const message = state.messages.find((one) => one.ts === ts);
      if (message === undefined) throw new Error(`no message ${ts}`);
      message.deleted = true;
      const before = {
        type: 'message',
        user: message.user,
        ts,
        text: message.text,
        ...(message.thread === undefined ? {} : { thread_ts: message.thread }),
      };
      return delivery.deliver(
        'events_api',
        event({
          type: 'message',
          subtype: 'message_deleted',
          channel: message.channel,
          ts: state.ts(),
          deleted_ts: ts,
          previous_message: before,
        }),
      );
    },
    click(message: Posted, label: string, by: Member): Promise<Answer> {
      const button = buttonsOf(currentBlocks(message)).find((one) => one.label === label);
      if (button === undefined) throw new Error(`no button "${label}" on "${message.text}"`);
      return people.clickValue(message, button.value, by);
    },
    clickValue(message: Posted, value: string, by: Member): Promise<Answer> {
      return delivery.deliver('interactive', {
        type: 'block_actions',
        team: { id: TEAM, domain: 'team' },
        user: userOf(by),
        channel: { id: message.channel, name: 'somewhere' },
        container: {
          type: 'message',
          message_ts: message.ts,
          channel_id: message.channel,
          ...(message.thread === undefined ? {} : { thread_ts: message.thread }),
        },
        message: {
          type: 'message',
          ts: message.ts,
          text: message.text,
          ...(message.thread === undefined ? {} : { thread_ts: message.thread }),
        },
        trigger_id: trigger(by.id),
        response_url: responseUrl(by.id, message.channel),
        actions: [{ type: 'button', action_id: 'parley_0', value, action_ts: state.ts() }],
      });
    },
    command(channel: string, by: Member, command: string, text: string): Promise<Answer> {
      return delivery.deliver('slash_commands', {
        token: 'legacy',
        team_id: TEAM,
        team_domain: 'team',
        channel_id: channel,
        channel_name: 'somewhere',
        user_id: by.id,
        user_name: by.name,
        command,
        text,
        api_app_id: 'A0FAKE',
        response_url: responseUrl(by.id, channel),
        trigger_id: trigger(by.id),
      });
    },
    shortcut(channel: string, ts: string, by: Member, thread?: string): Promise<Answer> {
      return delivery.deliver('interactive', {
        type: 'message_action',
        callback_id: 'ask_aside',
        team: { id: TEAM, domain: 'team' },
        user: userOf(by),
        channel: { id: channel, name: 'somewhere' },
        message: { type: 'message', ts, text: 'x', ...(thread === undefined ? {} : { thread_ts: thread }) },
        message_ts: ts,
        trigger_id: trigger(by.id),
        response_url: responseUrl(by.id, channel),
        action_ts: state.ts(),
      });
    },
    /** Fills in the open modal of somebody. The answer may replace the view. */
    async submit(by: Member, question: string): Promise<Answer> {
      const open = [...state.views.values()].findLast((one) => one.user === by.id);
      if (open === undefined) throw new Error(`${by.name} has no modal open`);
      const answer = await delivery.deliver('interactive', {
        type: 'view_submission',
        team: { id: TEAM, domain: 'team' },
        user: userOf(by),
        trigger_id: trigger(by.id),
        view: {
          ...open.view,
          id: open.id,
          state: { values: { question: { text: { type: 'plain_text_input', value: question } } } },
        },
      });
      const { response_action: action, view } = Object(answer.body) as {
        response_action?: string;
        view?: Record<string, unknown>;
      };
      if (action === 'update' && view !== undefined) {
        open.history.push(open.view);
        open.view = view;
      }
      return answer;
    },
    event: (inner: Record<string, unknown>, id?: string) => delivery.deliver('events_api', event(inner, id)),
    eventBody: event,
  };
  return people;
}

/** What a reader sees: a stream shows its chunks until it is replaced. */
export const currentBlocks = (message: Posted): readonly Block[] =>
  message.blocks.length > 0
    ? message.blocks
    : message.streamed.chunks.flatMap((chunk) => (chunk.type === 'blocks' ? (chunk.blocks as Block[]) : []));

export function buttonsOf(blocks: readonly Block[]): { label: string; value: string }[] {
  return blocks
    .filter((block) => block.type === 'actions')
    .flatMap((block) => block.elements as { text: { text: string }; value: string }[])
    .map((element) => ({ label: element.text.text, value: element.value }));
}
