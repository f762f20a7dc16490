// What a node is asked over its own connection, and what it answers (spec/policy-api.md sections 5 to 7). Nothing that
// can be asked changes anything. How both sides read it is in transcript-schema.ts.

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import type { DriverAnswer, InventoryItem } from './driver-manifest.ts';
import type { Finding } from './finding.ts';
import type { TranscriptFacts } from './gates.ts';
import { worstSeverity } from './severity.ts';
import type { AnswerSeverity } from './severity-rules.ts';

/** Largest answer of a node, in bytes. */
export const MAX_NODE_ANSWER_BYTES: number = 4 * 1024 * 1024;
/** Results that a transcript lists. */
export const MAX_RESULTS = 2048;
/** Targets that an answer lists. */
export const MAX_ANSWER_ITEMS = 50_000;
/** Findings that a transcript lists. */
export const MAX_TRANSCRIPT_FINDINGS = 64;

export const TRANSCRIPT_FORMAT = 'writ-transcript/v1';
export const INVENTORY_FORMAT = 'writ-inventory/v1';
export const FAILURE_FORMAT = 'writ-node-failure/v1';

/** Who answers. */
interface Origin {
  readonly village: string;
  readonly node: string;
  /** UUID. */
  readonly host: string;
}

/** What the node knew of the targets. */
export interface UsedInventory {
  /** True when the driver answered for everything within its deadline. */
  readonly refreshed: boolean;
  /** Milliseconds since 1970 of the oldest row that was used; null: there was none. */
  readonly ts: number | null;
  readonly stale: boolean;
  /** Why rows are old or missing; null: none is. */
  readonly reason: string | null;
  /** The word of an operator that let an old inventory pass. */
  readonly override: {
    readonly by: string;
    readonly reason: string;
    readonly until_ms: number;
  } | null;
}

/** What one action would do to one target. */
export interface TranscriptResult extends DriverAnswer {
  /** Position of the action in the plan, from 0. */
  readonly action: number;
  readonly target_id: string;
  readonly capability: string;
  readonly verb: string;
  /** Digest of the driver package that was asked, in hexadecimal. */
  readonly driver: string;
  /** Id of the severity rule that changed what the driver said; null: none did. */
  readonly rule: string | null;
}

/** A dry run from beginning to end. Its id is the SHA-256 of its canonical JSON. */
export interface Transcript extends Origin {
  readonly format: typeof TRANSCRIPT_FORMAT;
  /** UUID. */
  readonly policy: string;
  /** null: of a draft. */
  readonly version: number | null;
  readonly semantic_digest: string;
  readonly ir_digest: string;
  /** Digest of the pinned driver package; null: none was pinned, and nothing was tried. */
  readonly driver: string | null;
  /** The worst of all results and findings. */
  readonly severity: AnswerSeverity;
  /** An answer broke the contract of drivers, or the capability is gone. */
  readonly structural: boolean;
  readonly started_ms: number;
  readonly ended_ms: number;
  readonly used_inventory: UsedInventory;
  readonly findings: readonly (Finding & { readonly severity: AnswerSeverity })[];
  readonly results: readonly TranscriptResult[];
  /** Results that found no room; `severity` and `structural` are also about them. */
  readonly results_cut: number;
}

/** What a node knows of the targets of a host. */
export interface InventoryAnswer extends Origin {
  readonly format: typeof INVENTORY_FORMAT;
  readonly ts: number | null;
  readonly stale: boolean;
  readonly reason: string | null;
  readonly refreshed: boolean;
  readonly items: readonly InventoryItem[];
  /** Targets that found no room. */
  readonly items_cut: number;
}

/** Why a node does not do what it was asked. */
export const FAILURE_CODES = [
  'host-unknown',
  'policy-unknown',
  'draft-refused',
  'driver-unavailable',
  'busy',
  'failed',
] as const;

export interface NodeFailure extends Origin {
  readonly format: typeof FAILURE_FORMAT;
  readonly code: (typeof FAILURE_CODES)[number];
  readonly reason: string;
}

export type NodeAnswer = Transcript | InventoryAnswer | NodeFailure;

/** A log asks for a dry run: of a version of the village, or of a draft that a member signed. */
export interface DryRunRequest {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly kind: 'dry-run';
  readonly host: string;
  readonly policy: string;
  /** null: the draft. */
  readonly version: number | null;
  /** The signed `policy-change` in base64, and its opening where it is sealed. */
  readonly draft: string | null;
  readonly opening: string | null;
  /** An answer after it is refused; milliseconds since 1970 by the clock of the log. */
  readonly deadline_ms: number;
}

/** A log asks which targets there are. */
export interface InventoryRequest {
  readonly id: string;
  readonly kind: 'inventory';
  readonly host: string;
  readonly deadline_ms: number;
}

export type NodeRequest = DryRunRequest | InventoryRequest;

/** The bytes of an answer: canonical JSON. RangeError for more than MAX_NODE_ANSWER_BYTES. */
export function formatNodeAnswer(answer: NodeAnswer): Uint8Array {
  // Interfaces have no index signature, so the compiler does not see by itself that they are plain data.
  const plain: JsonValue = JSON.parse(JSON.stringify(answer));
  const bytes = utf8(formatCanonicalJson(plain));
  if (bytes.length > MAX_NODE_ANSWER_BYTES)
    throw new RangeError(`an answer has at most ${MAX_NODE_ANSWER_BYTES} bytes`);
  return bytes;
}

/** The id of a transcript, as of any answer: SHA-256 of its bytes, in hexadecimal. */
export function nodeAnswerId(bytes: Uint8Array): string {
  return formatHex(sha256(bytes));
}

/** What the gates need of a transcript. `timeMs`: when the log says that it was made. */
export function transcriptFacts(
  id: string,
  { semantic_digest, driver, severity: worst, structural }: Transcript,
  timeMs: number,
): TranscriptFacts {
  return {
    id,
    semanticDigest: semantic_digest,
    driver: driver ?? '',
    severity: worst,
    isStructural: structural,
    timeMs,
  };
}

/** The severity that a transcript with these parts has. */
export function transcriptSeverity(
  parts: Pick<Transcript, 'findings' | 'results'>,
): AnswerSeverity {
  const worst = worstSeverity([...parts.findings, ...parts.results].map((part) => part.severity));
  return worst === 'blocker' ? 'error' : worst;
}
