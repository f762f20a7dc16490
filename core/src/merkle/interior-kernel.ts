// The WebAssembly module of core/assembly/interior.ts, instantiated once, when first needed.
//
// Its memory is a scratch pad: whoever calls writes the input, calls, and copies the output away before
// returning, without an `await` in between. So nothing of one call reaches another.

import { parseBase64 } from '../bytes.ts';
import { bug } from '../errors.ts';
import { INTERIOR_WASM } from './interior-wasm.ts';

/** Four-lane SHA-256 over a memory of its own. */
export interface Kernel {
  /** Where the caller writes hashes or entries; `climb` also leaves its results here. */
  readonly input: Uint8Array;
  /** Where `leaves` writes its hashes. */
  readonly output: Uint8Array;
  /** Replaces `2 * pairs` hashes in `input` by the nodes `levels` levels above, in place. */
  climb(pairs: number, levels: number): void;
  /** Hashes `count` whole entries of the bundle in `input`, which it spoils. */
  leaves(count: number): void;
}

/** Most entries of one call of `leaves`. */
export const MAX_KERNEL_LEAVES = 256;

let loaded: { readonly kernel: Kernel | undefined } | undefined;

/** The kernel, or undefined where WebAssembly with SIMD is missing or forbidden. */
export function interiorKernel(): Kernel | undefined {
  loaded ??= { kernel: loadKernel() };
  return loaded.kernel;
}

function loadKernel(): Kernel | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  const bytes = new Uint8Array(
    parseBase64(INTERIOR_WASM) ?? bug('the embedded module is not base64'),
  );
  if (!WebAssembly.validate(bytes)) return undefined;
  let exports: WebAssembly.Exports;
  try {
    exports = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  } catch {
    // A content security policy without 'wasm-unsafe-eval', or no memory to spare.
    return undefined;
  }
  const { memory, input, inputSize, output, climb, leaves } = exports;
  if (!(memory instanceof WebAssembly.Memory)) return bug('the module exports no memory');
  return {
    input: new Uint8Array(memory.buffer, numberOf(input), numberOf(inputSize)),
    output: new Uint8Array(memory.buffer, numberOf(output), 32 * MAX_KERNEL_LEAVES),
    climb: functionOf(climb),
    leaves: functionOf(leaves),
  };
}

function numberOf(exported: unknown): number {
  const value = exported instanceof WebAssembly.Global ? exported.value : undefined;
  return typeof value === 'number' ? value : bug('the module misses a number');
}

function functionOf(exported: unknown): (first: number, second?: number) => void {
  if (typeof exported !== 'function') return bug('the module misses a function');
  return (first, second) => exported(first, second);
}
