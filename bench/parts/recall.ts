/**
 * How long the 8 best of 100,000 memories take to recall on SQLite, by words and with what
 * matters most, for owners of few and of very many entries. Everything in a temporary folder.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recall as recallFrom } from '../../src/agent/memory/recall.ts';
import { homeFor, type Memory, toMemoryName, type Viewer } from '../../src/domain/memory.ts';
import type { Logger } from '../../src/domain/runtime.ts';
import { openStore } from '../../src/store/open.ts';
import { quantile } from '../machine.ts';
import type { Row } from '../report.ts';

const ENTRIES = 100_000;
const PEOPLE = 1_000;
/** Of all entries, in one workspace; the rest belongs to people and conversations. */
const SHARED = 0.2;
const BATCH = 500;
/** Of all entries, those that came one by one since the gateway last put its index in order, as it does once a day. */
const LAST = 500;
const ROUNDS = 200;
/** The first ones prepare statements, fill the cache and are not compiled yet. */
const WARM_UP = 100;
const LIMIT = 8;
const GOAL = { of: 'parley', at: 'most', value: 10 } as const;

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Few words for many entries: most are found in a large part of them, which is the hard case. */
const WORDS =
  'deploy server berlin metric units coffee budget report quarterly friday meeting database postgres likes prefers team release python typescript holidays invoice customer 東京 会議 金曜日 予算 報告書 田中さん 配送 契約'.split(
    ' ',
  );
const QUESTIONS = [
  'When is the quarterly budget meeting in Berlin, and who prefers which release day for the database?',
  '金曜日の会議と予算の報告書について教えてください',
  'deploy',
  'Can you write me a short poem about spring?',
];

/** A generator with a seed: each run measures the same. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const viewerOf = (person: number, direct: boolean): Viewer => ({
  user: `slack:U${person}`,
  conversation: `slack/B/C${person % 100}`,
  workspace: '/srv/parley/workspace',
  direct,
});

function entryOf(index: number, random: () => number): Memory {
  const viewer = viewerOf(Math.floor(random() * PEOPLE), random() < 0.5);
  const shared = random() < SHARED;
  const words = Array.from({ length: 14 }, () => WORDS[Math.floor(random() * WORDS.length)]);
  const body = `${words.join(' ')} ${index}`;
  return {
    id: `entry-${index}`,
    name: `${toMemoryName(body).slice(0, 40)}-${index}`,
    description: body.slice(0, 60),
    type: 'fact',
    body,
    ...homeFor({ ...viewer, direct: viewer.direct && !shared }, shared ? 'workspace' : 'user'),
    importance: random(),
    source: null,
    author: viewer.user,
    createdAt: index,
    updatedAt: index,
  };
}

export async function recall(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  const store = await openStore({ url: `sqlite:${join(folder, 'parley.db')}`, log: silent });
  const rows: Row[] = [];
  try {
    const random = createRandom(7);
    for (let index = 0; index < ENTRIES; ) {
      const count = index < ENTRIES - LAST ? BATCH : 1;
      const changes = Array.from({ length: count }, (_, i) => entryOf(index + i, random));
      await store.memories.apply(changes.map((memory) => ({ op: 'put', memory }) as const));
      index += count;
      if (index === ENTRIES - LAST) await store.prune(Date.now());
    }
    const deps = { memories: store.memories, log: silent };
    for (const direct of [true, false]) {
      for (const text of QUESTIONS) {
        const times: number[] = [];
        const costs: number[] = [];
        for (let round = -WARM_UP; round < ROUNDS; round++) {
          const viewer = viewerOf(Math.floor(random() * PEOPLE), direct);
          const startedAt = performance.now();
          const spent = process.cpuUsage();
          await recallFrom(deps, { viewer, text, limit: LIMIT, embed: null });
          const { user, system } = process.cpuUsage(spent);
          if (round < 0) continue;
          times.push(performance.now() - startedAt);
          costs.push((user + system) / 1_000);
        }
        const part = `recall, ${ENTRIES} memories, ${direct ? 'in private' : 'in a group'}`;
        const about = text.slice(0, 24);
        rows.push(
          { part, figure: `p50 ms: ${about}`, parley: quantile(times, 0.5), goal: GOAL },
          { part, figure: `p99 ms: ${about}`, parley: quantile(times, 0.99) },
          { part, figure: `CPU p50 ms: ${about}`, parley: quantile(costs, 0.5) },
          // What others do on the machine lengthens the longest ones, and is not in this.
          { part, figure: `CPU p99 ms: ${about}`, parley: quantile(costs, 0.99), goal: GOAL },
        );
      }
    }
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return rows;
}
