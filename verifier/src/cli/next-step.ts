// What somebody who meets an error of a verification does next, in one sentence.

import type { ErrorCode } from '@writ/core/errors';

const READ_AGAIN = 'get the file again from its source: it was cut, edited or never of this kind';
const NEXT: Partial<Readonly<Record<ErrorCode, string>>> = {
  'key-malformed': 'copy the whole vkey, name+id+base64, from where its owner publishes it',
  'key-weak': 'do not use this key: ask its owner for a new one',
  'note-malformed': READ_AGAIN,
  'checkpoint-malformed': READ_AGAIN,
  'proof-malformed': READ_AGAIN,
  'bundle-malformed': 'fetch the entry bundle again; if it stays so, report it to the log operator',
  'fork-proof-malformed':
    'ask whoever made the file for the original: as it stands it proves nothing',
  'evidence-malformed': 'ask whoever made the file for the original: as it stands it shows nothing',
  'stream-rolled-back':
    'ask another reader or mirror of the log; if it stays so, publish the evidence file',
  'statement-refused': 'do not rely on it: the rules of its stream do not let it stand there',
  'statement-malformed': 'the entry is no statement: look at its bytes, or at another index',
  'policy-malformed': 'correct the named line; `writ-verify key FILE` checks a trust policy',
  'cosignature-malformed': READ_AGAIN,
  'response-malformed':
    'the server does not speak the protocol: check the address, or ask its operator',
  'note-unverified': 'check that the trust policy has the key of this log, from a source you trust',
  'note-bad-signature': 'do not rely on this evidence: it was altered after signing, or forged',
  'statement-bad-signature': 'do not rely on the statement: its author did not sign these bytes',
  'origin-unknown': 'if you trust this log, add its vkey to the trust policy as a log line',
  'quorum-not-met': 'get a newer proof or checkpoint that more witnesses have cosigned',
  'inclusion-failed':
    'check that the entry and the proof belong together; if so, the proof is false',
  'consistency-failed': 'get the proof again from the log; if it stays so, keep both checkpoints',
  'hash-mismatch': 'fetch the resource again; if it stays so, report it with the checkpoint',
  'checkpoint-stale':
    'get a newer checkpoint; if there is none, the log or its witnesses have stopped',
  'checkpoint-rolled-back':
    'get the newest checkpoint; if the log has none, report it to its witnesses',
  'fork-detected': 'stop relying on this log and publish the fork proof',
  'stream-proof-malformed': READ_AGAIN,
  'state-root-fault-malformed':
    'ask whoever made the file for the original: as it stands it proves nothing',
  'state-root-invalid':
    'do not rely on this tree: audit the log with `writ-verify log`, and publish what it finds',
  'index-proof-failed':
    'get the proof of the stream you asked for again; if it stays so, the proof is false',
  'stream-incomplete':
    'get the stream again from its start; if it stays so, statements are held back',
  'entry-absent': 'check the index, or wait for a checkpoint that covers the entry',
  'nothing-to-verify': 'give the command something to check against, as its --help shows',
  'not-found': 'the log does not serve what this check needs: try another mirror of it',
  usage: 'writ-verify --help lists the commands and options',
  'config-invalid': 'correct the named setting',
  'json-malformed': 'get the file again, or delete it to start anew',
  'network-failed': 'check the address and the network, then try again',
  'storage-failed': 'check the disk and the permissions, then try again',
  'storage-full': 'make room on the disk, then try again',
  'storage-corrupt': 'get the log again from its source and compare',
};

/** What to do next about an error of this code. */
export function nextStep(code: ErrorCode): string {
  return NEXT[code] ?? `look up ${code} in spec/errors.md`;
}
