/**
 * The text of an answer while it grows, as blocks. Only the last blocks can still change when text is added, so the
 * ones before are kept: the cost of a delta does not grow with the answer.
 */
import { type Block, renderBlocks } from './format.ts';

export type DraftText = {
  append(delta: string): void;
  reset(): void;
  /** Unchanged blocks are at the same place as before, so a reader can compare. */
  blocks(): readonly string[];
};

/** A list or table may yet merge with the block before it; two are always safe. */
const OPEN_BLOCKS = 2;

export function createDraftText(): DraftText {
  let settled: string[] = [];
  let open = '';
  let shown: readonly string[] | undefined = [];

  function render(): readonly string[] {
    const blocks: Block[] = renderBlocks(open);
    const done = blocks.slice(0, -OPEN_BLOCKS);
    const source = done.map((block) => block.raw).join('');
    const all = [...settled, ...blocks.map((block) => block.html)];
    if (done.length > 0 && open.startsWith(source)) {
      open = open.slice(source.length);
      settled = [...settled, ...done.map((block) => block.html)];
    }
    return all;
  }

  return {
    append(delta) {
      open += delta.replaceAll('\r', '');
      shown = undefined;
    },
    reset() {
      settled = [];
      open = '';
      shown = [];
    },
    blocks() {
      shown ??= render();
      return shown;
    },
  };
}
