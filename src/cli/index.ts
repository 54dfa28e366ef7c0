/** The command line: every command with its options. Each lives in its own file, imported when it is used. */
import { Command, CommanderError } from 'commander';
import type { CommonOptions } from './command-line.ts';

type Action = () => Promise<number>;

/** Resolves to the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  let action: Action = async () => 0;
  const program = createProgram((chosen) => {
    action = chosen;
  });
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help that was asked for is no mistake.
    return error.exitCode === 0 ? 0 : 2;
  }
  return action();
}

function createProgram(choose: (action: Action) => void): Command {
  const program = new Command('parley')
    .description("A self-hosted gateway that puts one shared AI agent into a team's chat")
    .showHelpAfterError()
    .exitOverride();

  const command = (name: string, about: string): Command =>
    program.command(name).description(about).option('--config <file>', 'configuration file').exitOverride();

  // Without options of its own: it would take those meant for the command below it.
  const group = (name: string, about: string): Command =>
    program.command(name).description(about).exitOverride();

  command('start', 'run the gateway')
    .option('--dry-run', 'tools do nothing and nothing is kept')
    .action((options: CommonOptions & { dryRun?: boolean }) =>
      choose(async () => (await import('./start.ts')).start(options)),
    );
  command('init', 'ask, test each token live, write the configuration').action((options: CommonOptions) =>
    choose(async () => (await import('./init.ts')).init(options)),
  );
  command('invite', 'print the link that adds the bot to a server (discord)')
    .argument('<platform>', 'discord')
    .option('--application <id>', 'id of the application, when no token is configured')
    .option('--json', 'as JSON')
    .action((platform: string, options: CommonOptions & { application?: string; json?: boolean }) =>
      choose(async () => (await import('./invite.ts')).invite(platform, options)),
    );
  command('check', 'check the configuration, offline').action((options: CommonOptions) =>
    choose(async () => (await import('./check.ts')).check(options)),
  );
  command('schema', 'print the JSON Schema of the configuration').action(() =>
    choose(async () => (await import('./check.ts')).schema()),
  );
  program
    .command('manifest')
    .description('print the app manifest to paste when you create the app (slack)')
    .argument('<platform>', 'slack')
    .option('--http <url>', 'for mode: http, the public address of this Parley')
    .exitOverride()
    .action((platform: string, options: { http?: string }) =>
      choose(async () => (await import('./manifest.ts')).manifest(platform, options)),
    );
  command('doctor', 'look for what keeps Parley from working well')
    .option('--json', 'as JSON')
    .option('--fix', 'mend what can be mended safely')
    .action((options: CommonOptions & { json?: boolean; fix?: boolean }) =>
      choose(async () => (await import('./doctor.ts')).doctor(options)),
    );
  command('explain', 'tell what policy decides about an action, and by which rule')
    .option('--tool <name>', 'the tool')
    .option('--args <json>', 'its arguments')
    .option('--batch <file>', 'one {"tool","args"} a line instead')
    .option('--as <user>', 'who asks', 'web:owner')
    .option('--in <conversation>', 'where, as channel:conversation')
    .option('--after-untrusted', 'as after text from outside was read in the turn')
    .option('--json', 'as JSON')
    .action(
      (
        options: CommonOptions & {
          tool?: string;
          args?: string;
          batch?: string;
          as: string;
          in?: string;
          afterUntrusted?: boolean;
          json?: boolean;
        },
      ) => choose(async () => (await import('./explain.ts')).explain(options)),
    );
  command('turns', 'list turns, latest first')
    .option('--session <key>', 'of one session only')
    .option('--limit <n>', 'how many', '1000')
    .option('--json', 'one object a line')
    .action((options: CommonOptions & { session?: string; limit: string; json?: boolean }) =>
      choose(async () => (await import('./turns.ts')).turns(options)),
    );
  command('events', 'show the log of a turn')
    .argument('<turn>', 'id of the turn')
    .option('--json', 'one event a line')
    .action((turn: string, options: CommonOptions & { json?: boolean }) =>
      choose(async () => (await import('./turns.ts')).events(turn, options)),
    );
  command('output', 'print all that an action said, where it was too long for the log')
    .argument('<reference>', 'TURN/INDEX')
    .action((reference: string, options: CommonOptions) =>
      choose(async () => (await import('./turns.ts')).output(reference, options)),
    );
  addAudit(group('audit', 'export or verify the log of all turns'), choose);
  addApprovals(group('approvals', 'list or revoke approvals'), choose);
  addMemory(group('memory', 'list, search, add, forget, export or erase what is remembered'), choose);
  addReflections(group('reflections', 'list, show or undo what was learned from turns'), choose);
  addSkills(group('skills', 'list or show skills, or export the copies of one person'), choose);
  command('usage', 'show what the models were used for')
    .option('--since <day>', 'from this day on, YYYY-MM-DD')
    .option('--json', 'one object a line')
    .action((options: CommonOptions & { since?: string; json?: boolean }) =>
      choose(async () => (await import('./usage.ts')).usage(options)),
    );
  command('backup', 'copy the database while it is in use')
    .argument('<file>', 'where to')
    .action((file: string, options: CommonOptions) =>
      choose(async () => (await import('./backup.ts')).backup(file, options)),
    );
  command('restore', 'put a backup back; the gateway must be stopped')
    .argument('<file>', 'the backup')
    .action((file: string, options: CommonOptions) =>
      choose(async () => (await import('./backup.ts')).restore(file, options)),
    );
  return program;
}

function addReflections(parent: Command, choose: (action: Action) => void): void {
  const command = (name: string, about: string): Command =>
    parent.command(name).description(about).option('--config <file>', 'configuration file').exitOverride();
  command('list', 'what came of each, latest first')
    .option('--user <id>', 'of one person only, with all accounts')
    .option('--limit <n>', 'how many', '1000')
    .option('--json', 'one object a line')
    .action((options: CommonOptions & { user?: string; limit: string; json?: boolean }) =>
      choose(async () => (await import('./reflections.ts')).list(options)),
    );
  command('show', 'what one has changed, as a diff')
    .argument('<id>', 'id of the reflection')
    .option('--json', 'as JSON')
    .action((id: string, options: CommonOptions & { json?: boolean }) =>
      choose(async () => (await import('./reflections.ts')).show(id, options)),
    );
  command('undo', 'put everything back as it was before')
    .argument('<id>', 'id of the reflection')
    .action((id: string, options: CommonOptions) =>
      choose(async () => (await import('./reflections.ts')).undo(id, options)),
    );
}

function addSkills(parent: Command, choose: (action: Action) => void): void {
  const command = (name: string, about: string): Command =>
    parent.command(name).description(about).option('--config <file>', 'configuration file').exitOverride();
  const OWNER = ['--owner <id>', 'whose, such as slack:U012ABC'] as const;
  const PLACE = ['--place <place>', 'as there, instead of in private; "list" names the places'] as const;
  type Options = CommonOptions & { owner?: string; place?: string; json?: boolean };
  command('list', 'the skills there are, and which are copies of one person')
    .option(...OWNER)
    .option('--json', 'one object a line')
    .action((options: Options) => choose(async () => (await import('./skills.ts')).list(options)));
  command('show', 'the whole SKILL.md of one')
    .argument('<name>', 'name of the skill')
    .option(...OWNER)
    .option(...PLACE)
    .action((name: string, options: Options) =>
      choose(async () => (await import('./skills.ts')).show(name, options)),
    );
  command('export', 'write the copies of one person as folders in the Agent Skills format')
    .argument('<folder>', 'where to')
    .requiredOption(...OWNER)
    .option(...PLACE)
    .action((folder: string, options: Options & { owner: string }) =>
      choose(async () => (await import('./skills.ts')).exportTo(folder, options)),
    );
}

function addAudit(parent: Command, choose: (action: Action) => void): void {
  parent
    .command('export')
    .description('every event of every turn, with its hashes')
    .option('--config <file>', 'configuration file')
    .option('--since <time>', 'from this time on, ISO 8601')
    .option('--jsonl', 'one event a line (the only form)')
    .exitOverride()
    .action((options: CommonOptions & { since?: string }) =>
      choose(async () => (await import('./audit.ts')).auditExport(options)),
    );
  parent
    .command('verify')
    .description('check that the log is gapless, unaltered and in step with the tables')
    .option('--config <file>', 'configuration file')
    .exitOverride()
    .action((options: CommonOptions) =>
      choose(async () => (await import('./audit.ts')).auditVerify(options)),
    );
}

function addApprovals(parent: Command, choose: (action: Action) => void): void {
  parent
    .command('list')
    .description('what waits for a decision, and what is always allowed')
    .option('--config <file>', 'configuration file')
    .option('--json', 'one object a line')
    .exitOverride()
    .action((options: CommonOptions & { json?: boolean }) =>
      choose(async () => (await import('./approvals.ts')).list(options)),
    );
  parent
    .command('revoke')
    .description('take back an always')
    .argument('<id>', 'id of the grant')
    .option('--config <file>', 'configuration file')
    .exitOverride()
    .action((id: string, options: CommonOptions) =>
      choose(async () => (await import('./approvals.ts')).revoke(id, options)),
    );
}

function addMemory(parent: Command, choose: (action: Action) => void): void {
  const command = (name: string, about: string): Command =>
    parent
      .command(name)
      .description(about)
      .option('--config <file>', 'configuration file')
      .option('--json', 'one object a line')
      .exitOverride();
  type Options = CommonOptions & { json?: boolean; user?: string };
  command('list', 'what is remembered, oldest first')
    .option('--user <id>', 'about one person only')
    .action((options: Options) => choose(async () => (await import('./memory.ts')).list(options)));
  command('search', 'what is remembered that holds these words')
    .argument('<words>', 'what to look for')
    .option('--user <id>', 'about one person only')
    .action((words: string, options: Options) =>
      choose(async () => (await import('./memory.ts')).search(words, options)),
    );
  command('show', 'one entry with the words it was taken from')
    .argument('<id>', 'id of the entry')
    .action((id: string, options: Options) =>
      choose(async () => (await import('./memory.ts')).show(id, options)),
    );
  command('add', 'remember something yourself')
    .argument('<text>', 'what to remember')
    .requiredOption('--scope <scope>', 'user, conversation or workspace')
    .requiredOption('--owner <owner>', 'id of the person, key of the conversation, or path of the workspace')
    .option('--type <type>', 'what kind of thing it is', 'fact')
    .option('--importance <number>', 'from 0 to 1', '0.5')
    .action(
      (text: string, options: Options & { scope: string; owner: string; type: string; importance: string }) =>
        choose(async () => (await import('./memory.ts')).add(text, options)),
    );
  command('forget', 'remove one entry, from the indexes too')
    .argument('<id>', 'id of the entry')
    .action((id: string, options: Options) =>
      choose(async () => (await import('./memory.ts')).forget(id, options)),
    );
  command('export', 'everything, or all about one person, as JSON lines')
    .option('--user <id>', 'about one person only')
    .action((options: Options) => choose(async () => (await import('./memory.ts')).exportAll(options)));
  command('erase', 'remove all about one person')
    .argument('<user>', 'id of the person, such as slack:U012ABC')
    .action((user: string, options: Options) =>
      choose(async () => (await import('./memory.ts')).erase(user, options)),
    );
}
