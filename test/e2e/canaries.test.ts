/** Every configured secret is a canary, led past every sink in every way that comes to mind: P10, A39. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FakeModel, type ScriptedReply, startFakeModel } from '../fakes/model-server.ts';
import { type FakeTelegram, startFakeTelegram } from '../fakes/telegram-server.ts';
import { forms, leaks, sinksOf, tracesOf } from './support/canaries.ts';
import { createFolder, type RunningGateway, until } from './support/gateway.ts';
import { sh } from './support/scenario.ts';
import { signIn, textOf, type WebClient } from './support/web-client.ts';

const SECRETS = {
  owner: 'canary-owner-Zq81kfR0/+xW',
  bo: 'canary-bo-73hGs9-Lq02mmXp',
  model: 'sk-canary-model-4f9a8b7c6d5e',
  fallback: 'sk-canary-spare-0a1b2c3d4e5f',
  header: 'Bearer-canary-header-99ee88dd',
  env: 'canary-env-value-5577aabbcc',
} as const;

const all = (telegramToken: string): string[] => [...Object.values(SECRETS), telegramToken];

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
const sinks = async (): Promise<Record<string, string>> => ({
  ...(await sinksOf({ folder, gateway, model })),
  'event stream': owner.raw(),
  metrics: await (await owner.fetch('/metrics')).text(),
  chat: JSON.stringify(telegram.state.shown),
  sent: JSON.stringify(telegram.state.calls.map((call) => call.payload)),
});

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

  const found = Object.entries(await sinks()).filter(([sink]) => !OWN_WORDS.has(sink));
  expect(leaks(Object.fromEntries(found), values)).toEqual([]);
  const others = owner.posts().filter((post) => post.author !== 'owner' && post.author !== 'web:owner');
  const told = JSON.stringify(others);
  expect(values.flatMap(tracesOf).filter((trace) => told.includes(trace))).toEqual([]);
}, 90_000);

it('P10: the password of a database that cannot be reached is in no message', async () => {
  const other = createFolder();
  other.writeConfig('store: { url: "postgres://parley:canary-database-password@127.0.0.1:1/x" }');
  for (const command of ['start', 'doctor', 'turns', 'check']) {
    const { stdout, stderr } = await other.look(command);
    expect(stdout + stderr).not.toContain('canary-database');
  }
  other.remove();
});
