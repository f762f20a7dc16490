// Runs a vector of the stream index: the root over its entries, and a proof of presence or absence.

import { equalBytes, formatHex, parseHex, parseSafeDecimal } from '@writ/core/bytes';
import {
  checkAbsence,
  checkPresence,
  decodeIndexProof,
  encodeIndexProof,
} from '@writ/core/streams/index-proof';
import { type IndexValue, streamKey } from '@writ/core/streams/stream-index';
import { buildIndexRoot } from '@writ/core/streams/stream-index-root';

interface Input {
  text(name: string): string;
  texts(name: string): string[];
  textLists(name: string): string[][];
  hex(name: string): Uint8Array;
}

/** Kind, depth and key of a proof that holds; false for one that does not. */
export function runStreamIndex(input: Input): Readonly<Record<string, unknown>> | false {
  const root = input.hex('root');
  const entries = input.textLists('entries').map(readValue);
  if (entries.length > 0 && !equalBytes(buildIndexRoot(entries), root))
    throw new Error('the entries have another root');
  const stream = input.text('stream');
  const bytes = input.hex('proof');
  const proof = decodeIndexProof(bytes);
  if (!equalBytes(encodeIndexProof(proof), bytes)) throw new Error('the proof formats differently');
  const head = input.texts('head');
  const holds =
    head.length === 0
      ? checkAbsence({ root, stream, proof })
      : checkPresence({ root, value: readValue([stream, ...head]), proof });
  const facts = { kind: proof.end.kind, depth: proof.siblings.length };
  return holds && { ...facts, key: formatHex(streamKey(stream)) };
}

function readValue([stream, seq, leafIndex, statementId]: readonly string[]): IndexValue {
  return {
    stream: stream ?? '',
    seq: parseSafeDecimal(seq ?? '') ?? fail('seq'),
    leafIndex: parseSafeDecimal(leafIndex ?? '') ?? fail('leaf index'),
    statementId: parseHex(statementId ?? '') ?? fail('statement id'),
  };
}

function fail(field: string): never {
  throw new TypeError(`${field} is not in its canonical form`);
}
