// writ-verify consistency: does one checkpoint continue another.

import { parseBase64, parseUtf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { isHash } from '@writ/core/merkle/hash';
import { MAX_PROOF_HASHES } from '@writ/core/merkle/inclusion';
import { openCheckpoint } from '../../checkpoint.ts';
import { checkpointFacts, signersOf } from '../claims.ts';
import type { Context } from '../context.ts';
import { requireContinues, requireProof } from '../continuity.ts';
import { readInput } from '../inputs.ts';
import { openLog, readCheckpoint } from '../open-log.ts';
import type { Claim } from '../report.ts';

/** Verifies two checkpoints and that the second continues the first. */
export async function consistency(context: Context): Promise<Claim> {
  const policy = context.policy();
  const options = context.openOptions();
  const { maxAgeSeconds: _, ...olderOptions } = options;
  const [oldNote, newNote] = [
    await readCheckpoint(context.operand(0), context),
    await readCheckpoint(context.operand(1), context),
  ];
  const older = openCheckpoint(oldNote, policy, olderOptions);
  const newer = openCheckpoint(newNote, policy, options);
  const [where, file] = [context.value('log'), context.value('proof')];
  if (where !== undefined && file !== undefined)
    throw new LogError('usage', '--log and --proof exclude each other');
  if (where !== undefined)
    await requireContinues(context, older, newer, openLog(where, context).source);
  else if (file !== undefined || !needsProof(older.size, newer.size))
    await requireProof(context, older, newer, file === undefined ? [] : readProof(file));
  else
    throw new LogError(
      'nothing-to-verify',
      'two sizes need a proof: --proof FILE, or --log to make it from the tiles of the log',
    );
  return {
    text: `${newer.origin} grew from ${older.size} to ${newer.size} entries and kept every one, ${signersOf(newer)}`,
    facts: { oldSize: String(older.size), ...checkpointFacts(newer) },
  };
}

/** One size, or an older second checkpoint, is decided without a proof. */
function needsProof(oldSize: bigint, size: bigint): boolean {
  return oldSize < size && oldSize > 0n;
}

/** A consistency proof as text: one base64 hash a line, as in a request to a witness. */
function readProof(file: string): Uint8Array[] {
  const text = parseUtf8(readInput(file, 'proof'));
  if (text === undefined) throw malformed('the proof is not valid UTF-8', 1);
  const lines = text === '' ? [] : text.split('\n');
  if (lines.length > 0 && lines.pop() !== '')
    throw malformed('the last line does not end in a newline', lines.length + 1);
  if (lines.length > MAX_PROOF_HASHES)
    throw malformed(`a proof has at most ${MAX_PROOF_HASHES} hashes`, MAX_PROOF_HASHES + 1);
  return lines.map((line, i) => {
    const hash = parseBase64(line);
    if (!isHash(hash)) throw malformed('expected canonical base64 of a 32-byte hash', i + 1);
    return hash;
  });
}

function malformed(message: string, line: number): LogError {
  return new LogError('proof-malformed', `line ${line}: ${message}`, { line });
}
