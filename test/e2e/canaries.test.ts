/** Every configured secret is a canary, led past every sink in every way that comes to mind: P10, A39. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FakeModel, type ScriptedReply, startFakeModel } from '../fakes/model-server.ts';
import { type FakeTelegram, startFakeTelegram } from '../fakes/telegram-server.ts';
import { createFolder, type RunningGateway, until } from './support/gateway.ts';
import { sh, type TurnRow } from './support/scenario.ts';
import { signIn, textOf, type WebClient } from './support/web-client.ts';

const SECRETS = {
  owner: 'canary-owner-Zq81kfR0/+xW',
  bo: 'canary-bo-73hGs9-Lq02mmXp',
  model: 'sk-canary-model-4f9a8b7c6d5e',
  fallback: 'sk-canary-spare-0a1b2c3d4e5f',
  header: 'Bearer-canary-header-99ee88dd',
  env: 'canary-env-value-5577aabbcc',
} as const;

/** The ways in which a value is likely to be written. */
const forms = (value: string): string[] => [
  value,
  encodeURIComponent(value),
  Buffer.from(value).toString('base64'),
  Buffer.from(`user:${value}`).toString('base64'),
  Buffer.from(value).toString('hex'),
  JSON.stringify({ value }),
];
const all = (telegramToken: string): string[] => [...Object.values(SECRETS), telegramToken];
/** So much of any form gives it away; of base64 the ends depend on what stands beside it. */
const tracesOf = (value: string): string[] => [
  value.slice(0, 14),
  Buffer.from(value).toString('base64').slice(4, 20),
  Buffer.from(value).toString('hex').slice(0, 24),
];

const folder = createFolder();
let model: FakeModel;
let telegram: FakeTelegram;
let gateway: RunningGateway;
let owner: WebClient;

beforeAll(async () => {
  model = await startFakeModel();
  telegram = await startFakeTelegram();
  folder.writeConfig(`
server: { port: 0, token: "${SECRETS.owner}" }
store: { url: "sqlite:data/parley.db" }
channels:
  web: { users: { bo: "${SECRETS.bo}" } }
  telegram: { token: "${telegram.token}", api_url: "${telegram.url}" }
access: { users: ["*"], approvers: ["web:owner"], admins: ["web:owner"] }
log: { level: debug }
memory: { enabled: true }
reflection: { enabled: false }
tools:
  mcp:
    servers:
      far: { url: "http://127.0.0.1:9/mcp?key=${SECRETS.header}", headers: { Authorization: "${SECRETS.header}" } }
      near: { command: "${process.execPath}", args: ["-e", "console.error(process.env.KEY); process.exit(3)"], env: { KEY: "${SECRETS.env}" } }
models:
  default: { base_url: "${model.url}", api_key: "${SECRETS.model}", model: scripted, timeout: 10s }
  roles: { memory: { model: remembering } }
  fallbacks: [{ model: spare, api_key: "${SECRETS.fallback}" }]
`);
  gateway = await folder.start();
  owner = await signIn(gateway.url, SECRETS.owner);
});
afterAll(async () => {
  owner.close();
  await gateway.kill();
  await model.close();
  await telegram.close();
  folder.remove();
});

/** Everything the gateway has said or kept, by where. */
async function sinks(): Promise<Record<string, string>> {
  const database = new Database(join(folder.path, 'data/parley.db'), { readonly: true });
  const tables = database
    .prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`)
    .pluck()
    .all() as string[];
  const kept = Object.fromEntries(
    tables.map((table) => [
      `table ${table}`,
      JSON.stringify(database.prepare(`SELECT * FROM "${table}"`).all(), (_key, value) =>
        Buffer.isBuffer(value) ? value.toString('latin1') : value,
      ),
    ]),
  );
  database.close();
  const cli = async (...args: string[]) => {
    const { stdout, stderr } = await folder.cli(...args, '--config', 'parley.yaml');
    return stdout + stderr;
  };
  const [last] = await folder.json<TurnRow>('turns', '--json');
  return {
    ...kept,
    log: gateway.output(),
    'event stream': owner.raw(),
    metrics: await (await owner.fetch('/metrics')).text(),
    prompts: JSON.stringify(model.calls.map((call) => call.body)),
    'texts for vectors': model.embedded.join('\n'),
    chat: JSON.stringify(telegram.state.shown),
    sent: JSON.stringify(telegram.state.calls.map((call) => call.payload)),
    check: await cli('check'),
    doctor: await cli('doctor'),
    'audit export': await cli('audit', 'export', '--jsonl'),
    events: await cli('events', last?.id ?? '', '--json'),
  };
}

/** What people wrote themselves stays on the web chat as they wrote it; that is their side of the platform. */
const OWN_WORDS = new Set(['table posts', 'event stream']);

it('P10, A39: no secret of the configuration turns up anywhere, whatever people, tools, models and failures say', async () => {
  const values = all(telegram.token);
  const everything = values.flatMap(forms).join(' ');
  const ways: [string, ScriptedReply[]][] = [
    ['an answer', [{ text: `here it is: ${everything}` }]],
    ['reasoning', [{ text: 'thought', reasoning: everything }]],
    ['a refusal', [{ status: 400, error: { message: `Incorrect API key provided: ${everything}` } }]],
    ['an overload', [{ status: 401, error: { message: `Authorization: ${everything}` } }]],
    ['a page', [{ html: `<html>${everything}</html>` }, { html: `<html>${everything}</html>` }]],
    ['a tool', [sh(`echo '${everything}'`), { text: 'ran' }]],
    ['a failing tool', [sh(`ls 'nowhere-${values.slice(1).join('-')}'`), { text: 'failed' }]],
    [
      'an address',
      [
        { toolCalls: [{ name: 'fetch_url', args: { url: `https://127.0.0.1/?token=${values[0]}` } }] },
        { text: 'not reached' },
      ],
    ],
    ['an unknown tool', [{ toolCalls: [{ name: 'x', args: { everything } }] }, { text: 'none' }]],
    [
      'broken arguments',
      [{ toolCalls: [{ name: 'shell', args: `{"command": "${values[2]}` }] }, { text: 'x' }],
    ],
  ];
  for (const [way, replies] of ways) {
    const left = [...replies];
    model.script((call) =>
      call.model === 'remembering' ? { text: everything } : (left.shift() ?? { text: 'nothing more' }),
    );
    const place = await owner.createConversation('Canary', false);
    await owner.answerTo(place, `by ${way}`);
  }

  model.script((call) => ({ text: `you said: ${call.question}` }));
  const place = await owner.createConversation('Spoken', false);
  expect(textOf((await owner.answerTo(place, `my words: ${everything}`)).html)).toContain('[redacted]');
  await owner.command(place, `/btw is ${everything} right?`);
  const ana = telegram.person('Ana');
  const chat = telegram.direct(ana);
  telegram.say({ chat, from: ana, text: `is ${values.join(' ')} ours?` });
  await until('the answer on Telegram', () =>
    telegram.state.shown.find((one) => one.text.includes('you said') && one.keyboard === undefined),
  );

  const found: string[] = [];
  for (const [sink, text] of Object.entries(await sinks()))
    for (const value of values)
      for (const trace of tracesOf(value))
        if (!OWN_WORDS.has(sink) && text.includes(trace))
          found.push(
            `${sink}: ${text.slice(Math.max(0, text.indexOf(trace) - 200), text.indexOf(trace) + 20)}`,
          );
  expect(found).toEqual([]);
  const others = owner.posts().filter((post) => post.author !== 'owner' && post.author !== 'web:owner');
  const told = JSON.stringify(others);
  expect(values.flatMap(tracesOf).filter((trace) => told.includes(trace))).toEqual([]);
}, 90_000);

it('P10: the password of a database that cannot be reached is in no message', async () => {
  const other = createFolder();
  other.writeConfig('store: { url: "postgres://parley:canary-database-password@127.0.0.1:1/x" }');
  for (const command of ['start', 'doctor', 'turns', 'check']) {
    const { stdout, stderr } = await other.cli(command, '--config', 'parley.yaml');
    expect(stdout + stderr).not.toContain('canary-database');
  }
  other.remove();
});
