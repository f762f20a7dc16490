// Stand-in for the verifier library's openProof.

import { LogError } from '@writ/core/errors';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote } from '@writ/core/formats/cosignature';
import { parseNote } from '@writ/core/formats/note';
import { isQuorumMet, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import { parseTlogProof } from '@writ/core/formats/tlog-proof';
import { leafHash } from '@writ/core/merkle/hash';
import { checkInclusion } from '@writ/core/merkle/inclusion';

export function openProof(bytes: Uint8Array, entry: Uint8Array, policy: TrustPolicy): boolean {
  const { index, hashes, checkpoint } = parseTlogProof(bytes);
  const note = parseNote(checkpoint);
  const { origin, size, root } = parseCheckpoint(note.text);
  const logs = policy.logs.map((log) => log.key).filter((key) => key.name === origin);
  const witnesses = [...policy.witnesses.values()];
  const verified = openNote(note, [...logs, ...witnesses.map((witness) => witness.key)]);
  const keys = new Set(verified.map(({ key }) => key));
  if (!logs.some((key) => keys.has(key))) throw new LogError('note-unverified', 'no log signature');
  const cosigned = witnesses.filter(({ key }) => keys.has(key)).map(({ name }) => name);
  return (
    isQuorumMet(policy, new Set(cosigned)) &&
    checkInclusion({ index, size, leafHash: leafHash(entry), root, proof: hashes })
  );
}
