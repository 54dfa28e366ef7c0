/** A24, A25, A40: what a command inside the sandbox can see, call and use up. Where there is none, that is what is said. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bubblewrapped } from '../../src/agent/tools/bubblewrap.ts';
import { openSandbox } from '../../src/agent/tools/sandbox.ts';
import { remedyFor } from '../../src/agent/tools/sandbox-remedy.ts';
import { seccompFilter } from '../../src/agent/tools/seccomp.ts';
import { createShellTool } from '../../src/agent/tools/shell/tool.ts';
import { contextFor, execute, noOwnFiles, scratch } from '../unit/agent/tools/scratch.ts';

const sandbox = await openSandbox({ mode: 'auto', hide: [] });
const { active } = sandbox;

const tool = createShellTool({
  ownFiles: noOwnFiles,
  sandbox,
  network: false,
  timeoutMs: 20_000,
  maxOutputBytes: 2 ** 30,
});
const inside = (command: string, workspace = scratch().workspace) =>
  execute(tool, { command }, contextFor(workspace));

/** The numbers below are those of x86-64; elsewhere perl would call something else. */
const canCall = process.arch === 'x64' && existsSync('/usr/bin/perl');

/** Calls a system call by its number, through an interpreter that every Debian has. */
const syscall = (number: number, ...args: (number | string)[]): string =>
  `perl -e '$r = syscall(${[number, ...args].join(', ')}); print $r, " ", $!+0, "\\n"'`;

describe(`A24 inside (here: ${sandbox.describe(false)})`, () => {
  const calls: [string, string][] = [
    ['ptrace', syscall(101, 0, 0, 0, 0)],
    ['process_vm_readv', syscall(310, 1, 0, 0, 0, 0, 0)],
    ['mount', syscall(165, 0, 0, 0, 0, 0)],
    ['unshare of a user namespace', syscall(272, 0x10000000)],
    ['setns', syscall(308, 0, 0)],
    ['clone of a user namespace', syscall(56, 0x10000000, 0, 0, 0, 0)],
    ['keyctl', syscall(250, 0, -3, 0, 0, 0)],
    ['add_key', syscall(248, 0, 0, 0, 0, 0)],
    ['bpf', syscall(321, 0, 0, 0)],
    ['perf_event_open', syscall(298, 0, 0, 0, 0, 0)],
    ['userfaultfd', syscall(323, 0)],
    ['io_uring_setup', syscall(425, 1, 0)],
    ['open_by_handle_at', syscall(304, 0, 0, 0)],
    ['TIOCSTI', syscall(16, 0, 0x5412, 0)],
    ['TIOCSTI with high bits set', syscall(16, 0, 0x1_0000_5412, 0)],
    ['TIOCLINUX', syscall(16, 0, 0x541c, 0)],
    ['a socket to the host of a virtual machine', syscall(41, 40, 1, 0)],
    ['a socket of the crypto interface', syscall(41, 38, 5, 0)],
    ['a raw packet socket', syscall(41, 17, 3, 0)],
    ['a bluetooth socket', syscall(41, 31, 5, 0)],
    ['ptrace in the x32 numbering', syscall(0x40000000 + 521, 0, 0, 0, 0)],
  ];

  it.each(calls)('A24 the filter of system calls refuses %s', async (_name, command) => {
    if (!active || !canCall) return;
    // EPERM, ENOSYS where an older call is the way, EAFNOSUPPORT for sockets.
    expect((await inside(command)).output).toMatch(/^-1 (1|38|97)\n/);
  });

  it('A24 ordinary sockets work under the filter', async () => {
    if (!active || !canCall) return;
    const families = [
      syscall(41, 1, 1, 0),
      syscall(41, 2, 1, 0),
      syscall(41, 10, 1, 0),
      syscall(41, 16, 3, 0),
    ];
    for (const command of families) expect((await inside(command)).output).toMatch(/^\d+ /);
  });

  it('A24 everyday programs work under the filter', async () => {
    const result = await inside('echo a | sort | cat; sleep 0; (true & wait); date > d; ls d');
    expect(result).toMatchObject({ ok: true, output: 'a\nd\n' });
  });

  it('A24 has no capabilities, no way to gain any, and a terminal of nobody', async () => {
    const { output } = await inside('grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; tty');
    if (!active) return;
    expect(output).toMatch(/CapEff:\s0+\n/);
    expect(output).toMatch(/NoNewPrivs:\s1\n/);
    expect(output).toMatch(/Seccomp:\s2\n/);
    expect(output).toContain('not a tty');
  });

  it('A24 sees its own processes and not the environment of the gateway', async () => {
    const { output } = await inside(
      'cat /proc/*/environ | tr "\\0" "\\n" | cut -d= -f1 | sort -u; cat /proc/*/comm',
    );
    if (!active) return;
    for (const name of ['VITEST', 'npm_config', 'NODE_ENV']) expect(output).not.toContain(name);
    expect(output).not.toContain('systemd');
  });

  it.each([
    '/run/docker.sock',
    '/var/run/docker.sock',
    '/run/containerd/containerd.sock',
    '/run/user',
    '/run/secrets',
    '/etc/shadow',
    '/etc/ssh',
    '/root/.ssh',
    '/home/',
    '/var/log',
    '/var/backups',
    join(homedir(), '.bashrc'),
  ])('A24 A40 holds nothing under %s', async (path) => {
    if (!active) return;
    const { output } = await inside(
      `if [ -d ${path} ]; then ls -A ${path}; else cat ${path}; fi 2>/dev/null | wc -c`,
    );
    expect(output).toBe('0\n');
  });

  it.each([
    '/usr/x',
    '/etc/x',
    '/bin/x',
    '/opt/x',
    '/var/x',
    '/dev/sda',
    '/proc/sys/kernel/hostname',
    '/sys/x',
  ])('A24 cannot write to %s', async (path) => {
    if (!active) return;
    expect((await inside(`echo pwned > ${path}`)).ok).toBe(false);
  });

  it('A24 devices are the harmless ones', async () => {
    if (!active) return;
    const names = (await inside('ls /dev')).output.trim().split('\n');
    expect(names).toEqual(expect.arrayContaining(['null', 'zero', 'urandom']));
    for (const name of ['sda', 'mem', 'kmsg', 'fuse', 'kvm', 'nvme0n1']) expect(names).not.toContain(name);
  });

  it('A24 its host name, processes and shared memory are its own; the network has nothing but loopback', async () => {
    if (!active) return;
    const own = async (kind: string) => (await inside(`readlink /proc/self/ns/${kind}`)).output;
    const { readlinkSync } = await import('node:fs');
    for (const kind of ['pid', 'ipc', 'uts', 'net', 'mnt'])
      expect(await own(kind)).not.toBe(`${readlinkSync(`/proc/self/ns/${kind}`)}\n`);
  });

  it('F28 A24 its resources are limited: memory, files, descriptors, no core files', async () => {
    const { output } = await inside('ulimit -d; ulimit -f; ulimit -n; ulimit -c');
    if (active) expect(output).toBe('4194304\n1048576\n4096\n0\n');
    if (!active) return;
    expect((await inside('truncate -s 2000000000 big; echo status $?')).output).toContain('status 153');
    expect(
      (await inside('exec 3< .; for i in $(seq 4 5000); do eval "exec $i<." || break; done; echo last $i'))
        .output,
    ).toMatch(/last 40\d\d\n/);
  });

  it('F28 A24 memory that is written to is limited, address space is not', async () => {
    if (!active || !canCall) return;
    // mmap of private memory: 5 GB to read and write are refused, 5 GB of mere addresses are not.
    expect((await inside(syscall(9, 0, 5e9, 3, 0x22, -1, 0))).output).toBe('-1 12\n');
    expect((await inside(syscall(9, 0, 5e9, 0, 0x22, -1, 0))).output).toMatch(/^\d+ /);
  });
});

describe('A21 A25 what must hold on the host afterwards', () => {
  it.each(['with hooks', 'without hooks'])('A21 a repository %s gets none', async (which) => {
    const { workspace } = scratch();
    mkdirSync(join(workspace, which === 'with hooks' ? '.git/hooks' : '.git'), { recursive: true });
    writeFileSync(join(workspace, '.git/config'), '[core]\n\tbare = false\n');
    const { output } = await inside(
      'mkdir -p .git/hooks; echo x > .git/hooks/pre-commit; echo y > .git/hooks/post-index-change; ' +
        'git config core.fsmonitor ./x; mv .git/hooks .git/h; rm -r .git/hooks; ls -A .git/hooks; cat .git/config',
      workspace,
    );
    if (!active) return;
    expect(output).not.toContain('fsmonitor');
    const { readdirSync } = await import('node:fs');
    expect(readdirSync(join(workspace, '.git/hooks'))).toEqual([]);
  });

  it('A25 children, background jobs and sessions of their own stay inside', async () => {
    if (!active) return;
    const { output } = await inside(
      'setsid sh -c "touch /usr/x; readlink /proc/self/ns/net" ; readlink /proc/self/ns/net',
    );
    const namespaces = output.match(/net:\[\d+\]/g) ?? [];
    expect(new Set(namespaces).size).toBe(1);
    expect(output).toMatch(/Read-only file system|Permission denied/);
  });
});

describe('A25 the filter and the advice, wherever this runs', () => {
  it('A24 assembles a program for each architecture that is known, and none for others', () => {
    for (const arch of ['x64', 'arm64']) {
      const filter = seccompFilter(arch);
      expect((filter?.length ?? 1) % 8).toBe(0);
      // Ends by allowing: a number that nothing matched is an ordinary call.
      expect(filter?.readUInt32LE((filter?.length ?? 0) - 4)).toBe(0x7fff0000);
    }
    for (const arch of ['riscv64', 'ia32', '__proto__', '']) expect(seccompFilter(arch)).toBeNull();
  });

  it.each([
    ['bubblewrap is not installed', {}, false, 'apt-get install bubblewrap'],
    ['denied', { 'kernel.unprivileged_userns_clone': '0' }, false, 'kernel.unprivileged_userns_clone=1'],
    ['denied', { 'user.max_user_namespaces': '0' }, false, 'user.max_user_namespaces=15000'],
    ['denied', { 'kernel.apparmor_restrict_unprivileged_userns': '1' }, false, 'AppArmor profile'],
    ['denied', {}, true, '--security-opt seccomp=unconfined'],
    ['denied', { 'user.max_user_namespaces': '100' }, false, 'Allow unprivileged user namespaces'],
  ])('says what to change: %s %j container %s', (why, settings, inContainer, advice) => {
    const setting = (name: string) => new Map(Object.entries(settings)).get(name);
    expect(remedyFor(why, { setting, inContainer })).toContain(advice);
  });
});

it('A24 what ends all of a namespace does nothing anywhere else', () => {
  const { workspace } = scratch();
  const { argv } = bubblewrapped(['touch', join(workspace, 'ran')], { workspace, network: false }, []);
  const [text = '', ...words] = argv.slice(argv.indexOf('/bin/sh') + 2);
  // Nothing here may ever do what it says.
  const harmless = text.replace('kill -9 -1', `touch ${join(workspace, 'ended')}`);
  expect(harmless).not.toBe(text);
  const { status } = spawnSync('/bin/sh', ['-c', harmless, ...words], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    timeout: 10_000,
  });
  expect(status).toBe(125);
  expect(readdirSync(workspace)).toEqual([]);
});
