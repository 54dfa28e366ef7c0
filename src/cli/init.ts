/** `parley init`: asks, tests each token live, and writes what it learned into the configuration and `.env`. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { type Document, isScalar, isSeq, parseDocument } from 'yaml';
import { DEFAULT_FILE } from '../config/load.ts';
import { newSecret } from '../domain/runtime.ts';
import { type CommonOptions, load, printLine } from './command-line.ts';
import { type Probe, probeDiscord, probeSlackApp, probeSlackBot, probeTelegram } from './probe-token.ts';

const ENV_FILE = '.env';

type Asker = { ask(question: string): Promise<string>; close(): void };

type Answers = { readonly env: Map<string, string>; readonly document: Document };

export async function init(options: CommonOptions): Promise<number> {
  const file = options.config ?? DEFAULT_FILE;
  const source = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const answers: Answers = { env: new Map(), document: parseDocument(source) };
  const asker = openAsker();
  try {
    printLine('Press Enter to skip a question. Nothing is written before the end.');
    await askModel(asker, answers);
    await askDiscord(asker, answers);
    await askSlack(asker, answers);
    await askTelegram(asker, answers);
    await askApprovers(asker, answers);
  } finally {
    asker.close();
  }
  if (!answers.env.has('PARLEY_TOKEN') && !readEnv().includes('PARLEY_TOKEN='))
    answers.env.set('PARLEY_TOKEN', newSecret());
  write(file, answers);
  printLine(`Wrote ${file} and ${ENV_FILE} (for your eyes only).`);
  const { config } = load(options);
  const on = Object.entries(config.channels)
    .filter(([, section]) => section?.enabled)
    .map(([name]) => name);
  printLine(`The configuration has no problems. Channels: ${on.join(', ')}. Start with: npm start`);
  return 0;
}

async function askModel(asker: Asker, { env }: Answers): Promise<void> {
  const key = await asker.ask('Key of your OpenAI-compatible model (empty: the offline demo model): ');
  if (key !== '') env.set('OPENAI_API_KEY', key);
}

async function askDiscord(asker: Asker, answers: Answers): Promise<void> {
  const url = apiUrl(answers.document, 'discord', 'https://discord.com/api');
  const token = await tested(asker, 'Discord bot token (docs/channels/discord.md): ', (value) =>
    probeDiscord(url, value),
  );
  if (token === null) return;
  answers.env.set('DISCORD_TOKEN', token);
  answers.document.setIn(['channels', 'discord', 'token'], reference('DISCORD_TOKEN'));
}

async function askSlack(asker: Asker, answers: Answers): Promise<void> {
  const url = apiUrl(answers.document, 'slack', 'https://slack.com/api/');
  const bot = await tested(asker, 'Slack bot token, xoxb-… (docs/channels/slack.md): ', (value) =>
    probeSlackBot(url, value),
  );
  if (bot === null) return;
  const app = await tested(asker, 'Slack app token, xapp-…: ', (value) => probeSlackApp(url, value));
  if (app === null) return;
  answers.env.set('SLACK_BOT_TOKEN', bot);
  answers.env.set('SLACK_APP_TOKEN', app);
  answers.document.setIn(['channels', 'slack', 'bot_token'], reference('SLACK_BOT_TOKEN'));
  answers.document.setIn(['channels', 'slack', 'app_token'], reference('SLACK_APP_TOKEN'));
}

async function askTelegram(asker: Asker, answers: Answers): Promise<void> {
  const url = apiUrl(answers.document, 'telegram', 'https://api.telegram.org');
  const token = await tested(asker, 'Telegram bot token (docs/channels/telegram.md): ', (value) =>
    probeTelegram(url, value),
  );
  if (token === null) return;
  answers.env.set('TELEGRAM_TOKEN', token);
  answers.document.setIn(['channels', 'telegram', 'token'], reference('TELEGRAM_TOKEN'));
}

async function askApprovers(asker: Asker, { document }: Answers): Promise<void> {
  const text = await asker.ask('Who may approve, beside web:owner? Ids such as slack:U012ABC, with commas: ');
  const ids = text
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '');
  const known = document.getIn(['access', 'approvers']);
  const before = isSeq(known) ? known.items.map((item) => String(isScalar(item) ? item.value : item)) : [];
  document.setIn(['access', 'approvers'], [...new Set([...before, 'web:owner', ...ids])]);
}

/** Asks until a token works or none is given. */
async function tested(
  asker: Asker,
  question: string,
  probe: (token: string) => Promise<Probe>,
): Promise<string | null> {
  for (;;) {
    const token = await asker.ask(question);
    if (token === '') return null;
    const result = await probe(token);
    printLine(result.ok ? `  works: ${result.as}` : `  does not work: ${result.reason}`);
    if (result.ok) return token;
  }
}

const reference = (name: string): string => `\${${name}}`;

function apiUrl(document: Document, channel: string, standard: string): string {
  const value: unknown = document.getIn(['channels', channel, 'api_url']);
  return typeof value === 'string' ? value : standard;
}

const readEnv = (): string => (existsSync(ENV_FILE) ? readFileSync(ENV_FILE, 'utf8') : '');

function write(file: string, { env, document }: Answers): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, document.toString({ lineWidth: 0 }));
  const kept = readEnv()
    .split('\n')
    .filter((line) => line !== '' && ![...env.keys()].some((name) => line.startsWith(`${name}=`)));
  writeFileSync(ENV_FILE, [...kept, ...[...env].map(([name, value]) => `${name}=${value}`), ''].join('\n'), {
    mode: 0o600,
  });
  chmodSync(ENV_FILE, 0o600);
}

/** Lines from a terminal or a pipe alike; a pipe that ends answers the rest with nothing. */
function openAsker(): Asker {
  const lines: Interface = createInterface({ input: process.stdin });
  const iterator = lines[Symbol.asyncIterator]();
  return {
    async ask(question) {
      process.stdout.write(question);
      const { value, done } = await iterator.next();
      if (!process.stdin.isTTY) process.stdout.write('\n');
      return done === true ? '' : String(value).trim();
    },
    close: () => lines.close(),
  };
}
