/**
 * A filter of system calls for bubblewrap, assembled here as classic BPF (pure). It takes away what programs of a
 * sandbox have no use for and attackers have: tracing others, mounting, new user namespaces, exotic sockets, the kernel's
 * riskier doors.
 */

type Numbers = { readonly arch: number; readonly denied: readonly number[] } & Readonly<
  Record<'clone' | 'clone3' | 'ioctl' | 'socket', number>
>;

/** The same on every architecture: io_uring, the new mount calls, stealing descriptors. */
const common = [425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442];

/**
 * In the order of both tables: ptrace, process_vm_readv, process_vm_writev, kcmp · mount, umount2, pivot_root, chroot,
 * setns, unshare · add_key, request_key, keyctl · bpf, perf_event_open, userfaultfd · init_module, delete_module,
 * finit_module, kexec_load, kexec_file_load, reboot, swapon, swapoff · name_to_handle_at, open_by_handle_at · acct,
 * quotactl, syslog, vhangup, settimeofday, clock_settime, adjtimex, clock_adjtime.
 */
const tables: Readonly<Record<string, Numbers>> = {
  x64: {
    arch: 0xc000003e,
    clone: 56,
    clone3: 435,
    ioctl: 16,
    socket: 41,
    denied: [
      ...common,
      ...[101, 310, 311, 312, 165, 166, 155, 161, 308, 272, 248, 249, 250, 321, 298, 323],
      ...[175, 176, 313, 246, 320, 169, 167, 168, 303, 304, 163, 179, 103, 153, 164, 227, 159, 305],
    ],
  },
  arm64: {
    arch: 0xc00000b7,
    clone: 220,
    clone3: 435,
    ioctl: 29,
    socket: 198,
    denied: [
      ...common,
      ...[117, 270, 271, 272, 40, 39, 41, 51, 268, 97, 217, 218, 219, 280, 241, 282],
      ...[105, 106, 273, 104, 294, 142, 224, 225, 264, 265, 89, 60, 116, 58, 170, 112, 171, 266],
    ],
  },
};

const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_SET = 0x45;
const RETURN = 0x06;

const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
/** What an old kernel answers: libraries then take the older call, whose flags can be looked at. */
const ENOSYS = 0x00050026;

const EAFNOSUPPORT = 0x00050061;

/** Offsets in `struct seccomp_data`; of the arguments the lower half, both architectures are little-endian. */
const NUMBER = 0;
const ARCH = 4;
const argument = (index: number): number => 16 + index * 8;

/** Calls of the x32 interface carry this bit and would slip past the numbers above. */
const X32 = 0x40000000;
const CLONE_NEWUSER = 0x10000000;
/** Puts characters into the terminal as if they had been typed; the second does it on the console. */
const INJECTING = [0x5412, 0x541c];

/**
 * Unspecified, local, IPv4, IPv6, netlink. Others have no use here, and some know no namespaces: a virtual machine's
 * socket to its host is open to everybody inside.
 */
const FAMILIES = [0, 1, 2, 10, 16];

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number];

const load = (offset: number): Instruction => [LOAD, 0, 0, offset];
const give = (value: number): Instruction => [RETURN, 0, 0, value];
/** Runs the next instruction only when the loaded value equals `value`. */
const whenEqual = (value: number): Instruction => [JUMP_EQUAL, 0, 1, value];
const whenSet = (bits: number): Instruction => [JUMP_SET, 0, 1, bits];

function program({ arch, denied, clone, clone3, ioctl, socket }: Numbers): Instruction[] {
  const inspect = (call: number, body: readonly Instruction[]): Instruction[] => [
    load(NUMBER),
    [JUMP_EQUAL, 0, body.length, call],
    ...body,
  ];
  return [
    load(ARCH),
    [JUMP_EQUAL, 1, 0, arch],
    give(ENOSYS),
    load(NUMBER),
    whenSet(X32),
    give(ENOSYS),
    whenEqual(clone3),
    give(ENOSYS),
    ...denied.flatMap((call) => [whenEqual(call), give(EPERM)]),
    ...inspect(clone, [load(argument(0)), whenSet(CLONE_NEWUSER), give(EPERM)]),
    ...inspect(ioctl, [
      load(argument(1)),
      ...INJECTING.flatMap((request) => [whenEqual(request), give(EPERM)]),
    ]),
    ...inspect(socket, [
      load(argument(0)),
      ...FAMILIES.map((family, index): Instruction => [JUMP_EQUAL, FAMILIES.length - index, 0, family]),
      give(EAFNOSUPPORT),
    ]),
    give(ALLOW),
  ];
}

/** Null where the numbers of the system calls are not known. @param arch as `process.arch` */
export function seccompFilter(arch: string): Buffer | null {
  const numbers = Object.hasOwn(tables, arch) ? tables[arch] : undefined;
  if (numbers === undefined) return null;
  const instructions = program(numbers);
  const bytes = Buffer.alloc(instructions.length * 8);
  for (const [index, [code, ifTrue, ifFalse, value]] of instructions.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  }
  return bytes;
}
