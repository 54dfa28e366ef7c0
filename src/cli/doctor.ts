/** `parley doctor`: looks for what keeps Parley from working well, and says how to mend it. */
import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import { createHub, type ServerHandle } from '../agent/tools/mcp/hub.ts';
import { REVIEW } from '../agent/tools/mcp/names.ts';
import { openSandbox } from '../agent/tools/sandbox.ts';
import type { LoadedConfig } from '../config/load.ts';
import { AppError, errorMessage } from '../domain/errors.ts';
import { systemClock } from '../domain/runtime.ts';
import { isDemo } from '../open-profiles.ts';
import { withRemembered } from '../remembered.ts';
import { createRedact } from '../runtime/redact.ts';
import { openStore } from '../store/open.ts';
import { type CommonOptions, load, printJson, printLine, quietLog } from './command-line.ts';
import { type Finding, fileModes, journal, skills } from './doctor-files.ts';

/** Below this the next burst of messages may not fit. */
const LEAST_FREE_BYTES = 512 * 1024 * 1024;

export async function doctor(options: CommonOptions & { json?: boolean; fix?: boolean }): Promise<number> {
  const findings: Finding[] = [{ check: 'node', ok: true, detail: process.version }];
  try {
    const loaded = load(options);
    findings.push({ check: 'configuration', ok: true, detail: loaded.file ?? 'built-in defaults' });
    // What servers and databases say of their failures may hold what they were given.
    const redact = createRedact(() => loaded.secrets);
    for (const finding of await inspect(loaded, options.fix ?? false))
      findings.push({ ...finding, detail: redact(finding.detail) });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    findings.push({ check: 'configuration', ok: false, detail: error.message });
  }
  for (const finding of findings) {
    if (options.json) printJson(finding);
    else printLine(`${finding.ok ? 'ok     ' : 'PROBLEM'}  ${finding.check}: ${finding.detail}`);
  }
  return findings.every((finding) => finding.ok) ? 0 : 1;
}

async function inspect(loaded: LoadedConfig, fix: boolean): Promise<Finding[]> {
  const { config } = loaded;
  return [
    await database(loaded),
    ...journal(loaded.config.store.url),
    ...fileModes(loaded, fix),
    ...skills(),
    await clock(loaded),
    disk(),
    workspace(resolve(config.agent.workspace)),
    await sandbox(loaded),
    ...(await mcpServers(loaded)),
    await port(config.server.host, config.server.port),
    approvers(loaded),
    model(loaded),
  ];
}

async function database(loaded: LoadedConfig): Promise<Finding> {
  const {
    store: { url },
    models,
  } = loaded.config;
  const shown = url.replace(/:\/\/[^@]*@/, '://…@');
  try {
    const store = await openStore({ url, log: quietLog(loaded), access: 'read' });
    await store.check();
    const extension = await store.memories.vectorExtension();
    await store.close();
    const compared = `; vectors are compared by ${extension ?? 'the gateway itself'}`;
    return {
      check: 'database',
      ok: true,
      detail: models.roles.embedding === null ? shown : shown + compared,
    };
  } catch (error) {
    const path = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : null;
    if (path !== null && !exists(path))
      return { check: 'database', ok: true, detail: `${shown} will be created at the first start` };
    return { check: 'database', ok: false, detail: errorMessage(error) };
  }
}

/** Platforms refuse what is minutes off (signatures, tokens), and deadlines of approvals are told by this clock. */
const MOST_CLOCK_SKEW_MS = 60_000;
const CLOCK_TIMEOUT_MS = 5_000;

/** Compared with the clock of the model endpoint, which is the one server that is asked anyway. */
async function clock({ config }: LoadedConfig): Promise<Finding> {
  const { base_url, api_key } = config.models.default;
  const check = 'clock';
  const now = new Date().toISOString();
  if (isDemo({ baseUrl: base_url, apiKey: api_key }))
    return { check, ok: true, detail: `${now}, compared with nobody` };
  const { host } = new URL(base_url);
  try {
    const signal = AbortSignal.timeout(CLOCK_TIMEOUT_MS);
    const response = await fetch(new URL('/', base_url), { method: 'HEAD', redirect: 'manual', signal });
    const theirs = Date.parse(response.headers.get('date') ?? '');
    if (Number.isNaN(theirs)) return { check, ok: true, detail: `${now}; ${host} tells no time` };
    const off = Math.round((Date.now() - theirs) / 1000);
    const ok = Math.abs(off) * 1000 <= MOST_CLOCK_SKEW_MS;
    return {
      check,
      ok,
      detail: ok ? `within ${Math.abs(off)} s of ${host}` : `${off} s away from ${host}; set the clock (NTP)`,
    };
  } catch {
    return { check, ok: true, detail: `${now}; ${host} cannot be reached to compare` };
  }
}

function disk(): Finding {
  const { bavail, bsize } = statfsSync('.');
  const free = bavail * bsize;
  const detail = `${Math.round(free / 1_048_576)} MiB free`;
  return {
    check: 'disk',
    ok: free >= LEAST_FREE_BYTES,
    detail:
      free >= LEAST_FREE_BYTES ? detail : `${detail}; make room, or messages will be refused when it is full`,
  };
}

function workspace(path: string): Finding {
  try {
    accessSync(nearest(path), constants.W_OK);
    return { check: 'workspace', ok: true, detail: path };
  } catch (error) {
    return { check: 'workspace', ok: false, detail: `cannot write to ${path}: ${errorMessage(error)}` };
  }
}

async function sandbox({ config }: LoadedConfig): Promise<Finding> {
  const { sandbox: mode, network, enabled } = config.tools.shell;
  if (!enabled) return { check: 'sandbox', ok: true, detail: 'the shell tool is off' };
  const opened = await openSandbox({ mode, hide: [] });
  return {
    check: 'sandbox',
    ok: opened.active || mode === 'off',
    detail: opened.refusal ?? [opened.describe(network), opened.remedy ?? ''].join('. ').replace(/\. $/, ''),
  };
}

/** Really connects; what people have agreed to is compared, not changed. */
async function mcpServers(loaded: LoadedConfig): Promise<Finding[]> {
  const { tools, agent } = loaded.config;
  const servers = Object.entries(tools.mcp.servers);
  if (servers.length === 0) return [];
  const log = quietLog(loaded);
  const place = {
    sandbox: await openSandbox({ mode: tools.shell.sandbox, hide: [] }),
    workspace: resolve(agent.workspace),
    live: false,
  };
  return withRemembered(loaded, log, async (state) => {
    const hub = createHub({ state, log, clock: systemClock });
    const handles = await Promise.all(servers.map(([name, server]) => hub.open(name, server, place)));
    const findings = await Promise.all(handles.map(mcpServer));
    await hub.close();
    return findings;
  });
}

async function mcpServer(server: ServerHandle): Promise<Finding> {
  const check = `mcp ${server.name}`;
  const where = server.sandbox === null ? server.about : `${server.about}; sandbox: ${server.sandbox}`;
  try {
    await server.open();
    const { added, changed } = server.changes();
    const waiting = added.length + changed.length;
    const detail = `${server.usable().length} tools (${where})`;
    return waiting === 0
      ? { check, ok: true, detail }
      : { check, ok: false, detail: `${detail}; ${waiting} changed or new: ask the agent for ${REVIEW}` };
  } catch (error) {
    return { check, ok: false, detail: `cannot be used: ${errorMessage(error)} (${where})` };
  }
}

async function port(host: string, wanted: number): Promise<Finding> {
  const trouble = await tryPort(host, wanted);
  if (trouble === null) return { check: 'port', ok: true, detail: `${host}:${wanted} is free` };
  const alive = await fetch(`http://${host}:${wanted}/healthz`).then(
    (response) => response.ok,
    () => false,
  );
  if (alive) return { check: 'port', ok: true, detail: `a gateway is running on ${host}:${wanted}` };
  return {
    check: 'port',
    ok: false,
    detail: `${host}:${wanted} cannot be used (${trouble}); change server.port`,
  };
}

function tryPort(host: string, wanted: number): Promise<string | null> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', (error) => done(errorMessage(error)));
    probe.listen(wanted, host, () => probe.close(() => done(null)));
  });
}

function approvers({ config }: LoadedConfig): Finding {
  const count = config.access.approvers.length;
  return {
    check: 'approvers',
    ok: count > 0,
    detail: count > 0 ? `${count} listed` : 'access.approvers is empty, so whatever needs approval is denied',
  };
}

function model({ config }: LoadedConfig): Finding {
  const { base_url, api_key, model: name } = config.models.default;
  const demo = isDemo({ baseUrl: base_url, apiKey: api_key });
  return {
    check: 'model',
    ok: true,
    detail: demo ? 'the offline demo model: no key is set' : `${name} at ${base_url}`,
  };
}

/** The folder itself, or the first above it that is there: it will be made below that. */
const nearest = (path: string): string => (exists(path) ? path : nearest(dirname(path)));

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
