/** `parley check` and `parley schema`: the configuration, offline. */
import { jsonSchema } from '../config/schema.ts';
import { type CommonOptions, load, printLine } from './command-line.ts';

export async function check(options: CommonOptions): Promise<number> {
  const { file, config, profiles } = load(options);
  const on = Object.entries(config.channels)
    .filter(([, section]) => section?.enabled === true)
    .map(([name]) => name);
  const servers = Object.keys(config.tools.mcp.servers);
  const mcp = servers.length === 0 ? '' : ` MCP servers: ${servers.join(', ')}.`;
  printLine(
    `${file ?? 'built-in defaults'}: no problems. Channels: ${on.join(', ') || 'none'}; profiles: ${[...profiles.keys()].join(', ')}.${mcp}`,
  );
  return 0;
}

export async function schema(): Promise<number> {
  printLine(JSON.stringify(jsonSchema(), null, 2));
  return 0;
}
