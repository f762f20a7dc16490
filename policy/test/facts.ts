// Facts for reconciliation tests: a line of statements and who has how much of it.

import type {
  CheckpointRef,
  HeadRef,
  OpenProposal,
  PendingEntry,
} from '@writ/core/streams/reconciliation-report';
import type { LocalFacts, ReconcileOptions, RemoteVerified } from '@writ/policy/engine/reconcile';

export const OPTIONS: ReconcileOptions = {
  village: 'north-quay',
  timeSeconds: 1_795_000_000,
  toolVersion: '0.1.0',
  mode: 'enforce',
  staleness: 'keep-last-good',
};

/** A made-up hash: 64 hex digits that say what they stand for. */
export function hash(line: string, number: number): string {
  const code = [...line].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
  return `${code.toString(16)}${number.toString(16).padStart(8, '0')}`.padStart(64, '0');
}

/** The statement with number `seq` on a line; lines that differ are forks. */
export function statement(seq: number, line = 'main'): HeadRef {
  return { seq, id: hash(line, seq), index: 10 * seq + 3 };
}

export function entry(seq: number, isEffective = true, line = 'main'): PendingEntry {
  return {
    ...statement(seq, line),
    previous: seq === 0 ? null : hash(line, seq - 1),
    kind: 'policy-change',
    result: isEffective ? 'activated' : 'proposed',
    isEffective,
  };
}

export function checkpoint(size: number, line = 'main', origin = 'log.example'): CheckpointRef {
  return {
    origin,
    size: String(size),
    root: hash(`${line} root`, size),
    digest: hash(`${line} note`, size),
  };
}

/** A node that applied everything up to `seq`; -1: nothing. */
export function localAt(seq: number, size = 100): LocalFacts {
  const head = seq < 0 ? null : statement(seq);
  return {
    checkpoint: seq < 0 ? null : checkpoint(size),
    head,
    active: head,
    edits: [],
    isUnfinished: false,
  };
}

/** A log whose village ends with `seq`, as a node at `localSeq` sees it. */
export function remoteAt(seq: number, localSeq: number, size = 200): RemoteVerified {
  const count = Math.max(0, seq - localSeq);
  return {
    kind: 'verified',
    checkpoint: checkpoint(size),
    head: seq < 0 ? null : statement(seq),
    atLocalHead: localSeq >= 0 && localSeq <= seq ? statement(localSeq) : null,
    pending: Array.from({ length: count }, (_, i) => entry(localSeq + 1 + i)),
    proposals: [],
    proofs: [{ name: 'page', sha256: hash('page', 1) }],
  };
}

export function proposal(number: number, more: Partial<OpenProposal> = {}): OpenProposal {
  const subject = 'policy 00000000-0000-4000-8000-000000000001';
  return { id: hash('proposal', number), subject, version: 2, isExpired: false, ...more };
}

export const EDIT = { policy: 'p', expected: hash('spec', 1), found: hash('spec', 2) };
