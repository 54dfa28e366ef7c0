/** What well-known programs that change things do, in words for the card, with the risk that goes with it. */
import { ask, askAlways, type Finding } from './finding.ts';

const reasons = new Map<string, readonly ['medium' | 'high', string]>();

function add(risk: 'medium' | 'high', reason: string, names: string): void {
  for (const name of names.split(' ')) reasons.set(name, [risk, reason]);
}

add('medium', 'deletes files', 'rm rmdir unlink');
add('high', 'destroys the content of files', 'shred truncate dd');
add('medium', 'moves or overwrites files', 'mv cp install rename');
add('medium', 'creates files or folders', 'mkdir touch mkfifo mktemp split csplit');
add('medium', 'makes links', 'ln link');
add('medium', 'writes to files', 'tee sponge patch');
add('medium', 'changes permissions or owners', 'chmod chown chgrp setfacl chattr umask');
add(
  'medium',
  'packs or unpacks files, possibly over existing ones',
  'tar zip unzip gzip gunzip bzip2 xz 7z cpio ar',
);
add('medium', 'ends processes', 'kill pkill killall');
add(
  'high',
  'reaches another machine',
  'curl wget nc ncat netcat socat telnet ftp sftp scp rsync dig nslookup host ping',
);
add(
  'high',
  'installs, removes or runs packages',
  'apt apt-get dpkg yum dnf apk pacman brew snap pip pip3 gem',
);
add(
  'medium',
  'runs scripts of the project or installs packages',
  'npm yarn pnpm cargo go mvn gradle composer bundle',
);
add(
  'medium',
  'runs the build or tests of the project',
  'make cmake ninja vitest jest pytest tox tsc eslint biome',
);
add('high', 'controls containers or virtual machines', 'docker podman kubectl helm vagrant');
add(
  'high',
  'controls services or the system',
  'systemctl service mount umount sysctl iptables nft ip crontab at batch',
);
add('high', 'changes accounts or passwords', 'passwd useradd usermod userdel groupadd chpasswd visudo');
add('medium', 'shows the environment', 'env printenv set export declare typeset readonly unset local');
add('medium', 'shows the processes of the machine', 'ps top htop pgrep lsof ss netstat');
add(
  'medium',
  'changes the shell itself',
  'alias unalias trap ulimit shopt enable hash cd pushd popd read mapfile exit wait',
);

/** Programs that can run anything they are told to, once started. */
const openEnded = new Set(
  'vi vim nvim nano emacs ed ex less more man gdb lldb sqlite3 psql mysql mongo redis-cli npx bunx uvx pipx gh aws'.split(
    ' ',
  ),
);

export function describeEffect(name: string, hasRecursiveOrForce: boolean): Finding {
  if (openEnded.has(name)) return askAlways('high', `\`${name}\` can run other programs`);
  const known = reasons.get(name);
  if (known === undefined) return ask('medium', `\`${name}\` is not on the list of read-only programs`);
  const [risk, reason] = known;
  return ask(name === 'rm' && hasRecursiveOrForce ? 'high' : risk, reason);
}
