/** `parley manifest slack`: what to paste when the Slack app is created. */
import { slackManifest } from '../channels/slack/manifest.ts';
import { commands } from '../gateway/commands/index.ts';
import { printLine } from './command-line.ts';

export type ManifestOptions = { readonly http?: string };

export async function manifest(platform: string, options: ManifestOptions): Promise<number> {
  if (platform !== 'slack') {
    process.stderr.write(`There is a manifest for slack only, not for "${platform}".\n`);
    return 2;
  }
  if (options.http !== undefined && !/^https:\/\/[^/]/.test(options.http)) {
    process.stderr.write('--http needs the https address at which Slack reaches this Parley.\n');
    return 2;
  }
  printLine(JSON.stringify(slackManifest({ commands, publicUrl: options.http ?? null }), null, 2));
  return 0;
}
