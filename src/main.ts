/** argv → CLI → exit code. Whatever goes wrong ends in one clear text, not in a stack trace. */
import { runCli } from './cli/index.ts';
import { AppError, errorMessage } from './domain/errors.ts';

/** Exit codes: 0 fine, 1 the thing asked about is wrong, 2 usage. */
export async function main(argv: readonly string[]): Promise<number> {
  // Whoever reads the output may stop early (`| head`); that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    return await runCli(argv);
  } catch (error) {
    const text = error instanceof AppError ? error.message : `unexpected error: ${stackOf(error)}`;
    process.stderr.write(`parley: ${text}\n`);
    return error instanceof AppError && error.code === 'cli.usage' ? 2 : 1;
  }
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : errorMessage(error);
