// What the browser test loads into a page: core and the verifier library behind one function. No DOM, no Node.

import { utf8 } from '@writ/core/bytes';
import { parseJsonBody } from '@writ/core/json';
import { interiorKernel } from '@writ/core/merkle/interior-kernel';
import { nativeCrypto } from '@writ/core/native';
import { runVector } from '../vectors/run-vector.ts';

/** A vector of the format that its folder names. */
export interface FormatInput {
  readonly format: string;
  readonly input: unknown;
}

/** Takes a JSON array of `FormatInput`, gives a JSON array with the outcome of each. Big integers become text. */
export function runAll(inputs: string): string {
  const list = parseJsonBody(utf8(inputs));
  if (!Array.isArray(list)) throw new TypeError('not a list of vectors');
  return JSON.stringify(list.map(runOne), (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

function runOne(item: unknown): unknown {
  const fields = new Map<string, unknown>(Object.entries(item ?? {}));
  return runVector(String(fields.get('format')), fields.get('input'));
}

/** True where core found node:crypto: never in a browser. */
export function hasNative(): boolean {
  return nativeCrypto !== undefined;
}

/** True where the SIMD module for interior nodes runs. */
export function hasKernel(): boolean {
  return interiorKernel() !== undefined;
}
