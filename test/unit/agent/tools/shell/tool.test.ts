import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openSandbox, type SandboxConfig } from '../../../../../src/agent/tools/sandbox.ts';
import { createShellTool } from '../../../../../src/agent/tools/shell/tool.ts';
import { contextFor, execute, fillProject, noOwnFiles, scratch } from '../scratch.ts';

const open = await openSandbox({ mode: 'off', hide: [] });
const confined = await openSandbox({ mode: 'auto', hide: [] });

const shellIn = (sandbox = open, timeoutMs = 20_000) =>
  createShellTool({ ownFiles: noOwnFiles, sandbox, network: false, timeoutMs, maxOutputBytes: 2 ** 30 });
/** Agreed to and run, as in a turn. */
const runIn = async (workspace: string, command: string, sandbox = open, more: object = {}) => {
  const { files = {} } = await shellIn(sandbox).assess({ command }, { workspace });
  return execute(shellIn(sandbox), { command, ...more }, contextFor(workspace, { files }));
};

describe('shell', () => {
  it('runs in the workspace and reports the exit code in words and as a fact', async () => {
    const { workspace } = scratch();
    expect(await runIn(workspace, 'pwd')).toMatchObject({
      ok: true,
      output: `${workspace}\n`,
      metadata: { exitCode: 0 },
    });
    expect(await runIn(workspace, 'exit 3')).toMatchObject({ ok: false, output: '[exit code 3]' });
    expect(await runIn(workspace, 'true')).toMatchObject({ ok: true, output: '[no output]' });
    expect(await runIn(workspace, 'no-such-program')).toMatchObject({
      ok: false,
      output: expect.stringContaining('no-such-program'),
    });
  });

  it('A20 hands plain words to the program without a shell', async () => {
    const { workspace } = scratch();
    const started: (readonly string[])[] = [];
    const watched: typeof open = {
      ...open,
      wrap(argv, place) {
        started.push(argv);
        return open.wrap(argv, place);
      },
    };
    expect((await runIn(workspace, `printf '%s|' 'a b' '$HOME' '*' "c;d"`, watched)).output).toBe(
      'a b|$HOME|*|c;d|',
    );
    expect((await runIn(workspace, 'printf a; echo', watched)).output).toBe('a\n');
    expect(started[0]).toEqual(['printf', '%s|', 'a b', '$HOME', '*', 'c;d']);
    expect(started[1]?.[0]).toMatch(/^\/bin\/(ba)?sh$/);
  });

  it('E26 A19 shows a command nothing of the environment of the gateway', async () => {
    const { workspace } = scratch();
    vi.stubEnv('OPENAI_API_KEY', 'canary-7f3a');
    vi.stubEnv('BASH_ENV', '/nowhere');
    const { output } = await runIn(workspace, 'env');
    vi.unstubAllEnvs();
    expect(output).not.toContain('canary-7f3a');
    const names = output
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names).not.toContain('BASH_ENV');
    expect(names).toEqual(expect.arrayContaining(['PATH', 'HOME', 'LANG', 'TERM']));
    expect(output).toContain(`HOME=${workspace}\n`);
  });

  it('E25 stops a command at its own limit and says so', async () => {
    const { workspace } = scratch();
    const result = await runIn(workspace, 'echo before; sleep 300', open, { timeout_seconds: 1 });
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.timeout' } });
    expect(result.output).toBe('before\n[stopped after 1 s: it took too long]');
  });

  it('E21 refuses a blocked command even when somebody runs it past the policy', async () => {
    const { workspace } = scratch();
    const result = await runIn(workspace, 'echo ran > proof; mkfs /dev/null');
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.refused' } });
    expect(existsSync(join(workspace, 'proof'))).toBe(false);
  });

  it('E27 shows all of the command, and where it would run', async () => {
    const { workspace } = scratch();
    const assessment = await shellIn().assess({ command: 'rm -r build\nls' }, { workspace });
    expect(assessment).toMatchObject({
      decision: 'ask',
      risk: 'high',
      display: { question: 'Run this command?', text: 'rm -r build\nls', title: 'Ran rm -r build…' },
    });
    expect(assessment.sandbox?.([])).toBe('none (turned off)');
  });

  it('a read may run again after a crash, anything else may not', async () => {
    const { workspace } = scratch();
    expect((await shellIn().assess({ command: 'ls' }, { workspace })).effect).toBe('read');
    expect((await shellIn().assess({ command: 'touch x' }, { workspace })).effect).toBeUndefined();
  });

  it('A7 gives the digest of a script, which changes with it', async () => {
    const { workspace } = scratch();
    writeFileSync(join(workspace, 'x.sh'), 'echo 1\n');
    const filesOf = async () => (await shellIn().assess({ command: 'sh x.sh' }, { workspace })).files ?? {};
    const before = await filesOf();
    expect(Object.keys(before)).toEqual([join(workspace, 'x.sh')]);
    expect(await filesOf()).toEqual(before);
    writeFileSync(join(workspace, 'x.sh'), 'echo 2\n');
    expect(await filesOf()).not.toEqual(before);
  });
});

describe(`the sandbox (here: ${confined.describe(false)})`, () => {
  const config: SandboxConfig = { mode: 'require', hide: [] };

  it('A25 refuses to run anything when it is required and missing', async () => {
    const { workspace } = scratch();
    const sandbox = await openSandbox(config, async () => 'bubblewrap is not installed');
    const assessment = await shellIn(sandbox).assess({ command: 'ls' }, { workspace });
    expect(assessment).toMatchObject({
      decision: 'deny',
      risk: 'blocked',
      reasons: [expect.stringContaining('apt-get install bubblewrap')],
      alwaysKey: null,
    });
    const result = await runIn(workspace, 'touch proof', sandbox);
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.refused' } });
    expect(existsSync(join(workspace, 'proof'))).toBe(false);
  });

  it('says so when there is none and it is not required', async () => {
    const { workspace } = scratch();
    const sandbox = await openSandbox({ ...config, mode: 'auto' }, async () => 'bubblewrap is not installed');
    expect(sandbox).toMatchObject({ active: false, refusal: null });
    expect(sandbox.describe(false)).toBe('none (bubblewrap is not installed)');
    const assessment = await shellIn(sandbox).assess({ command: 'ls' }, { workspace });
    expect(assessment.decision).toBe('allow');
    expect(assessment.sandbox?.([])).toBe('none (bubblewrap is not installed)');
    expect((await runIn(workspace, 'touch proof', sandbox)).ok).toBe(true);
  });

  it('does not even probe when it is turned off', async () => {
    const probe = vi.fn(async () => null);
    expect((await openSandbox({ ...config, mode: 'off' }, probe)).active).toBe(false);
    expect(probe).not.toHaveBeenCalled();
  });

  it('works wherever bubblewrap does, whatever files are to be hidden', async () => {
    const { outside } = scratch();
    const works =
      spawnSync('bwrap', ['--ro-bind', '/', '/', '--unshare-pid', '--unshare-net', 'true']).status === 0;
    const file = join(outside, '.env');
    writeFileSync(file, 'TOKEN=canary');
    const sandbox = await openSandbox({
      mode: 'auto',
      hide: [file, outside, '/etc/hostname', '/etc/cron.d'],
    });
    expect(sandbox.active).toBe(works);
  });

  // Where bubblewrap does not work the same commands run in the open; then only what holds there is checked.
  const { active } = confined;

  it('lets a command write in the workspace', async () => {
    const { workspace } = scratch();
    expect((await runIn(workspace, 'echo a > made && cat made', confined)).output).toBe('a\n');
    expect(readFileSync(join(workspace, 'made'), 'utf8')).toBe('a\n');
  });

  it('A24 keeps it from writing elsewhere and from seeing other files beside the workspace', async () => {
    const { workspace, outside } = scratch();
    writeFileSync(join(outside, 'secret'), 'canary');
    const { output } = await runIn(
      workspace,
      `touch /usr/x /etc/x; cat ${outside}/secret; ls -A /root /home`,
      confined,
    );
    expect(output.includes('canary')).toBe(!active);
    if (active) expect(output).toMatch(/Read-only file system|Permission denied/);
  });

  it('A40 hides what the gateway names: database, settings', async () => {
    const { workspace, outside } = scratch();
    const data = join(outside, 'data');
    mkdirSync(join(data, 'inside'), { recursive: true });
    writeFileSync(join(data, 'parley.db'), 'canary');
    const hiding = await openSandbox({
      mode: 'auto',
      hide: [data, join(outside, 'nothing')],
    });
    const { output } = await runIn(workspace, `cat ${data}/parley.db`, hiding);
    expect(output.includes('canary')).toBe(!active);
    const inner = join(data, 'inside');
    expect((await runIn(inner, `echo b > b; ls; ls ${data}`, hiding)).output).toBe(
      active ? 'b\ninside\n' : 'b\ninside\nparley.db\n',
    );
  });

  it('A24 shows it only its own processes, and no network', async () => {
    const { workspace } = scratch();
    const { output } = await runIn(workspace, 'ls -d /proc/[0-9]*; cat /proc/net/dev', confined);
    const processes = output.split('\n').filter((line) => /^\/proc\/\d+$/.test(line));
    if (active) expect(processes.length).toBeLessThan(6);
    const devices = output.split('\n').filter((line) => /^\s*\w+:/.test(line));
    if (active) expect(devices.map((line) => line.trim().split(':')[0])).toEqual(['lo']);
    expect(processes.length).toBeGreaterThan(0);
  });

  it('A21 keeps git hooks and settings as they are', async () => {
    const { workspace } = scratch();
    fillProject(workspace);
    mkdirSync(join(workspace, '.git/hooks'), { recursive: true });
    await runIn(
      workspace,
      'echo x > .git/hooks/pre-commit; echo "[core]" >> .git/config; mv .git/hooks h',
      confined,
    );
    expect(existsSync(join(workspace, '.git/hooks/pre-commit'))).toBe(
      !active && existsSync(join(workspace, '.git/hooks')),
    );
    if (active)
      expect(readFileSync(join(workspace, '.git/config'), 'utf8').match(/\[core\]/g)).toHaveLength(1);
  });

  it('E25 ends everything inside at the timeout, also what left the process group', async () => {
    const { workspace } = scratch();
    const mark = join(workspace, 'beat');
    writeFileSync(join(workspace, 'beat.sh'), 'while :; do date +%s%N > beat; sleep 0.05; done\n');
    chmodSync(join(workspace, 'beat.sh'), 0o755);
    const background = active ? 'setsid sh beat.sh' : 'sh beat.sh';
    const result = await runIn(
      workspace,
      `${background} & until [ -s beat ]; do :; done; sleep 300`,
      confined,
      {
        timeout_seconds: 1,
      },
    );
    expect(result.metadata.errorCode).toBe('tool.timeout');
    // Two equal readings with several beats of time between them: nobody writes any more.
    await vi.waitFor(
      async () => {
        const before = readFileSync(mark, 'utf8');
        await new Promise((resolve) => setTimeout(resolve, 300));
        expect(readFileSync(mark, 'utf8')).toBe(before);
      },
      { timeout: 5_000 },
    );
  });
});
