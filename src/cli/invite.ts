/** `parley invite discord`: the link that adds the bot to a server, with no more rights than it uses. */
import { type CommonOptions, load, printJson, printLine } from './command-line.ts';

export type InviteOptions = CommonOptions & { readonly json?: boolean; readonly application?: string };

/** What the bot does on a server, as Discord's permission bits. */
const permissions = {
  'View Channels': 10n,
  'Send Messages': 11n,
  'Attach Files': 15n,
  'Read Message History': 16n,
  'Create Public Threads': 35n,
  'Send Messages in Threads': 38n,
} as const;

const intents = ['Message Content Intent'];

export async function invite(platform: string, options: InviteOptions): Promise<number> {
  if (platform !== 'discord') {
    process.stderr.write(
      `parley: there is no invitation for "${platform}"; parley invite discord makes one\n`,
    );
    return 2;
  }
  const application = options.application ?? applicationOf(load(options).config.channels.discord?.token);
  if (application === undefined || !/^\d{17,20}$/.test(application)) {
    process.stderr.write(
      'parley: cannot tell the id of the application: set channels.discord.token, or pass --application ID (Developer Portal, your application, General Information)\n',
    );
    return 1;
  }
  const url = linkFor(application);
  if (options.json) {
    printJson({ url, application, permissions: Object.keys(permissions), intents });
    return 0;
  }
  printLine(`Open this link, choose a server, and confirm:\n\n  ${url}\n`);
  printLine(`It gives the bot: ${Object.keys(permissions).join(', ')}.`);
  printLine(
    `Also switch on ${intents.join(', ')} (Developer Portal, your application, Bot, Privileged Gateway Intents), or the bot cannot read what is written to it.`,
  );
  return 0;
}

function linkFor(application: string): string {
  const bits = Object.values(permissions).reduce((sum, bit) => sum | (1n << bit), 0n);
  const url = new URL('https://discord.com/oauth2/authorize');
  url.searchParams.set('client_id', application);
  url.searchParams.set('scope', 'bot applications.commands');
  url.searchParams.set('permissions', String(bits));
  return url.href;
}

/** A bot token begins with the id of its application, in base 64. */
function applicationOf(token: string | undefined): string | undefined {
  const [head = ''] = (token ?? '').split('.');
  const id = Buffer.from(head, 'base64').toString('latin1');
  return /^\d{17,20}$/.test(id) ? id : undefined;
}
