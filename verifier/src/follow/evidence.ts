// Evidence files (spec/evidence.md): all that it takes to check offline what a village decided, or what a log did
// wrong. The pages are read again by the very code that follows villages, so the file says nothing by itself.
//
//   ["writ-evidence/v1", village, about, policy, clock, saved, [follow page ...], fault]
//   about = null or [stream, seq], clock = null or [now, maximal age],
//   saved = null or [checkpoint, null or state, null or inbox], fault = null or the code of an error

import { equalBytes, utf8 } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import type { CborValue } from '@writ/core/cbor/value';
import { isLogError, LogError } from '@writ/core/errors';
import { formatVkey } from '@writ/core/formats/key';
import { parsePolicy, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import {
  badShape,
  readBytes,
  readCount,
  readList,
  readText,
  ShapeError,
} from '@writ/core/statements/kinds/shape';
import { parseStreamId } from '@writ/core/statements/stream-id';
import { orNull, readTuple } from '@writ/core/streams/state-parts';
import { step, type Trace } from '../trace.ts';
import { type Followed, type News, type SavedVillage, VillageReading } from './reading.ts';

export const EVIDENCE_VERSION = 'writ-evidence/v1';
export const MAX_EVIDENCE_BYTES: number = 64 * 1024 * 1024;
export const MAX_EVIDENCE_PAGES = 10_000;

/** An evidence file as read. Nothing in it is verified. */
export interface Evidence {
  readonly village: string;
  /** The statement that the file is about. */
  readonly about: { readonly stream: string; readonly seq: number } | null;
  /** Text of a trust policy: whom the maker of the file believed. */
  readonly policy: Uint8Array;
  /** The clock of the maker; null: how old the checkpoints are is no part of it. */
  readonly clock: { readonly nowSeconds: number; readonly maxAgeSeconds: number } | null;
  /** What the maker had accepted before; null: the pages start with the village. */
  readonly saved: Omit<SavedVillage, 'village'> | null;
  /** Follow pages in the order in which a reading wants them. */
  readonly pages: readonly Uint8Array[];
  /** Code of the error that the last page has to end with; null: all of it holds. */
  readonly fault: string | null;
}

/** What an evidence file shows under a trust policy. */
export interface ShownEvidence {
  readonly evidence: Evidence;
  /** True when it was checked under a policy of the reader's own that is the one in the file. */
  readonly isPolicyOwn: boolean;
  /** Where the pages lead; null when they end with the fault. */
  readonly followed: Followed | null;
  readonly about: News | null;
  readonly fault: LogError | null;
}

/** The one encoding of an evidence file. Throws RangeError for one that cannot be read back. */
export function encodeEvidence(evidence: Evidence): Uint8Array {
  const { village, about, policy, clock, saved, pages, fault } = evidence;
  const bytes = encodeCbor([
    EVIDENCE_VERSION,
    village,
    about === null ? null : [about.stream, about.seq],
    policy,
    clock === null ? null : [clock.nowSeconds, clock.maxAgeSeconds],
    saved === null ? null : [saved.checkpoint, saved.state, saved.inbox],
    pages,
    fault,
  ]);
  try {
    decodeEvidence(bytes);
  } catch (error) {
    if (isLogError(error)) throw new RangeError(error.message, { cause: error });
    throw error;
  }
  return bytes;
}

/** Reads an evidence file. LogError evidence-malformed. */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  try {
    if (bytes.length > MAX_EVIDENCE_BYTES)
      badShape(`file has more than ${MAX_EVIDENCE_BYTES} bytes`);
    return readEvidence(decodeCbor(bytes));
  } catch (error) {
    if (!(error instanceof ShapeError || isLogError(error, 'cbor-malformed'))) throw error;
    throw new LogError('evidence-malformed', `evidence: ${error.message}`, {}, error);
  }
}

function readEvidence(value: CborValue): Evidence {
  const of = readTuple(value, 'file', 8);
  if (of(0) !== EVIDENCE_VERSION) badShape(`file is not ${EVIDENCE_VERSION}`);
  const village = of(1);
  if (typeof village !== 'string' || parseStreamId(`village/${village}`) === undefined)
    badShape('village must be the id of a village');
  return {
    village,
    about: orNull(of(2), 'about', (about) => readAbout(about, village)),
    policy: readBytes(of(3), 'policy'),
    clock: orNull(of(4), 'clock', readClock),
    saved: orNull(of(5), 'saved', readSaved),
    pages: readList(of(6), 'pages', [0, MAX_EVIDENCE_PAGES], (page, field) =>
      readBytes(page, field),
    ),
    fault: orNull(of(7), 'fault', (code, field) =>
      readText(code, field, /^[a-z][a-z-]{1,63}$/, 'the code of an error'),
    ),
  };
}

function readAbout(value: CborValue, village: string): Evidence['about'] {
  const of = readTuple(value, 'about', 2);
  const stream = of(0);
  if (stream !== `village/${village}` && stream !== `inbox/${village}`)
    return badShape('about must name a stream of the village');
  return { stream, seq: readCount(of(1), 'about.seq') };
}

function readClock(value: CborValue): Evidence['clock'] {
  const of = readTuple(value, 'clock', 2);
  return { nowSeconds: readCount(of(0), 'now'), maxAgeSeconds: readCount(of(1), 'maximal age') };
}

function readSaved(value: CborValue): Evidence['saved'] {
  const of = readTuple(value, 'saved', 3);
  const state = (item: CborValue, field: string): Uint8Array => readBytes(item, field);
  return {
    checkpoint: readBytes(of(0), 'saved.checkpoint'),
    state: orNull(of(1), 'saved.state', state),
    inbox: orNull(of(2), 'saved.inbox', state),
  };
}

/**
 * Checks an evidence file under `policy`, or without one under the policy in the file: then it says what it says
 * of those logs and witnesses, and whether to believe them is open. LogError evidence-malformed when it does not
 * show what it should, and for evidence without a fault those of `VillageReading`.
 */
export function openEvidence(
  bytes: Uint8Array,
  policy: TrustPolicy | undefined,
  trace?: Trace,
): ShownEvidence {
  const evidence = step(
    trace,
    'evidence format',
    () => decodeEvidence(bytes),
    ({ village, pages, fault }) => ({
      why: `${pages.length} pages about ${village}`,
      got: fault === null ? 'a decision' : `a fault: ${fault}`,
    }),
  );
  const own = parsePolicy(evidence.policy);
  const isPolicyOwn = policy !== undefined && isSamePolicy(policy, own);
  const { fault } = evidence;
  if (fault !== null) {
    const error = step(
      trace,
      'fault',
      () => requireFault(evidence, policy ?? own, fault),
      ({ code, message }) => ({ why: message, got: code }),
    );
    return { evidence, isPolicyOwn, followed: null, about: null, fault: error };
  }
  const followed = step(
    trace,
    'pages',
    () => readAgain(evidence, policy ?? own, trace),
    ({ checkpoint, news }) => ({
      why: `${news.length} statements up to the head of the village at ${checkpoint.size} entries`,
    }),
  );
  return { evidence, isPolicyOwn, followed, about: findAbout(evidence, followed), fault: null };
}

function readAgain(evidence: Evidence, policy: TrustPolicy, trace?: Trace): Followed {
  const { village, saved, clock, pages } = evidence;
  const reading = new VillageReading({
    village,
    policy,
    trace,
    saved: saved === null ? undefined : { village, ...saved },
    nowSeconds: clock === null ? undefined : BigInt(clock.nowSeconds),
    maxAgeSeconds: clock === null ? undefined : BigInt(clock.maxAgeSeconds),
  });
  for (const page of pages) {
    if (reading.want === undefined) throw unshown('there are more pages than it takes');
    reading.add(page);
  }
  if (reading.want !== undefined) throw unshown(`a page of ${reading.want.stream} is missing`);
  return reading.finish();
}

function requireFault(evidence: Evidence, policy: TrustPolicy, fault: string): LogError {
  try {
    readAgain(evidence, policy);
  } catch (error) {
    if (isLogError(error) && error.code === fault) return error;
    if (!isLogError(error)) throw error;
    throw unshown(`the pages end with ${error.code}, not with ${fault}`, error);
  }
  throw unshown(`all of it holds: it does not show ${fault}`);
}

function findAbout({ about }: Evidence, { news }: Followed): News | null {
  if (about === null) return null;
  const found = news.find(
    ({ statement: { stream, seq } }) => stream === about.stream && seq === about.seq,
  );
  if (found !== undefined) return found;
  throw unshown(`number ${about.seq} of ${about.stream} is not among the statements`);
}

function unshown(message: string, cause?: unknown): LogError {
  return new LogError('evidence-malformed', `evidence: ${message}`, {}, cause);
}

/** True when both believe the same keys under the same rule. */
export function isSamePolicy(a: TrustPolicy, b: TrustPolicy): boolean {
  return equalBytes(formatPolicy(a), formatPolicy(b));
}

/** A trust policy as a file that `parsePolicy` reads; addresses are left out. */
export function formatPolicy({ logs, witnesses, groups, quorum }: TrustPolicy): Uint8Array {
  const lines = logs.map(({ key }) => `log ${formatVkey(key)}`);
  for (const [name, { key }] of witnesses) lines.push(`witness ${name} ${formatVkey(key)}`);
  for (const [name, { threshold, members }] of groups)
    lines.push(`group ${name} ${threshold} ${members.join(' ')}`);
  return utf8(`${lines.join('\n')}\nquorum ${quorum ?? 'none'}\n`);
}
