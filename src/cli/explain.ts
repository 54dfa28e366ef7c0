/** `parley explain`: what policy decides about an action, and which rule decided. Nothing is run. */
import { readFileSync } from 'node:fs';
import { AppError, errorMessage } from '../domain/errors.ts';
import { type Explained, judgeOffline, type Question } from '../explain.ts';
import { type CommonOptions, load, printJson, printLine, quietLog } from './command-line.ts';

export type ExplainOptions = CommonOptions & {
  tool?: string;
  args?: string;
  batch?: string;
  as: string;
  in?: string;
  afterUntrusted?: boolean;
  json?: boolean;
};

export async function explain(options: ExplainOptions): Promise<number> {
  const questions = options.batch === undefined ? [single(options)] : batch(options.batch);
  const loaded = load(options);
  const answers = await judgeOffline(loaded, questions, {
    user: options.as,
    conversation: options.in ?? null,
    untrusted: options.afterUntrusted === true ? 'as --after-untrusted says' : null,
    log: quietLog(loaded),
  });
  for (const answer of answers) {
    if (options.json || options.batch !== undefined) printJson(answer);
    else for (const line of linesOf(answer)) printLine(line);
  }
  return 0;
}

const linesOf = ({ decision, risk, rule, reasons, network }: Explained): string[] => [
  `${decision} (risk ${risk})`,
  `rule: ${rule}`,
  ...reasons.map((reason) => `- ${reason}`),
  ...(network === undefined ? [] : [`network: ${network.join(', ')}`]),
];

function single({ tool, args }: ExplainOptions): Question {
  if (tool === undefined || args === undefined)
    throw new AppError('cli.usage', 'explain needs --tool NAME and --args JSON, or --batch FILE');
  return { tool, args: parseJson(args, '--args') };
}

function batch(file: string): Question[] {
  const lines = readText(file).split('\n');
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return [];
    const value = parseJson(line, `${file}:${index + 1}`);
    if (typeof value !== 'object' || value === null || !('tool' in value) || typeof value.tool !== 'string') {
      throw new AppError('cli.usage', `${file}:${index + 1}: expected {"tool": NAME, "args": {…}}`);
    }
    return [{ tool: value.tool, args: 'args' in value ? value.args : {} }];
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new AppError('cli.usage', `--batch ${file} cannot be read: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError('cli.usage', `${where}: not JSON: ${errorMessage(error)}`);
  }
}
