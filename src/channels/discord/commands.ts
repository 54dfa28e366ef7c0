/** The commands as Discord knows them, registered for all servers; sent again only when they have changed. */
import { createHash } from 'node:crypto';
import {
  ApplicationCommandOptionType,
  ApplicationCommandType,
  InteractionContextType,
} from 'discord-api-types/v10';
import type { KeyValue } from '../../domain/feed.ts';
import type { ChannelDeps } from '../adapter.ts';
import type { DiscordApi } from './api.ts';
import { ASK_ASIDE } from './inbound-interaction.ts';

type Commands = ChannelDeps<unknown>['commands'];

const MAX_DESCRIPTION = 100;
/** On servers and in private with the bot. */
const contexts = [InteractionContextType.Guild, InteractionContextType.BotDM];

export function toApplicationCommands(commands: Commands): unknown[] {
  const typed = commands.map(({ name, argument, about }) => ({
    type: ApplicationCommandType.ChatInput,
    name,
    description: about.slice(0, MAX_DESCRIPTION),
    contexts,
    options: argument === '' ? [] : [optionOf(argument)],
  }));
  return [...typed, { type: ApplicationCommandType.Message, name: ASK_ASIDE, contexts }];
}

/** One field for the whole argument, as it is typed elsewhere. */
const optionOf = (argument: string) => ({
  type: ApplicationCommandOptionType.String,
  name: /^[a-z]{1,32}$/i.test(argument) ? argument.toLowerCase() : 'text',
  description: argument.slice(0, MAX_DESCRIPTION),
  required: !argument.startsWith('['),
});

export async function registerCommands(deps: {
  readonly api: DiscordApi;
  readonly state: KeyValue;
  readonly application: string;
  readonly commands: Commands;
}): Promise<void> {
  const body = toApplicationCommands(deps.commands);
  const hash = createHash('sha256').update(deps.application).update(JSON.stringify(body)).digest('base64url');
  if ((await deps.state.get('commands')) === hash) return;
  await deps.api.putCommands(deps.application, body);
  await deps.state.set('commands', hash);
}
