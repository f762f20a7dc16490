// writ-verify entry: one entry of a log, by its index or by its bytes, proved from the tiles of the log.

import { parseBase64, parseDecimal } from '@writ/core/bytes';
import { Ed25519Verifier, isEd25519PublicKey } from '@writ/core/ed25519';
import { LogError } from '@writ/core/errors';
import { parseVkey } from '@writ/core/formats/key';
import { formatTlogProof } from '@writ/core/formats/tlog-proof';
import { leafHash } from '@writ/core/merkle/hash';
import { openCheckpoint, type VerifiedCheckpoint } from '../../checkpoint.ts';
import { openEntry, type VerifiedEntry } from '../../entry.ts';
import { proveInclusion, readEntry, type TileSource } from '../../tiles.ts';
import { entryFacts, signersOf } from '../claims.ts';
import type { Context } from '../context.ts';
import { findLeaf } from '../find-leaf.ts';
import { readInput, writeAtomically } from '../inputs.ts';
import { openLog } from '../open-log.ts';
import type { Claim } from '../report.ts';

/** Verifies an entry against the newest checkpoint of the log. */
export async function entry(context: Context): Promise<Claim> {
  const where = context.value('log');
  if (where === undefined)
    throw new LogError(
      'nothing-to-verify',
      'no log: --log DIR or URL says where the entry should be',
    );
  const policy = context.policy();
  const log = openLog(where, context);
  const checkpoint = openCheckpoint(await log.checkpoint(), policy, context.openOptions());
  const { index, bytes } = await locate(context, log.source, checkpoint);
  const proof =
    index < checkpoint.size ? await proveInclusion(log.source, index, checkpoint.size) : [];
  const verified = openEntry(checkpoint, index, bytes, proof, context.trace);
  const statement = context.has('statement') ? await explainStatement(context, verified) : {};
  const out = context.value('out');
  if (out !== undefined)
    writeAtomically(out, formatTlogProof({ index, hashes: proof, checkpoint: checkpoint.note }));
  return {
    text: `the entry is number ${index} of ${checkpoint.origin} at size ${checkpoint.size}, ${signersOf(checkpoint)}`,
    facts: {
      ...entryFacts(verified),
      ...statement,
      ...(out === undefined ? {} : { proofFile: out }),
    },
  };
}

/** An operand in digits is an index (`./7` is the file), anything else a file with the entry's bytes. */
async function locate(
  context: Context,
  source: TileSource,
  checkpoint: VerifiedCheckpoint,
): Promise<{ index: bigint; bytes: Uint8Array }> {
  const operand = context.operand(0);
  const given = parseDecimal(operand);
  try {
    if (given !== undefined)
      return { index: given, bytes: await readEntry(source, given, checkpoint.size) };
    const bytes = readInput(operand, 'entry');
    const index = context.number('index', 0);
    if (index !== undefined) return { index: BigInt(index), bytes };
    return { index: await findLeaf(source, leafHash(bytes), checkpoint), bytes };
  } catch (error) {
    context.trace.fail('entry', error);
    throw error;
  }
}

async function explainStatement(
  context: Context,
  verified: VerifiedEntry,
): Promise<Record<string, unknown>> {
  // Only this option needs the statement format, so only it pays for loading it.
  const { statementFacts, openStatement } = await import('../statement.ts');
  const author = context.value('author');
  const verifier = author === undefined ? undefined : authorKey(author);
  const statement = openStatement(verified, verifier, context.trace);
  return { statement: { ...statementFacts(statement), signatureChecked: verifier !== undefined } };
}

/** A vkey, or base64 of the 32 bytes of an Ed25519 key. LogError key-malformed, key-weak. */
function authorKey(text: string): Ed25519Verifier {
  const bytes =
    text.includes('+') && parseBase64(text) === undefined
      ? parseVkey(text).publicKey
      : parseBase64(text);
  if (bytes === undefined || !isEd25519PublicKey(bytes))
    throw new LogError('key-malformed', '--author is neither a vkey nor base64 of an Ed25519 key');
  return new Ed25519Verifier(bytes);
}
