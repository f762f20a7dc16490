// Where a log or a checkpoint comes from: a web server, a folder or a file.

import { statSync } from 'node:fs';
import { LogError } from '@writ/core/errors';
import type { TileSource } from '../tiles.ts';
import type { Context } from './context.ts';
import { folderHistory, folderSource } from './folder.ts';
import { readInput } from './inputs.ts';
import { webHistory, webSource } from './web.ts';

type NamedNote = { readonly name: string; readonly note: Uint8Array };

/** A log that can be asked for its resources. */
export interface OpenLog {
  readonly source: TileSource;
  /** The same log past the caches on the way; undefined for a folder. */
  readonly fresh: TileSource | undefined;
  /** The folder, when it is one. */
  readonly folder: string | undefined;
  /** The newest checkpoint, not verified. LogError not-found. */
  checkpoint(): Promise<Uint8Array>;
  /** Older checkpoints, not verified. */
  history(): AsyncIterable<NamedNote> | Iterable<NamedNote>;
}

/** The log at a URL or in a folder. A URL needs `--online`: LogError usage without. */
export function openLog(where: string, context: Context): OpenLog {
  if (isUrl(where)) {
    requireOnline(where, context);
    const source = webSource(where, context.surroundings);
    const fresh = webSource(where, context.surroundings, true);
    const history = (): AsyncIterable<NamedNote> => webHistory(where, context.surroundings);
    return { source, fresh, folder: undefined, checkpoint: () => newest(source, where), history };
  }
  if (!isFolder(where))
    throw new LogError('usage', `${where} is neither a URL nor a folder of a log`);
  const source = folderSource(where);
  const history = (): Iterable<NamedNote> => folderHistory(where);
  return {
    source,
    fresh: undefined,
    folder: where,
    checkpoint: () => newest(source, where),
    history,
  };
}

/** The checkpoint in a file, on standard input, or the newest one of the log at a URL or in a folder. */
export async function readCheckpoint(where: string, context: Context): Promise<Uint8Array> {
  if (isUrl(where) || isFolder(where)) return await openLog(where, context).checkpoint();
  return readInput(where, 'checkpoint');
}

function requireOnline(url: string, context: Context): void {
  if (context.has('online')) return;
  throw new LogError('usage', `${url} is on the network: add --online to let this command use it`);
}

async function newest(source: TileSource, where: string): Promise<Uint8Array> {
  const note = await source.read('checkpoint');
  if (note === undefined) throw new LogError('not-found', `${where} has no checkpoint`);
  return note;
}

function isUrl(where: string): boolean {
  return /^https?:\/\//.test(where);
}

function isFolder(where: string): boolean {
  return statSync(where, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
