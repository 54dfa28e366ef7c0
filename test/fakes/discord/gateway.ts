/** The websocket side of the fake Discord: identify, resume with replay, heartbeats, close codes, and accidents. */
import type { Server } from 'node:http';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { describeChannel, GUILD, isThread, type World } from './world.ts';

type Sent = { readonly seq: number; readonly type: string; readonly data: unknown };
type Session = { readonly id: string; readonly log: Sent[] };

export type Gateway = {
  dispatch(type: string, data: unknown): void;
  /** Cuts the line (1006), or closes with a code. */
  drop(code?: number): void;
  /** From now on a resume is refused, once. */
  refuseResume(): void;
  /** The next identify is answered by closing with this code. */
  closeOnIdentify(code: number): void;
  /** Sends the latest events of a type once more. */
  repeat(type: string, times: number): void;
  /** Sends a frame as it is, sense or nonsense. */
  raw(frame: string): void;
  /** Connections are opened from now on, and greeted only once this is done. */
  greetAfter(waiting: Promise<void>): void;
  /** Events happen, and the line is silent. */
  hold(isHeld: boolean): void;
  readonly identifies: { intents: number; at: number }[];
  readonly resumes: { seq: number; accepted: boolean }[];
  connected(): boolean;
  close(): void;
};

const MESSAGE_CONTENT = 1 << 15;
const HEARTBEAT_MS = 41_250;

export function createGateway(server: Server, world: World, url: () => string): Gateway {
  const sockets = new WebSocketServer({ server, path: '/gateway' });
  const identifies: Gateway['identifies'] = [];
  const resumes: Gateway['resumes'] = [];
  let session: Session | undefined;
  let current: WebSocket | undefined;
  let refuse = false;
  let closeCode: number | undefined;
  let held = false;
  let greeting = Promise.resolve();

  const send = (socket: WebSocket, op: number, d: unknown, extra: object = {}): void =>
    socket.send(JSON.stringify({ op, d, ...extra }));

  function emit(type: string, data: unknown): void {
    if (session === undefined) return;
    const sent = { seq: session.log.length + 1, type, data };
    session.log.push(sent);
    if (current !== undefined && !held) send(current, 0, data, { t: type, s: sent.seq });
  }

  function refusalOf(token: string, intents: number): number | undefined {
    const scripted = closeCode;
    closeCode = undefined;
    if (scripted !== undefined) return scripted;
    if (token !== world.token) return 4004;
    return (intents & MESSAGE_CONTENT) !== 0 && !world.messageContentAllowed ? 4014 : undefined;
  }

  function identify(socket: WebSocket, { token, intents }: { token: string; intents: number }): void {
    identifies.push({ intents, at: Date.now() });
    const code = refusalOf(token, intents);
    if (code !== undefined) {
      socket.close(code);
      return;
    }
    session = { id: world.newId(), log: [] };
    current = socket;
    emit('READY', {
      v: 10,
      user: world.bot,
      application: { id: world.application, flags: 0 },
      session_id: session.id,
      resume_gateway_url: url(),
      guilds: [{ id: GUILD, unavailable: true }],
      shard: [0, 1],
    });
    const all = [...world.channels.values()].filter(
      (one) => one.guild_id !== null && !world.forbidden.has(one.id),
    );
    emit('GUILD_CREATE', {
      id: GUILD,
      name: 'Team',
      channels: all.filter((one) => !isThread(one.type)).map(describeChannel),
      threads: all.filter((one) => isThread(one.type)).map(describeChannel),
    });
  }

  function resume(
    socket: WebSocket,
    { token, session_id, seq }: { token: string; session_id: string; seq: number },
  ): void {
    const accepted = !refuse && session?.id === session_id && token === world.token;
    resumes.push({ seq, accepted });
    refuse = false;
    if (!accepted || session === undefined) {
      send(socket, 9, false);
      return;
    }
    current = socket;
    for (const sent of session.log.filter((one) => one.seq > seq))
      send(socket, 0, sent.data, { t: sent.type, s: sent.seq });
    emit('RESUMED', {});
  }

  sockets.on('connection', (socket) => {
    void greeting.then(() => send(socket, 10, { heartbeat_interval: HEARTBEAT_MS }));
    socket.on('message', (data: RawData) => {
      const { op, d } = JSON.parse(String(data));
      if (op === 1) send(socket, 11, null);
      if (op === 2) identify(socket, d);
      if (op === 6) resume(socket, d);
    });
    socket.on('close', (code) => {
      if (current === socket) current = undefined;
      // Who says goodbye this way has no session any more.
      if (code === 1000 || code === 1001) session = undefined;
    });
  });

  return {
    dispatch: emit,
    drop(code) {
      const socket = current;
      current = undefined;
      if (code === undefined) socket?.terminate();
      else socket?.close(code);
    },
    refuseResume() {
      refuse = true;
    },
    closeOnIdentify(code) {
      closeCode = code;
    },
    repeat(type, times) {
      const last = session?.log.findLast((one) => one.type === type);
      for (let time = 0; time < times && last !== undefined; time++) emit(type, last.data);
    },
    raw: (frame) => current?.send(frame),
    greetAfter(waiting) {
      greeting = waiting;
    },
    hold(isHeld) {
      held = isHeld;
    },
    identifies,
    resumes,
    connected: () => current !== undefined,
    close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    },
  };
}
