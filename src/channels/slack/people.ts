/** Who somebody is: events carry ids only, and a guest looks like anybody else there. Remembered for a while. */
import { errorMessage } from '../../domain/errors.ts';
import type { Author } from '../../domain/message.ts';
import type { Clock, Logger } from '../../domain/runtime.ts';
import { personName } from '../names.ts';
import type { Call } from './outbound.ts';
import type { Bot } from './places.ts';
import { slackIdOf } from './places.ts';

export type People = {
  /** The author with their name, and as a guest or bot if they are one. Never throws: unknown stays as it is. */
  known(author: Author): Promise<Author>;
};

/** Names and roles change seldom; a removed account is refused by Slack itself. */
const KEPT_MS = 60 * 60_000;
/** A look-up that failed is tried again soon. */
const FAILED_MS = 60_000;
const MAX_KEPT = 10_000;
/** Slack wants events acknowledged within three seconds; a name is not worth more than this of them. */
const PATIENCE_MS = 1_000;

type Known = Pick<Author, 'name' | 'kind'> & { readonly until: number };

export function createPeople(deps: { call: Call; bot: () => Bot; clock: Clock; log: Logger }): People {
  const known = new Map<string, Known>();

  async function ask(author: Author): Promise<Known> {
    const until = deps.clock.now() + KEPT_MS;
    try {
      const { user } = await deps.call('users.info', (client) =>
        client.users.info({ user: slackIdOf(author.id) }),
      );
      const name = personName(
        user?.profile?.display_name || user?.real_name || user?.name || '',
        author.name,
      );
      const foreign =
        user?.is_stranger === true ||
        (user?.team_id !== undefined &&
          user.team_id !== deps.bot().team &&
          user.enterprise_user === undefined);
      const guest = foreign || user?.is_restricted === true || user?.is_ultra_restricted === true;
      const kind = user?.is_bot === true ? 'bot' : guest ? 'guest' : author.kind;
      return { name, kind, until };
    } catch (error) {
      deps.log.debug({ user: author.id, detail: errorMessage(error) }, 'cannot look a person up');
      return { name: author.name, kind: author.kind, until: deps.clock.now() + FAILED_MS };
    }
  }

  return {
    async known(author) {
      if (author.kind !== 'person') return author;
      let found = known.get(author.id);
      if (found === undefined || found.until < deps.clock.now()) {
        const asked = ask(author).then((answer) => {
          if (known.size >= MAX_KEPT) known.clear();
          known.set(author.id, answer);
          return answer;
        });
        found = await Promise.race([asked, patience()]);
      }
      return found === undefined ? author : { id: author.id, name: found.name, kind: found.kind };
    },
  };
}

const patience = (): Promise<undefined> =>
  new Promise((resolve) => setTimeout(() => resolve(undefined), PATIENCE_MS).unref());
