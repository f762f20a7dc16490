// Batches: CBOR sequences (RFC 8742) of statements, or of byte strings in the raw profile.

import { LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';

/** Most items of a batch. */
export const MAX_BATCH_ITEMS = 1000;
/** Largest body of a batch. */
export const MAX_BATCH_BODY: number = 8 * 1024 * 1024;

/**
 * The byte strings of a sequence, as views. LogError batch-malformed with item and offset for anything but
 * definite byte strings with shortest heads, entry-empty, entry-too-large, batch-too-large.
 */
export function splitByteStrings(body: Uint8Array): Uint8Array[] {
  const items: Uint8Array[] = [];
  for (let at = 0; at < body.length; ) {
    if (items.length === MAX_BATCH_ITEMS) throw tooMany();
    const head = body[at] ?? 0;
    let start = at + 1;
    let length = head - 0x40;
    if (head === 0x58) {
      length = body[at + 1] ?? -1;
      start = at + 2;
      if (length < 24)
        throw malformed('the head is cut off or not in its shortest form', items, at);
    } else if (head === 0x59) {
      length = (body[at + 1] ?? 0) * 256 + (body[at + 2] ?? 0);
      start = at + 3;
      if (length < 256)
        throw malformed('the head is cut off or not in its shortest form', items, at);
    } else if (head === 0x5a || head === 0x5b) throw entryTooLarge(items, at);
    else if (length < 0 || length > 23) throw malformed('expected a byte string', items, at);
    if (length === 0)
      throw new LogError('entry-empty', 'an entry has at least one byte', where(items, at));
    if (length > body.length - start) throw malformed('the byte string is cut off', items, at);
    items.push(body.subarray(start, start + length));
    at = start + length;
  }
  if (items.length === 0) throw malformed('the batch is empty', items, 0);
  return items;
}

function tooMany(): LogError {
  return new LogError('batch-too-large', `a batch has at most ${MAX_BATCH_ITEMS} items`, {
    expected: MAX_BATCH_ITEMS,
  });
}

function where(items: readonly unknown[], offset: number): { item: number; offset: number } {
  return { item: items.length, offset };
}

function entryTooLarge(items: readonly unknown[], offset: number): LogError {
  const message = `an entry has at most ${MAX_ENTRY_SIZE} bytes`;
  return new LogError('entry-too-large', message, where(items, offset));
}

function malformed(message: string, items: readonly unknown[], offset: number): LogError {
  return new LogError(
    'batch-malformed',
    `item ${items.length} at offset ${offset}: ${message}`,
    where(items, offset),
  );
}
