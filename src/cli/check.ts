/** `parley check` and `parley schema`: the configuration, offline. */

import { approvalProblems, refusedRules } from '../approval-problems.ts';
import { configError } from '../config/problems.ts';
import { jsonSchema } from '../config/schema.ts';
import { openOffline } from '../offline.ts';
import { type CommonOptions, load, printLine, quietLog } from './command-line.ts';

export async function check(options: CommonOptions): Promise<number> {
  const loaded = load(options);
  const { file, config, profiles } = loaded;
  const offline = await openOffline(loaded, quietLog(loaded));
  const problems = [...approvalProblems(loaded, offline), ...(await refusedRules(loaded, offline))];
  if (problems.length > 0) throw configError(file ?? 'built-in defaults', problems);
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
