// What a node keeps of a pull that it refused: the signed report, and the pages as they came. One folder for each report.
//
//   <folder>/<first 16 digits of the report's digest>/report.note
//                                                     report.json
//                                                     <page>…

import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatHex, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { Pulled } from './pull.ts';

/**
 * Folders that are kept, and their bytes. The first half stays for good, the rest are the newest: whoever lies again and
 * again must not wash away the first lie.
 */
export const MAX_EVIDENCE = 100;
export const MAX_EVIDENCE_BYTES = 1_073_741_824;

/** Keeps `pulled` below `folder` and answers where. LogError storage-failed. */
export async function keepEvidence(folder: string, pulled: Pulled): Promise<string> {
  const name = formatHex(sha256(pulled.signed)).slice(0, 16);
  const path = join(folder, name);
  const draft = `${path}.new`;
  try {
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true, mode: 0o700 });
    for (const page of pulled.pages) await writeFile(join(draft, page.name), page.bytes);
    await writeFile(join(draft, 'report.note'), pulled.signed);
    await writeFile(join(draft, 'report.json'), utf8(`${JSON.stringify(pulled.report)}\n`));
    await rm(path, { recursive: true, force: true });
    await rename(draft, path);
    await dropMiddle(folder);
  } catch (error) {
    const message = `cannot keep evidence in ${folder}: make room there, and see that the node may write`;
    throw new LogError('storage-failed', message, {}, error);
  }
  return path;
}

async function dropMiddle(folder: string): Promise<void> {
  const kept = [];
  for (const name of await readdir(folder)) {
    const { mtimeMs } = await stat(join(folder, name));
    kept.push({ name, mtimeMs, bytes: await sizeOf(join(folder, name)) });
  }
  kept.sort((a, b) => a.mtimeMs - b.mtimeMs);
  let bytes = kept.reduce((sum, each) => sum + each.bytes, 0);
  let count = kept.length;
  const first = Math.min(MAX_EVIDENCE / 2, kept.length - 1);
  // From the middle on; the last one is the newest, and stays.
  for (const { name, bytes: size } of kept.slice(first, -1)) {
    if (count <= MAX_EVIDENCE && bytes <= MAX_EVIDENCE_BYTES) return;
    await rm(join(folder, name), { recursive: true, force: true });
    count -= 1;
    bytes -= size;
  }
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return bytes;
}
