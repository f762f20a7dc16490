// The one way in which decoding a statement fails.

import { checkCbor } from '../cbor/scan.ts';
import { isLogError, LogError } from '../errors.ts';

/** Refuses a statement: `field` in the words of spec/statement.md, `offset` counted in the whole statement. */
export function malformed(field: string, message: string, offset: number, cause?: unknown): never {
  throw new LogError(
    'statement-malformed',
    `statement ${field}: ${message}`,
    { field, offset },
    cause,
  );
}

/** Requires that `bytes`, found at `offset` of the statement, are one item of the deterministic CBOR profile. */
export function checkFieldCbor(bytes: Uint8Array, field: string, offset: number): void {
  try {
    checkCbor(bytes, { maxDepth: MAX_STATEMENT_DEPTH, allowTag18: field === WHOLE });
  } catch (error) {
    if (!isLogError(error, 'cbor-malformed')) throw error;
    const inner = error.detail['offset'];
    malformed(field, error.message, offset + (typeof inner === 'number' ? inner : 0), error);
  }
}

/** Name of the statement as a whole where errors name a field. */
export const WHOLE = 'envelope';

/** Deepest nesting in the envelope, the protected header and the payload, each counted for itself. */
export const MAX_STATEMENT_DEPTH = 16;
