/** The full output of actions, in compressed pieces: whoever reads a part of it loads those pieces only. */
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { OutputPart, OutputStore } from '../domain/output.ts';
import type { Database, Db, Tx } from './database.ts';
import { lockTurn, staleWrite } from './turn-log.ts';

/** Characters of one piece: compressed and written within a millisecond or two. */
const PIECE_CHARACTERS = 256 * 1024;
/** The quickest: it saves most of what can be saved. Most pieces come out in one go. */
const OPTIONS = { chunkSize: 128 * 1024, params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** What the columns can hold. A model may ask for places far beyond any output, and for actions that cannot be. */
const LARGEST = 2 ** 31 - 1;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

type Piece = { readonly start: number; readonly length: number; readonly content: Buffer };
/** Ready to be written: nothing but the database may be waited for in a transaction. */
export type PackedOutput = { readonly index: number; readonly start: number; readonly pieces: Piece[] };

export const packOutput = async ({ index, start, text }: OutputPart): Promise<PackedOutput> => ({
  index,
  start,
  pieces: await Promise.all(
    cut(text).map(async ([at, piece]) => ({
      start: start + at,
      length: piece.length,
      content: await compress(piece, OPTIONS),
    })),
  ),
});

/** Never between the two halves of a character. */
function cut(text: string): [number, string][] {
  const pieces: [number, string][] = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + PIECE_CHARACTERS, text.length);
    if (end < text.length && (text.codePointAt(end - 1) ?? 0) > 0xffff) end -= 1;
    pieces.push([at, text.slice(at, end)]);
    at = end;
  }
  return pieces;
}

export async function replaceOutput(
  { db }: Pick<Tx, 'db'>,
  turnId: string,
  { index, start, pieces }: PackedOutput,
): Promise<void> {
  await db
    .deleteFrom('output_pieces')
    .where('turn_id', '=', turnId)
    .where('action_index', '=', index)
    .where('start', '>=', start)
    .execute();
  for (const piece of pieces)
    await db
      .insertInto('output_pieces')
      .values({ turn_id: turnId, action_index: index, ...piece })
      .execute();
}

export const createOutputs = (database: Database): OutputStore => ({
  async keep({ turnId, fence, ...part }) {
    const packed = await packOutput(part);
    await database.write(async (tx) => {
      const turn = await lockTurn(tx, turnId);
      if (turn?.status !== 'running' || turn.fence !== fence)
        throw staleWrite('fence', { turnId, fence }, turn);
      await replaceOutput(tx, turnId, packed);
    });
  },
  read: (turnId, index, range) => database.read((db) => readOutput(db, turnId, index, range)),
});

async function readOutput(
  db: Db,
  turnId: string,
  index: number,
  { start, length }: { readonly start: number; readonly length: number },
): Promise<{ text: string; total: number } | undefined> {
  if (!Number.isInteger(index) || Math.abs(index) > LARGEST) return undefined;
  const of = db.selectFrom('output_pieces').where('turn_id', '=', turnId).where('action_index', '=', index);
  const last = await of.select(['start', 'length']).orderBy('start', 'desc').limit(1).executeTakeFirst();
  if (last === undefined) return undefined;
  const first = await of
    .select('start')
    .where('start', '<=', Math.min(start, LARGEST))
    .orderBy('start', 'desc')
    .limit(1)
    .executeTakeFirst();
  const pieces = await of
    .select(['start', 'content'])
    .where('start', '>=', first?.start ?? 0)
    .where('start', '<', Math.min(start + length, LARGEST))
    .orderBy('start')
    .execute();
  const texts = await Promise.all(pieces.map(async ({ content }) => String(await decompress(content))));
  const from = start - (first?.start ?? 0);
  return { text: texts.join('').slice(from, from + length), total: last.start + last.length };
}
