/** `parley explain`: what policy decides about an action, and which rule decided. Nothing is run. */
import { readFileSync } from 'node:fs';
import { AppError, errorMessage } from '../domain/errors.ts';
import { judgeOffline, type Question } from '../explain.ts';
import { type CommonOptions, load, printJson, printLine, quietLog } from './command-line.ts';

export type ExplainOptions = CommonOptions & {
  tool?: string;
  args?: string;
  batch?: string;
  as: string;
  in?: string;
  json?: boolean;
};

export async function explain(options: ExplainOptions): Promise<number> {
  const questions = options.batch === undefined ? [single(options)] : batch(options.batch);
  const loaded = load(options);
  const judge = await judgeOffline(loaded, {
    user: options.as,
    conversation: options.in ?? null,
    log: quietLog(loaded),
  });
  for (const question of questions) {
    const answer = await judge(question);
    if (options.json || options.batch !== undefined) printJson(answer);
    else
      printLine(
        `${answer.decision} (risk ${answer.risk})\nrule: ${answer.rule}\n${answer.reasons.map((reason) => `- ${reason}`).join('\n')}`.trimEnd(),
      );
  }
  return 0;
}

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
