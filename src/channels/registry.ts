/** The channels there are. A new one is one line here; it is imported only when it is on. */
import { webChannel } from './web/index.ts';

export const channelDefinitions = [webChannel] as const;
