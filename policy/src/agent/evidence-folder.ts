// What a node keeps of a pull that it refused: the signed report, and the pages as they came. One folder for each report,
// the newest ones.
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

/** Folders that are kept; the time of a report is in it, so the same lie again is another one. */
export const MAX_EVIDENCE = 100;

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
    await dropOldest(folder);
  } catch (error) {
    throw new LogError('storage-failed', `cannot keep evidence in ${folder}`, {}, error);
  }
  return path;
}

async function dropOldest(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= MAX_EVIDENCE) return;
  const aged = [];
  for (const name of names) aged.push({ name, ms: (await stat(join(folder, name))).mtimeMs });
  aged.sort((a, b) => a.ms - b.ms);
  for (const { name } of aged.slice(0, names.length - MAX_EVIDENCE))
    await rm(join(folder, name), { recursive: true, force: true });
}
