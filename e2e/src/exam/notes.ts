// Exam operations on notes, checkpoints, cosignatures, policies and proofs.

import { utf8 } from '@writ/core/bytes';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote } from '@writ/core/formats/cosignature';
import { parseVkey } from '@writ/core/formats/key';
import { parseNote, parseSignatureLines } from '@writ/core/formats/note';
import { isQuorumMet, parsePolicy } from '@writ/core/formats/tlog-policy';
import { openProof } from '@writ/verifier/entry';
import { type Operation, verdict } from './question.ts';

export const NOTE_OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ['vkey', verdict((q) => parseVkey(q.text('vkey')))],
  [
    'note_open',
    verdict((q) => openNote(parseNote(q.base64('note')), q.texts('vkeys').map(parseVkey))),
  ],
  ['checkpoint', verdict((q) => parseCheckpoint(q.text('text')))],
  [
    'cosignature',
    verdict((q) => {
      const text = q.text('checkpoint_body');
      parseCheckpoint(text);
      openNote({ text, signatures: parseSignatureLines(q.text('line')) }, [
        parseVkey(q.text('vkey')),
      ]);
    }),
  ],
  ['policy', verdict((q) => parsePolicy(q.base64('policy')))],
  [
    'quorum',
    verdict((q) => isQuorumMet(parsePolicy(q.base64('policy')), new Set(q.texts('cosigned_by')))),
  ],
  [
    'tlog_proof',
    verdict((q) =>
      openProof(utf8(q.text('proof')), q.base64('entry'), parsePolicy(q.base64('policy'))),
    ),
  ],
]);
