/** Hosts that a rule opens for some commands: shown on the card, and for the very action that was agreed to. */
import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openSandbox } from '../../src/agent/tools/sandbox.ts';
import { until } from './support/gateway.ts';
import {
  ONCE,
  reloadTo,
  type Scenario,
  scripts,
  sh,
  startScenario,
  toolResults,
} from './support/scenario.ts';

const { active } = await openSandbox({ mode: 'auto', hide: [] });

const rule = (command: string, more: string) =>
  `    - { tool: shell, match: { command: "${command}" }, decision: ask${more} }\n`;
const opening = `approvals:\n  rules:\n${rule('*# open', ', network: ["127.0.0.1"]')}`;
const closed = `approvals:\n  rules:\n${rule('*# open', '')}`;

/** Through the proxy: the way out that a program finds in its environment. */
const fetched = (url: string) =>
  `/run/parley/node -e 'const u = new URL("${url}"); require("http").get({ port: 3128, path: u.href, headers: { host: u.host } }, (r) => r.pipe(process.stdout)).on("error", () => console.log("no way out"))'`;

describe.runIf(active)('A25 network that a rule grants', () => {
  let s: Scenario;
  let url: string;
  const web = createServer((_, response) => response.end('served'));

  beforeAll(async () => {
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const address = web.address();
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`;
    s = await startScenario({ yaml: opening });
  });
  afterAll(async () => {
    web.close();
    await s.close();
  });
  afterEach(() => reloadTo(s, { yaml: opening }));

  async function approved(key: string, command: string, meanwhile: () => Promise<void> = async () => {}) {
    scripts(s)(key, sh(command));
    const place = await s.owner.createConversation(key, false);
    const { id } = await s.owner.post(place, key);
    const card = await s.owner.card(place);
    await meanwhile();
    await s.owner.press(place, card, ONCE);
    await until('the answer', () =>
      s.owner.posts().find((post) => post.conversation === place.conversation && post.kind === 'answer'),
    );
    const [result] = toolResults(await s.eventsOf(id));
    return { action: card.card?.action.text, facts: card.card?.facts ?? [], output: String(result?.output) };
  }

  it('A25 what the rule matches reaches the host, and the card says so; another command reaches nothing', async () => {
    const one = await approved('opened', `${fetched(url)} # open`);
    expect(one.facts).toContain('sandbox: bubblewrap, network: 127.0.0.1');
    expect(one.action).toBe(`${fetched(url)} # open\n\n# sandbox: bubblewrap, network: 127.0.0.1`);
    expect(one.output).toBe('served');
    const other = await approved('unopened', `${fetched(url)} || echo none`);
    expect(other.facts).toContain('sandbox: bubblewrap, no network');
    expect(other.output).not.toContain('served');
    const elsewhere = await approved('elsewhere', `${fetched('http://evil.example/')} # open`);
    expect(elsewhere.output).toContain('evil.example');
    expect(elsewhere.output).not.toContain('served');
  });

  it('F35 a reload that closes it holds for what waits already', async () => {
    const { output } = await approved('closed-later', `${fetched(url)} # open`, () =>
      reloadTo(s, { yaml: closed }),
    );
    expect(output).not.toContain('served');
  });

  it('P7 a reload that opens more gives nothing to what was agreed to without it', async () => {
    await reloadTo(s, { yaml: closed });
    const { facts, output } = await approved('opened-later', `${fetched(url)} # open`, () =>
      reloadTo(s, { yaml: opening }),
    );
    expect(facts).toContain('sandbox: bubblewrap, no network');
    expect(output).not.toContain('served');
  });
});
