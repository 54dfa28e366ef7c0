#!/usr/bin/env node
// Checks the Node version before anything is imported that an older one cannot read: TypeScript and native modules.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `Parley needs Node 22.18 or newer, and this is ${process.version}. Use "npm start", which brings its own Node, or install Node 24.\n`,
  );
  process.exitCode = 1;
} else {
  const { main } = await import('../src/main.ts');
  process.exitCode = await main(process.argv.slice(2));
}
