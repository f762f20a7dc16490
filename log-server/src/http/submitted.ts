// What is submitted in a CBOR sequence: statements, and behind each sealed one its opening.

import { splitCborSequence } from '@writ/core/cbor/decode';
import { LogError } from '@writ/core/errors';
import { looksLikeOpening } from '@writ/core/statements/sealed';
import { MAX_BATCH_ITEMS } from './batch.ts';

export interface Submitted {
  readonly bytes: Uint8Array;
  readonly opening: Uint8Array | undefined;
}

/**
 * The statements of a sequence, at most `most`, as views. An opening that stands behind no statement is taken for a
 * statement, which it is not. LogError cbor-malformed, batch-malformed for an empty one, batch-too-large.
 */
export function splitSubmitted(body: Uint8Array, most: number = MAX_BATCH_ITEMS): Submitted[] {
  const items = splitCborSequence(body, { maxItems: 2 * most, allowTag18: true });
  const submitted: Submitted[] = [];
  for (let i = 0; i < items.length; i++) {
    const [bytes, next] = [items[i] ?? body, items[i + 1]];
    const hasOpening = next !== undefined && looksLikeOpening(next) && !looksLikeOpening(bytes);
    submitted.push({ bytes, opening: hasOpening ? next : undefined });
    if (hasOpening) i++;
  }
  if (submitted.length === 0)
    throw new LogError('batch-malformed', 'the batch is empty', { offset: 0 });
  if (submitted.length <= most) return submitted;
  const message = `the sequence holds more than ${most} ${most === 1 ? 'statement' : 'statements'}`;
  throw new LogError('batch-too-large', message, { limit: most });
}
