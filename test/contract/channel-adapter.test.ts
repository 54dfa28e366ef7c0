/** The channels against their contract: one line each. */
import { channelAdapterSuite, slowPlatformSuite } from './channel-adapter-suite.ts';
import { openDiscord } from './channels/discord.ts';
import { openSlack } from './channels/slack.ts';
import { openTelegram } from './channels/telegram.ts';
import { openWeb } from './channels/web.ts';

channelAdapterSuite('discord', openDiscord);
channelAdapterSuite('slack', openSlack);
channelAdapterSuite('telegram', openTelegram);
channelAdapterSuite('web', openWeb);

slowPlatformSuite('discord', openDiscord);
slowPlatformSuite('slack', openSlack);
slowPlatformSuite('telegram', openTelegram);
