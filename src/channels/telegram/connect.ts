/** What is settled with Telegram before updates flow: who we are, which commands we have, how updates come. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { Logger } from '../../domain/runtime.ts';
import type { ChannelDeps, ChannelState } from '../adapter.ts';
import { isTokenRefused, type TelegramApi, type UpdateKind } from './api.ts';
import type { TelegramConfig } from './config.ts';
import type { BotIdentity } from './places.ts';
import { WEBHOOK_PATH } from './webhook.ts';

/** Everybody should see who stops, starts afresh or decides; what else people ask, and hear, is theirs alone. */
const PUBLIC_COMMANDS = new Set(['approve', 'stop', 'new']);
/** Telegram's limit. */
const MAX_DESCRIPTION = 256;
const LONGEST_PAUSE_MS = 60_000;

/** @throws AppError `channel.*` */
export async function connect(deps: {
  api: TelegramApi;
  config: TelegramConfig;
  allowed: readonly UpdateKind[];
  publicUrl: string | null;
  commands: ChannelDeps<unknown>['commands'];
  log: Logger;
}): Promise<BotIdentity> {
  const { api, config, log } = deps;
  const { id, username } = await api.call((by) => by.getMe());
  await registerCommands(api, deps.commands, log);
  if (config.mode === 'polling') {
    // Telegram refuses to be asked while a webhook is set, and says so then. What waits is kept.
    await bestEffort('webhook could not be removed', log, () => api.call((by) => by.deleteWebhook()));
    return { id, username };
  }
  if (deps.publicUrl === null || config.webhook_secret === null) {
    log.warn({}, `server.public_url is not set: register ${WEBHOOK_PATH} with Telegram yourself`);
    return { id, username };
  }
  const url = new URL(WEBHOOK_PATH, deps.publicUrl).href;
  const secret = config.webhook_secret;
  await api.call((by) => by.setWebhook(url, { secret_token: secret, allowed_updates: deps.allowed }));
  return { id, username };
}

/** Without them people can still type the commands, so a failure is only said. */
async function registerCommands(
  api: TelegramApi,
  commands: ChannelDeps<unknown>['commands'],
  log: Logger,
): Promise<void> {
  const listed = commands.map(({ name, argument, about }) => ({
    command: name,
    description: (argument === '' ? about : `${argument} — ${about}`).slice(0, MAX_DESCRIPTION),
    is_ephemeral: !PUBLIC_COMMANDS.has(name),
  }));
  await bestEffort('commands could not be registered', log, () => api.call((by) => by.setMyCommands(listed)));
}

async function bestEffort(failure: string, log: Logger, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isTokenRefused(error)) throw error;
    log.warn({ detail: errorMessage(error) }, failure);
  }
}

/** Tries until it works, is stopped, or fails for good. Never rejects. */
export async function retryUntil(
  work: () => Promise<void>,
  deps: {
    signal: AbortSignal;
    onState: (state: ChannelState, detail?: string) => void;
    log: Logger;
  },
): Promise<void> {
  for (let pause = 1_000; !deps.signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    await sleep(pause, undefined, { signal: deps.signal }).catch(() => undefined);
    if (deps.signal.aborted) return;
    try {
      return await work();
    } catch (error) {
      const isFinal = !(error instanceof AppError) || !error.retryable;
      deps.onState(isFinal ? 'down' : 'degraded', errorMessage(error));
      if (!isFinal) continue;
      deps.log.error({ detail: errorMessage(error) }, 'Telegram cannot be reached');
      return;
    }
  }
}
