// The engine alone: `Log.enqueue` on the embedded store, 4,096 entries in flight, every one durable.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes } from '@writ/core/bytes';
import { Log } from '@writ/log-server/log/log';
import { openLevelStore } from '@writ/log-server/storage/level';
import { type Benchmark, higher, lower } from './result.ts';
import { inScratch } from './scratch.ts';

const ENTRIES = 1_000_000;
const ENTRY_BYTES = 300;
const IN_FLIGHT = 4096;

export const engine: Benchmark = {
  name: 'engine',
  run: (say) =>
    inScratch(async (dir) => {
      const log = new Log(await openLevelStore(dir));
      const seconds = await appendAll(log, ENTRIES, ENTRY_BYTES);
      if (!equalBytes(log.rootAt(ENTRIES), log.head.root)) throw new Error('the tree is wrong');
      await log.close();
      const started = performance.now();
      const again = new Log(await openLevelStore(dir));
      say(`restart with ${again.head.size} entries: ${Math.round(performance.now() - started)} ms`);
      await again.close();
      return [
        higher('engine append, durable', ENTRIES / seconds, 'entries/s', 250_000, 450_000),
        lower('disk per million entries', bytesBelow(dir) / 1e6, 'MB', 350, 336),
      ];
    }),
};

/** Appends unique entries, `IN_FLIGHT` at a time, and gives the seconds it took. */
export async function appendAll(log: Log, entries: number, entryBytes: number): Promise<number> {
  let sent = 0;
  let done = 0;
  const started = performance.now();
  await new Promise<void>((resolve, reject) => {
    const next = (): void => {
      const entry = Buffer.alloc(entryBytes, 0x5a);
      entry.writeDoubleBE(sent++);
      log.enqueue({ entry, settle });
    };
    const settle = (outcome: unknown): void => {
      if (outcome instanceof Error) reject(outcome);
      done++;
      if (sent < entries) next();
      else if (done === entries) resolve();
    };
    for (let i = 0; i < Math.min(IN_FLIGHT, entries); i++) next();
  });
  return (performance.now() - started) / 1000;
}

export function bytesBelow(dir: string): number {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
