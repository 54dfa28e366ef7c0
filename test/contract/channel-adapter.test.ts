/** The channels against their contract: one line each. */
import { channelAdapterSuite } from './channel-adapter-suite.ts';
import { openTelegram } from './channels/telegram.ts';

channelAdapterSuite('telegram', openTelegram);
