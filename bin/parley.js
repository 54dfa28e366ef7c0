#!/usr/bin/env node
// Checks the Node version before anything is imported that an older one cannot read: TypeScript and native modules.
import * as module from 'node:module';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `Parley needs Node 22.19 or newer, and this is ${process.version}. Use "npm start", which brings its own Node, or install Node 24.\n`,
  );
  process.exitCode = 1;
} else {
  // Keeps compiled code beside the packages it comes from: nothing is stripped or compiled again at the next
  // start. Where that folder cannot be written it is simply not kept.
  module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/parley', import.meta.url)));
  const { program } = await import('./packed.js');
  const { main } = await import(program());
  process.exitCode = await main(process.argv.slice(2));
}
