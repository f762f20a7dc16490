// What a check of a policy refuses (spec/policy-engine.md section 9): saving and enabling, as pure functions that the
// API, the command line and the console share. A refusal is final; what is not refused says how it is stored.

import type { Compiled } from './compile.ts';
import type { DuplicatePolicy } from './duplicate.ts';
import type { Finding, Severity } from './finding.ts';
import { refusesEnabling } from './severity.ts';

/** A transcript older than this does not show what is so now, in milliseconds. */
export const MAX_TRANSCRIPT_AGE_MS = 900_000;

/** What the gates need of the transcript of a dry run. */
export interface TranscriptFacts {
  readonly id: string;
  /** Semantic digest of the policy that was tried. */
  readonly semanticDigest: string;
  /** Digest in hexadecimal of the driver package that was asked. */
  readonly driver: string;
  readonly severity: Exclude<Severity, 'blocker'>;
  /** An answer broke the contract of drivers, or the capability is gone. */
  readonly isStructural: boolean;
  /** Milliseconds since 1970 when it ended. */
  readonly timeMs: number;
}

/** Why a gate refuses. */
export type GateCode =
  | 'policy-blocked'
  | 'policy-duplicate'
  | 'policy-erroneous'
  | 'transcript-missing'
  | 'transcript-foreign'
  | 'transcript-old'
  | 'driver-structural-mismatch'
  | 'preflight-error';

export interface GateRefusal {
  readonly isAllowed: false;
  /** HTTP status. */
  readonly status: 400 | 409 | 422;
  readonly code: GateCode;
  readonly message: string;
  /** The findings that the refusal rests on. */
  readonly findings: readonly Finding[];
  /** The policy that exists already; only with policy-duplicate. */
  readonly existingId: string | null;
  /** Transcript of the dry run that the refusal rests on. */
  readonly transcriptId: string | null;
}

export interface SavePass {
  readonly isAllowed: true;
  /** Whether it is stored enabled: as the author wrote, unless a check refuses that. */
  readonly isEnabled: boolean;
  /** Why it is stored disabled though its author enabled it. */
  readonly disabledBecause: GateRefusal | null;
}

export interface EnablePass {
  readonly isAllowed: true;
  readonly transcriptId: string;
}

export interface SaveFacts {
  /** Another policy with the same meaning (findDuplicate); null: none. */
  readonly duplicate: DuplicatePolicy | null;
  /** The newest dry run; null: none. */
  readonly transcript: TranscriptFacts | null;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/**
 * Whether a policy may be saved: not with a blocker (400), not when it exists (409). What may be saved and must not be
 * enabled is stored disabled.
 */
export function saveGate(compiled: Compiled, facts: SaveFacts): SavePass | GateRefusal {
  if (!compiled.ok)
    return refusal(400, 'policy-blocked', 'the policy has findings that refuse saving it', {
      findings: compiled.findings.filter(({ severity }) => severity === 'blocker'),
    });
  if (facts.duplicate !== null)
    return refusal(
      409,
      'policy-duplicate',
      `policy ${facts.duplicate.policyId} does the same on the same host: change that one instead`,
      { existingId: facts.duplicate.policyId },
    );
  if (!compiled.spec.enabled) return { isAllowed: true, isEnabled: false, disabledBecause: null };
  const enabling = enableGate(compiled, facts.transcript, facts.nowMs);
  return {
    isAllowed: true,
    isEnabled: enabling.isAllowed,
    disabledBecause: enabling.isAllowed ? null : enabling,
  };
}

/**
 * Whether a policy may be enabled: compiled without an error, and tried by a fresh dry run of the same meaning with the
 * same driver that met none either. A driver that changed between the dry run and now makes the transcript foreign.
 */
export function enableGate(
  compiled: Compiled,
  transcript: TranscriptFacts | null,
  nowMs: number,
): EnablePass | GateRefusal {
  const transcriptId = transcript?.id ?? null;
  const grave = compiled.findings.filter(({ severity }) => refusesEnabling(severity));
  if (!compiled.ok)
    return refusal(400, 'policy-blocked', 'the policy has findings that refuse saving it', {
      findings: grave,
      transcriptId,
    });
  if (grave.length > 0)
    return refusal(400, 'policy-erroneous', 'the policy has findings that refuse enabling it', {
      findings: grave,
      transcriptId,
    });
  if (transcript === null)
    return refusal(
      400,
      'transcript-missing',
      'the policy was not tried: make a dry run before it is enabled',
    );
  return judgeTranscript(compiled, transcript, nowMs);
}

function judgeTranscript(
  compiled: Compiled & { readonly ok: true },
  transcript: TranscriptFacts,
  nowMs: number,
): EnablePass | GateRefusal {
  const transcriptId = transcript.id;
  const isOther =
    transcript.semanticDigest !== compiled.digests.semantic ||
    transcript.driver !== compiled.ir.targets.driver;
  if (isOther)
    return refusal(
      400,
      'transcript-foreign',
      'the dry run was of another content or with another driver: make it again',
      { transcriptId },
    );
  const age = nowMs - transcript.timeMs;
  // One from the future is as little worth: the clock that it was dated by was wrong.
  if (age > MAX_TRANSCRIPT_AGE_MS || age < -MAX_TRANSCRIPT_AGE_MS)
    return refusal(400, 'transcript-old', 'the dry run is not of now: make it again', {
      transcriptId,
    });
  if (transcript.isStructural)
    return refusal(
      422,
      'driver-structural-mismatch',
      'the driver does not keep what its manifest says; see the transcript',
      { transcriptId },
    );
  if (refusesEnabling(transcript.severity))
    return refusal(400, 'preflight-error', 'the dry run met an error; see the transcript', {
      transcriptId,
    });
  return { isAllowed: true, transcriptId };
}

function refusal(
  status: GateRefusal['status'],
  code: GateCode,
  message: string,
  more: Partial<Pick<GateRefusal, 'findings' | 'existingId' | 'transcriptId'>> = {},
): GateRefusal {
  return {
    isAllowed: false,
    status,
    code,
    message,
    findings: [],
    existingId: null,
    transcriptId: null,
    ...more,
  };
}
