/** A thread of its own that copies the write-ahead log of SQLite into the database when it is asked to. */
import { parentPort, workerData } from 'node:worker_threads';
import BetterSqlite3 from 'better-sqlite3';

const handle = new BetterSqlite3(workerData, { fileMustExist: true });
// The log has to be on the disk before the database changes, and the database before the log begins anew.
handle.pragma('synchronous = FULL');

parentPort?.on('message', () => {
  handle.pragma('wal_checkpoint(passive)');
  parentPort?.postMessage('done');
});
