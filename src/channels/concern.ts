/** Whether the gateway may look at a message (pure): fetching what other people share with each other is not our business. */
import type { Attachment, InboundMessage } from '../domain/message.ts';
import type { OfferedFile } from './attachments.ts';

type Asked = Pick<InboundMessage, 'author' | 'direct' | 'mentionsBot' | 'text' | 'command'>;

/** @param inThread it was written in a thread, which the bot may be part of */
export const concernsUs = (
  { author, direct, mentionsBot, text, command }: Asked,
  rules: { readonly mentionOnly: boolean; readonly inThread: boolean },
): boolean =>
  author.kind === 'person' &&
  (direct ||
    mentionsBot ||
    command !== undefined ||
    !rules.mentionOnly ||
    rules.inThread ||
    /^[/!]/.test(text));

export const notFetched = ({ name, mimeType, sizeBytes }: OfferedFile): Attachment => ({
  name,
  mimeType,
  sizeBytes,
  error: 'not fetched: the message was not for me',
});
