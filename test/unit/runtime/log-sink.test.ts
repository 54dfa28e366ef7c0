/** Where log lines go when nobody takes them (F48, P13). */
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogSink } from '../../../src/runtime/log-sink.ts';

describe('a log nobody reads', () => {
  it('F48, P13: keeps so much and no more, and says afterwards how many lines are missing', async () => {
    const stream = new PassThrough({ highWaterMark: 10 });
    const sink = createLogSink(stream, 50);
    for (let i = 0; i < 100; i++) sink.write(`line ${i}\n`);
    expect(stream.writableLength).toBeLessThan(100);
    expect(sink.dropped()).toBeGreaterThan(80);
    let read = '';
    stream.on('data', (data) => {
      read += data;
    });
    await new Promise((resolve) => stream.once('drain', resolve));
    sink.write('after it\n');
    await new Promise((resolve) => setImmediate(resolve));
    expect(read).toContain('line 0\n');
    expect(read).toContain(`"lines":${sink.dropped()},"msg":"log lines were dropped"`);
    expect(read).toContain('after it\n');
  });

  it('F48: a reader that went away is no error of ours', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('write EPIPE')) });
    const sink = createLogSink(stream);
    sink.write('first\n');
    await new Promise((resolve) => stream.once('close', resolve));
    sink.write('second\n');
    expect(sink.dropped()).toBe(1);
  });
});
