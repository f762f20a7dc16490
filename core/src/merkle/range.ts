// Arithmetic on tree positions. Sizes are bigint: formats carry up to 2^63-1 and no bit may be lost.

/** A complete subtree: `index`-th from the left among those of 2^level leaves. */
export interface Node {
  readonly level: number;
  readonly index: bigint;
}

/** Bits needed to write `value`; 0 for 0. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** Largest power of two strictly below `size` (RFC 6962 §2.1, the split point k). `size` > 1. */
export function splitPoint(size: bigint): bigint {
  return 1n << BigInt(bitLength(size - 1n) - 1);
}

/** The complete subtrees that cover [start, end), left to right; `start` must be aligned for a subtree or 0. */
export function coveringNodes(start: bigint, end: bigint): Node[] {
  const nodes: Node[] = [];
  for (let at = start; at < end; ) {
    const fit = bitLength(end - at) - 1;
    const level = at === 0n ? fit : Math.min(fit, trailingZeros(at));
    nodes.push({ level, index: at >> BigInt(level) });
    at += 1n << BigInt(level);
  }
  return nodes;
}

function trailingZeros(value: bigint): number {
  let zeros = 0;
  while (((value >> BigInt(zeros)) & 1n) === 0n) zeros++;
  return zeros;
}
