// The facts that a report states about what was verified. Numbers that may be large and bytes are strings.

import { formatBase64, formatHex } from '@writ/core/bytes';
import type { VerifiedCheckpoint } from '../checkpoint.ts';
import type { VerifiedEntry } from '../entry.ts';

export function checkpointFacts(checkpoint: VerifiedCheckpoint): Record<string, unknown> {
  return {
    origin: checkpoint.origin,
    size: String(checkpoint.size),
    root: formatBase64(checkpoint.root),
    logKeys: checkpoint.logKeys.map(({ name, id }) => `${name}+${id}`),
    cosignatures: checkpoint.cosignatures.map(({ witness, timestampSeconds }) => ({
      witness,
      timestamp: String(timestampSeconds),
    })),
  };
}

export function entryFacts(entry: VerifiedEntry): Record<string, unknown> {
  return {
    index: String(entry.index),
    leafHash: formatHex(entry.leafHash),
    bytes: String(entry.bytes.length),
    ...checkpointFacts(entry.checkpoint),
  };
}

/** Who stands behind a checkpoint, in words. */
export function signersOf({ cosignatures }: VerifiedCheckpoint): string {
  if (cosignatures.length === 0) return 'signed by the log alone';
  return `cosigned by ${cosignatures.map(({ witness }) => witness).join(', ')}`;
}
