// Reads test-vectors/ from the disk.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository, seen from e2e/dist/test. */
export const repository: string = fileURLToPath(new URL('../../..', import.meta.url));

export interface Vector {
  readonly description: string;
  readonly input: unknown;
  readonly expect: { readonly valid: boolean };
}

export interface VectorFile {
  readonly format: string;
  /** Below test-vectors/. */
  readonly path: string;
  readonly vector: Vector;
}

/** Every vector, in order of paths. */
export function readVectors(): VectorFile[] {
  const root = join(repository, 'test-vectors');
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return paths
    .filter((path) => path.endsWith('.json'))
    .sort()
    .map((path) => ({
      format: path.split('/')[0] ?? '',
      path,
      vector: readVector(join(root, path)),
    }));
}

function readVector(file: string): Vector {
  return JSON.parse(readFileSync(file, 'utf8'));
}
