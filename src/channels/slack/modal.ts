/** The modal for asking aside (pure): a place to type, then the answer, seen by nobody else. */
import type { types } from '@slack/bolt';
import { z } from 'zod';
import type { ConversationRef, OutboundMessage } from '../../domain/message.ts';
import { clip, context, richBlocks } from './blocks.ts';

const CALLBACK = 'ask_aside_modal';
const BLOCK = 'question';
const INPUT = 'text';
/** Slack's own bound for a text input. */
const MAX_QUESTION = 3_000;
/** A modal takes 100. */
const MAX_BLOCKS = 90;

const place = z.object({ c: z.string().min(1), t: z.string().optional() });

export type Asked = {
  readonly conversation: string;
  readonly thread: string | undefined;
  readonly question: string;
};

type Submitted = {
  readonly callback_id: string;
  readonly private_metadata: string;
  readonly state: {
    readonly values: Readonly<
      Record<string, Readonly<Record<string, { value?: string | null | undefined }>>>
    >;
  };
};

const frame = {
  type: 'modal',
  title: { type: 'plain_text', text: 'Ask aside' },
  close: { type: 'plain_text', text: 'Close' },
} as const;

export function askView(where: ConversationRef): types.ModalView {
  return {
    ...frame,
    callback_id: CALLBACK,
    submit: { type: 'plain_text', text: 'Ask' },
    private_metadata: JSON.stringify({ c: where.conversation, t: where.thread }),
    blocks: [
      {
        type: 'input',
        block_id: BLOCK,
        label: { type: 'plain_text', text: 'Your question' },
        hint: { type: 'plain_text', text: 'Only you see the answer. The work in the conversation goes on.' },
        element: { type: 'plain_text_input', action_id: INPUT, multiline: true, max_length: MAX_QUESTION },
      },
    ],
  };
}

export function parseModal(view: Submitted): Asked | undefined {
  if (view.callback_id !== CALLBACK) return undefined;
  const where = place.safeParse(parseJson(view.private_metadata));
  if (!where.success) return undefined;
  const question = view.state.values[BLOCK]?.[INPUT]?.value ?? '';
  return { conversation: where.data.c, thread: where.data.t, question: question.trim() };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export async function answerView(message: OutboundMessage): Promise<types.ModalView> {
  const blocks = await richBlocks(message.text === '' ? 'Thinking…' : message.text, MAX_BLOCKS);
  const question = message.aside?.question;
  const head = question === undefined ? [] : [context(`Aside, only you see this: ${clip(question, 1_900)}`)];
  return { ...frame, callback_id: `${CALLBACK}_answer`, blocks: [...head, ...blocks] };
}
