/** The composition root: builds the parts, starts them in order, stops them in the reverse order. */
import { createBtw } from './agent/btw.ts';
import { createEngine } from './agent/engine.ts';
import type { EngineDeps } from './agent/run.ts';
import { createProxies } from './agent/tools/http/proxies.ts';
import { createMcpServers } from './agent/tools/mcp/servers.ts';
import { approvalProblems } from './approval-problems.ts';
import type { ChannelAdapter } from './channels/adapter.ts';
import { encodeButton, parseButton } from './channels/button-token.ts';
import type { LoadedConfig } from './config/load.ts';
import type { ApprovalTerms } from './domain/approval.ts';
import { errorMessage } from './domain/errors.ts';
import { type Clock, type Logger, newId, systemClock } from './domain/runtime.ts';
import type { Turn } from './domain/turn.ts';
import { accountsOf, approversFor, countPeople } from './gateway/access.ts';
import { createApprovalClock } from './gateway/approval-clock.ts';
import { unreachable } from './gateway/approval-words.ts';
import { createApprovals } from './gateway/approvals.ts';
import type { CardOptions } from './gateway/cards.ts';
import { createGateway } from './gateway/gateway.ts';
import { startHousekeeping } from './gateway/housekeeping.ts';
import { createJobs } from './gateway/jobs.ts';
import { createLimits } from './gateway/limits.ts';
import { createLiveReplies } from './gateway/live-reply.ts';
import { createOutbox } from './gateway/outbox.ts';
import { createRenderer } from './gateway/renderer.ts';
import { createStopper } from './gateway/stopper.ts';
import { createWorker } from './gateway/worker.ts';
import { createHttpServer } from './http/server.ts';
import { sectionOf as channelSectionOf, loadChannels, openChannels, startAdapters } from './open-channels.ts';
import { openLearning } from './open-learning.ts';
import { openMemory } from './open-memory.ts';
import { accessOf, hiddenFrom, openProfiles, type Profiles } from './open-profiles.ts';
import { createMetrics } from './runtime/metrics.ts';
import { createRedact } from './runtime/redact.ts';
import { openStore } from './store/open.ts';

export type AppOptions = {
  readonly loaded: LoadedConfig;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Tools and outside platforms are not touched, and nothing is kept. */
  readonly dryRun?: boolean;
  readonly droppedLogLines?: () => number;
};

export type App = {
  /** Where the web chat is; signs in with it when it carries a token. */
  readonly url: string;
  /** Puts another configuration in force: whole, or not at all. */
  reload(loaded: LoadedConfig): Promise<void>;
  /** Reads the files of the skills again. */
  reloadSkills(): void;
  /** Another configuration was not taken: for the metrics. */
  reloadRefused(): void;
  /** Takes nothing new, gives what is in hand up to 25 s, keeps the rest for the next start. Idempotent. */
  stop(): Promise<void>;
};

/** How soon a full disk or a lost database shows in `/readyz`. */
const HEALTH_EVERY_MS = 5_000;
/** Longer than most model calls, shorter than the 30 s that process managers give. */
const DRAIN_MS = 25_000;
/** What a job has not done by then the next process does. */
const JOBS_DRAIN_MS = 2_000;

export async function startApp({
  loaded,
  log,
  clock = systemClock,
  dryRun = false,
  droppedLogLines = () => 0,
}: AppOptions): Promise<App> {
  const { server, store: storeConfig } = loaded.config;
  const metrics = createMetrics();
  const worker = `${process.pid}-${newId(clock.now()).slice(-10)}`;
  const store = await openStore({ url: dryRun ? 'sqlite::memory:' : storeConfig.url, log, worker });
  /** What holds the process, in the order in which it is given up. */
  const open: (() => Promise<void>)[] = [() => store.close()];
  const closeAll = async (): Promise<void> => {
    for (const close of open.splice(0)) await close();
  };
  try {
    let current = loaded;
    const mcp = createMcpServers({ state: store.state('mcp'), log, clock });
    const proxies = createProxies();
    open.unshift(
      () => mcp.close(),
      () => proxies.close(),
    );
    const profilesOf = async (from: LoadedConfig): Promise<Profiles> => {
      const made = await openProfiles(from, {
        clock,
        log,
        metrics,
        dryRun,
        mcp,
        proxies,
        hidden: hiddenFrom(from),
      });
      await mcp.keepAsked();
      return made;
    };
    // Meanwhile the sandbox is tried, by a process of its own.
    const [made, channels] = await Promise.all([profilesOf(loaded), loadChannels(loaded)]);
    let profiles = made;
    const warnOfRules = (): void => {
      for (const { line, message } of approvalProblems(current, profiles)) log.warn({ line }, message);
    };
    warnOfRules();
    let ready = false;
    let draining = false;
    let storeUp = true;

    let adapters: ReadonlyMap<string, ChannelAdapter> = new Map();
    let entrance = '/';
    const adapter = (name: string) => adapters.get(name);
    const access = () => accessOf(current);
    const profileOf = (turn: Pick<Turn, 'profile'>) => profiles.get(turn.profile);
    const mayDecide = (turn: Turn, terms: ApprovalTerms) => approversFor(access(), turn.user, terms);
    const channelSection = (name: string) => channelSectionOf(current, name);

    const http = createHttpServer({
      host: server.host,
      port: server.port,
      publicUrl: server.public_url,
      log,
      metrics,
      ready: () => ({
        ready: ready && !draining && storeUp,
        channels: Object.fromEntries([...adapters].map(([name, one]) => [name, one.state()])),
      }),
      metricsText() {
        const { commits, writes } = store.stats();
        metrics.gauge('parley_store_commits_total', commits);
        metrics.gauge('parley_store_writes_total', writes);
        metrics.gauge('parley_log_dropped_total', droppedLogLines());
        return metrics.text();
      },
    });

    const limits = createLimits({
      settings: () => ({
        messagesPerMinute: current.config.limits.messages_per_minute,
        tokensPerDay: current.config.limits.tokens_per_day,
        costPerDay: current.config.limits.cost_per_day,
      }),
      usage: store.usage,
      clock,
    });
    const cards: CardOptions = {
      deliverTo: (turn) => profileSection(current, turn.profile).approvals.deliver_to,
      approversFor: mayDecide,
      approvalButton: (id, decision) => encodeButton({ kind: 'approval', id, decision }),
      batchButton: (id, decision) => encodeButton({ kind: 'batch', id, decision }),
      now: () => clock.now(),
    };
    const live = createLiveReplies({
      adapter,
      streaming: (name) => channelSection(name)?.stream ?? false,
      clock,
    });
    const redact = createRedact(() => current.secrets);
    const memory = openMemory({
      store,
      enabled: () => current.config.memory.enabled,
      profiles: () => profiles,
      requireBudget: limits.requireBudget,
      redact,
      clock,
      log,
    });
    const learning = openLearning({
      store,
      config: () => current.config.reflection,
      access,
      profiles: () => profiles,
      requireBudget: limits.requireBudget,
      revivals: memory.revivals,
      redact,
      clock,
      log,
    });
    const followUps: EngineDeps['followUps'] = (turn, outcome) => [
      ...memory.engine.followUps(turn, outcome),
      ...learning.followUps(turn, outcome),
    ];
    const outbox = createOutbox({ store, adapter, live, worker, clock, log, metrics });
    const engine = createEngine({
      store,
      outbox,
      settings: (turn) => profileOf(turn).settings,
      render: createRenderer(cards),
      nobodyToAsk: (turn, terms) => unreachable(access(), mayDecide(turn, terms), terms),
      agreed(turn, terms, { votes }) {
        const may = mayDecide(turn, terms);
        const counted = votes.filter((vote) => may.includes(vote.by)).map((vote) => vote.by);
        return countPeople(access(), counted) >= terms.required;
      },
      requireBudget: limits.requireBudget,
      ...memory.engine,
      skills: learning.skills,
      followUps,
      redact,
      clock,
      log,
      metrics,
    });
    const approvals = createApprovals({
      store,
      access,
      review: engine.review,
      alwaysExpiresMs: (turn) => profileSection(current, turn.profile).approvals.always_expires_after,
      cards,
      clock,
      log,
      metrics,
    });
    const approvalClock = createApprovalClock({ store, cards, clock, log, metrics });
    const turns = createWorker({
      store,
      engine,
      live,
      worker,
      concurrency: () => current.config.limits.concurrent_turns,
      clock,
      log,
      metrics,
    });
    const handlers = { ...memory.handlers, ...learning.handlers };
    const jobs = createJobs({ store, handlers, worker, clock, log, metrics });
    const stopper = createStopper({ store, approvals, worker: turns, followUps, clock });
    const gateway = createGateway({
      store,
      approvals,
      stopper,
      btw: createBtw({ store, requireBudget: limits.requireBudget, clock }),
      models: (profile) => profiles.get(profile).models,
      historyMessages: (profile) => profiles.get(profile).settings.historyMessages,
      btwFallback: () => current.config.btw.fallback,
      remember: memory.remember,
      catalog: learning.catalog,
      reviews: learning.reviews,
      accountsOf: (account) => accountsOf(access(), account),
      workspace: (profile) => profiles.get(profile).workspace,
      adapter,
      clock,
      log,
      metrics,
      limits,
      reserve: turns.reserve,
      redact,
      parseButton,
      settings: () => ({
        access: access(),
        routes: current.config.routes,
        channel: (name) => {
          const section = channelSection(name);
          return {
            mentionOnly: section?.mention_only ?? true,
            conversations: section?.conversations ?? null,
          };
        },
        queuePerSession: current.config.limits.queue_per_session,
        whileBusy: current.config.sessions.while_busy === 'interrupt' ? 'interrupt' : 'queue',
        idleResetMs: current.config.sessions.idle_reset,
        debug: current.config.log.level === 'debug',
      }),
      open: () => !draining,
    });

    const announce = (path: string): void => {
      entrance = path;
    };
    adapters = openChannels(channels, { loaded, store, http: http.host, log, metrics, clock, announce });
    const { url } = await http.listen();
    open.unshift(() => http.close());
    for (const one of adapters.values()) open.unshift(() => one.stop());
    await startAdapters(adapters, gateway, log);
    approvalClock.start();
    await turns.start();
    outbox.start();
    jobs.start();
    ready = true;
    const housekeeping = startHousekeeping({ store, clock, log });
    open.unshift(() => housekeeping.stop());
    const health = setInterval(() => {
      store.check().then(
        () => {
          storeUp = true;
        },
        (error: unknown) => {
          if (storeUp) log.error({ detail: errorMessage(error) }, 'the database does not take writes');
          storeUp = false;
        },
      );
    }, HEALTH_EVERY_MS);
    open.unshift(async () => clearInterval(health));

    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      draining = true;
      await Promise.all([turns.drain(DRAIN_MS), gateway.drain()]);
      await outbox.stop();
      await jobs.drain(JOBS_DRAIN_MS);
      await approvalClock.stop();
      await closeAll();
    };
    metrics.gauge('parley_ready_seconds', performance.now() / 1000);
    log.info(
      {
        url,
        ms: Math.round(performance.now()),
        sandbox: profiles.get('default').sandbox.describe(loaded.config.tools.shell.network),
      },
      'ready',
    );
    return {
      url: new URL(entrance, url).href,
      async reload(next) {
        profiles = await profilesOf(next);
        current = next;
        learning.reload();
        warnOfRules();
        metrics.count('parley_config_reloads_total', { outcome: 'applied' });
      },
      reloadSkills: learning.reload,
      reloadRefused: () => metrics.count('parley_config_reloads_total', { outcome: 'refused' }),
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

const profileSection = (loaded: LoadedConfig, profile: string) =>
  loaded.profiles.get(profile) ?? loaded.config;
