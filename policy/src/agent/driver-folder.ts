// Driver packages and folders: a package made of the files in one, and its files written into one (spec/drivers.md
// section 3).

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { LogError } from '@writ/core/errors';
import {
  type DriverPackage,
  MAX_PACKAGE_FILES,
  MAX_PACKAGE_SIZE,
  packDriver,
} from '../engine/driver-package.ts';
import { MANIFEST_FILE } from '../engine/manifest.ts';

/**
 * The package of `folder`. Only plain files count, links and devices are refused. LogError config-invalid for a folder
 * that cannot be read, and the errors of packDriver.
 */
export async function packDriverFolder(folder: string): Promise<Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let manifest: Uint8Array | undefined;
  let size = 0;
  try {
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      if (entry.isDirectory()) continue;
      const file = join(entry.parentPath, entry.name);
      const path = relative(folder, file).split(sep).join('/');
      if (!entry.isFile()) throw new LogError('config-invalid', `${path} is not a plain file`);
      const content = new Uint8Array(await readFile(file));
      size += content.length;
      if (size > MAX_PACKAGE_SIZE || files.size > MAX_PACKAGE_FILES)
        throw new LogError('config-invalid', 'the folder has more than a package can hold');
      if (path === MANIFEST_FILE) manifest = content;
      else files.set(path, content);
    }
  } catch (error) {
    if (error instanceof LogError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new LogError('config-invalid', `the folder cannot be read: ${reason}`, {}, error);
  }
  if (manifest === undefined)
    throw new LogError('config-invalid', `there is no ${MANIFEST_FILE} in the folder`);
  return packDriver(manifest, files);
}

/** Writes the files of a package below `folder`/package, and makes an empty `folder`/work. Errors of the file system. */
export async function unpackDriver({ files }: DriverPackage, folder: string): Promise<void> {
  await mkdir(join(folder, 'work'));
  await mkdir(join(folder, 'package'));
  for (const [path, content] of files) {
    const target = join(folder, 'package', path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { mode: 0o400 });
  }
  // Without it Node would look for one above the folder, and take a .js file for what that says.
  if (!files.has('package.json'))
    await writeFile(join(folder, 'package', 'package.json'), '{"type":"module"}');
}
