/** A program that closes its connection to Discord before Discord has said Hello, and then has nothing left to do. */
import { createDiscordApi } from '../../src/channels/discord/api.ts';
import { createSocket } from '../../src/channels/discord/socket.ts';
import { systemClock } from '../../src/domain/runtime.ts';
import { silent } from '../contract/store/support.ts';
import { startFakeDiscord } from './discord-server.ts';

// The first heartbeat is due after a random part of 41 s.
Math.random = () => 0.99;
const fake = await startFakeDiscord();
const { promise, resolve } = Promise.withResolvers<void>();
fake.gateway.greetAfter(promise);
const nothing = (): void => {};
const socket = createSocket({
  api: createDiscordApi({ token: fake.world.token, apiUrl: fake.url, onFailure: nothing }),
  token: fake.world.token,
  session: {
    open: async () => {},
    identity: () => undefined,
    setIdentity: nothing,
    get: () => null,
    set: nothing,
    begin: () => nothing,
    saw: nothing,
  } as unknown as Parameters<typeof createSocket>[0]['session'],
  clock: systemClock,
  log: silent,
  onDispatch: nothing,
  onBadFrame: nothing,
  onUp: nothing,
  onDrop: nothing,
  onRefused: nothing,
});
await socket.open();
await new Promise((done) => setTimeout(done, 500));
const closing = socket.close();
await new Promise((done) => setTimeout(done, 100));
resolve();
await closing;
await new Promise((done) => setTimeout(done, 500));
await fake.close();
process.stdout.write('closed\n');
