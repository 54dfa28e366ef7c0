/** What Discord refuses, as far as a bot like ours can run into it: lengths, buttons, nonces, flags. */
import type { Component } from './world.ts';

export class Refusal extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export type MessageInput = {
  readonly content?: string;
  readonly components?: Component[];
  readonly flags?: number;
  readonly nonce?: string;
  readonly enforce_nonce?: boolean;
  readonly allowed_mentions?: { parse?: string[] };
  readonly message_reference?: { message_id: string };
};

const invalid = (what: string): Refusal => new Refusal(400, 50_035, `Invalid Form Body: ${what}`);

export const EPHEMERAL = 64;
const SUPPRESS_EMBEDS = 4;

export function checkMessage(input: MessageInput, fileCount: number, isEdit: boolean): void {
  const { content, components = [], flags = 0, nonce, allowed_mentions: mentions } = input;
  if (content !== undefined && content.length > 2000)
    throw invalid('content: Must be 2000 or fewer in length.');
  if (!isEdit && (content ?? '') === '' && fileCount === 0 && components.length === 0)
    throw new Refusal(400, 50_006, 'Cannot send an empty message');
  if (isEdit && content === '' && fileCount === 0)
    throw new Refusal(400, 50_006, 'Cannot send an empty message');
  if (nonce !== undefined && nonce.length > 25) throw invalid('nonce: Must be 25 or fewer in length.');
  if (input.enforce_nonce === true && nonce === undefined)
    throw invalid('nonce: required with enforce_nonce');
  if ((flags & ~(EPHEMERAL | SUPPRESS_EMBEDS)) !== 0) throw invalid('flags: not allowed here');
  // Not Discord's rule but ours: a bot that repeats what others say rings nobody.
  if (mentions === undefined || mentions.parse?.length !== 0)
    throw invalid('allowed_mentions: this bot must ring nobody');
  checkComponents(components);
}

const ACTION_ROW = 1;
const BUTTON = 2;

function checkComponents(rows: readonly Component[]): void {
  if (rows.length > 5) throw invalid('components: at most 5 rows');
  const ids = new Set<string>();
  for (const row of rows) {
    if (row.type !== ACTION_ROW) throw invalid('components: only action rows');
    const buttons = row.components ?? [];
    if (buttons.length < 1 || buttons.length > 5) throw invalid('components: 1 to 5 buttons in a row');
    for (const { type, label = '', custom_id: id = '' } of buttons) {
      if (type !== BUTTON) throw invalid('components: only buttons');
      if (label.length < 1 || label.length > 80) throw invalid('label: 1 to 80 characters');
      if (id.length < 1 || id.length > 100) throw invalid('custom_id: 1 to 100 characters');
      if (ids.has(id)) throw invalid('custom_id: must be unique in a message');
      ids.add(id);
    }
  }
}

export function checkThreadName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name.length < 1 || name.length > 100)
    throw invalid('name: 1 to 100 characters');
}

type CommandInput = {
  readonly type?: number;
  readonly name?: string;
  readonly description?: string;
  readonly options?: { name?: string; description?: string; type?: number }[];
};

export function checkCommands(commands: unknown): asserts commands is Record<string, unknown>[] {
  if (!Array.isArray(commands) || commands.length > 100) throw invalid('commands: at most 100');
  for (const { type = 1, name = '', description, options = [] } of commands as CommandInput[]) {
    if (type === 1) {
      if (!/^[-_\p{L}\p{N}]{1,32}$/u.test(name) || name !== name.toLowerCase())
        throw invalid(`name: ${name}`);
      checkDescription(description);
    } else if (name.length < 1 || name.length > 32 || description !== undefined)
      throw invalid(`name: ${name}`);
    for (const option of options) {
      if (!/^[-_\p{Ll}\p{N}]{1,32}$/u.test(option.name ?? '')) throw invalid(`options.name: ${option.name}`);
      checkDescription(option.description);
    }
  }
}

function checkDescription(text: string | undefined): void {
  if (text === undefined || text.length < 1 || text.length > 100)
    throw invalid('description: 1 to 100 characters');
}
