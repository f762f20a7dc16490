// A log as a folder of static files, as a mirror or an archive keeps it.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { formatVkey, type SignerKey } from '@writ/core/formats/key';
import { formatNote } from '@writ/core/formats/note';
import { formatTilePath } from '@writ/core/formats/tile-path';
import { tilesOfTree } from '@writ/core/merkle/tile';
import type { Log } from '@writ/log-server/log/log';

/** Writes checkpoint, tiles, entry bundles and a trust policy without witnesses; returns the policy's path. */
export async function exportLog(log: Log, signer: SignerKey, dir: string): Promise<string> {
  const { size, root } = log.head;
  for (const tile of tilesOfTree(BigInt(size))) {
    await put(dir, formatTilePath(tile), log.readTile(tile.level, tile.index, tile.width));
    if (tile.level > 0) continue;
    await put(
      dir,
      formatTilePath({ ...tile, level: 'entries' }),
      log.readBundle(tile.index, tile.width),
    );
  }
  const text = formatCheckpoint({ origin: signer.name, size: BigInt(size), root, extensions: [] });
  await put(dir, 'checkpoint', formatNote({ text, signatures: [signText(signer, text, 0n)] }));
  const policyFile = join(dir, '..', 'trust.policy');
  await writeFile(policyFile, `log ${formatVkey(signer)}\nquorum none\n`);
  return policyFile;
}

async function put(dir: string, path: string, bytes: Uint8Array | undefined): Promise<void> {
  if (bytes === undefined) throw new Error(`the log has no ${path}`);
  await mkdir(dirname(join(dir, path)), { recursive: true });
  await writeFile(join(dir, path), bytes);
}
