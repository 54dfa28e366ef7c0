/**
 * What people agreed to of each server's tools, kept over restarts. The list a server shows when its entry in the
 * configuration is first used is agreed to by that entry; every later change waits for a person (A42).
 */
import type { KeyValue } from '../../../domain/feed.ts';
import { definitionHash, type ToolDefinition, type ToolList } from './definition.ts';

export type Consent = {
  /** Undefined: this server has never been seen. */
  load(key: string): Promise<ToolList | undefined>;
  save(key: string, tools: ToolList): Promise<void>;
};

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** Definitions are kept by their hash, each in its own row; the list names them and is written last. */
export function createConsent(state: KeyValue): Consent {
  return {
    async load(key) {
      const text = await state.get(`agreed:${key}`);
      if (text === undefined) return undefined;
      const hashes: unknown = JSON.parse(text);
      const tools = new Map<string, ToolDefinition>();
      for (const hash of isStrings(hashes) ? hashes : []) {
        const tool = JSON.parse((await state.get(`tool:${hash}`)) ?? 'null') as ToolDefinition | null;
        // What somebody changed in the database is not what was agreed to.
        if (tool !== null && definitionHash(tool) === hash) tools.set(tool.name, tool);
      }
      return tools;
    },
    async save(key, tools) {
      const hashes = [...tools.values()].map((tool) => ({ tool, hash: definitionHash(tool) }));
      for (const { tool, hash } of hashes) await state.set(`tool:${hash}`, JSON.stringify(tool));
      await state.set(`agreed:${key}`, JSON.stringify(hashes.map(({ hash }) => hash)));
    },
  };
}
