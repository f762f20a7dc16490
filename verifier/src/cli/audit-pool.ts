// Audits segments in several threads, of which the one that asks is the first: it would only wait otherwise. A
// worker is this same program, started again as a thread. Whoever is free takes the next segment.

import { setImmediate as nextRound } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type ErrorCode, type ErrorDetail, isLogError, LogError } from '@writ/core/errors';
import { auditSegment, SEGMENT_ENTRIES } from '../audit-segment.ts';
import { folderSource } from './folder.ts';

/** First operand of a worker: by it main.ts knows one without loading what only an audit needs. */
export const AUDIT_WORKER = 'audit-worker';

export interface AuditPool {
  /** The hashes of `auditSegment` for this segment, or its error; asked in order, each segment once. */
  auditSegment(segment: bigint): Promise<Uint8Array[]>;
  close(): Promise<void>;
}

/** What the threads of a pool share. */
interface Job {
  readonly auditFolder: string;
  /** Entries of the tree. */
  readonly size: bigint;
  /** The first segment that nobody has taken, in memory that all threads see. */
  readonly next: BigInt64Array;
}

interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly detail: ErrorDetail;
}

/** What became of a segment: the hashes, a failure of the evidence, or a fault of our own in words. */
type Outcome =
  | { readonly segment: bigint; readonly hashes: Uint8Array[] }
  | { readonly segment: bigint; readonly failure: Failure }
  | { readonly segment: bigint; readonly fault: string };

/**
 * Starts to audit the tree of `size` in `folder` from segment `first` on, with `jobs` threads; `program` calls
 * `serveAudit` in a worker. No segment is begun after one that failed.
 */
export function createAuditPool(
  program: URL,
  folder: string,
  { first, size }: { readonly first: bigint; readonly size: bigint },
  jobs: number,
): AuditPool {
  const next = new BigInt64Array(new SharedArrayBuffer(8));
  next[0] = first;
  const job: Job = { auditFolder: folder, size, next };
  const { settle, fail, of } = createOutcomes();
  const segments = Number(endOf(job) - first);
  const workers = Array.from({ length: Math.min(jobs, segments) - 1 }, () =>
    new Worker(program, { argv: [AUDIT_WORKER], workerData: job })
      .on('message', settle)
      .on('error', fail),
  );
  takeSegments(job, settle).catch(fail);
  return {
    auditSegment: of,
    close: async () => {
      Atomics.store(next, 0, endOf(job));
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** The life of a worker. False on the main thread, which is none whatever it was called with. */
export async function serveAudit(): Promise<boolean> {
  if (isMainThread) return false;
  await takeSegments(workerData, (outcome) => parentPort?.postMessage(outcome));
  return true;
}

/** Audits segments until none is left. */
async function takeSegments(job: Job, settle: (outcome: Outcome) => void): Promise<void> {
  let room = new Uint8Array(0);
  // An audit is done with a resource when it reads the next: no new array for each.
  const source = folderSource(job.auditFolder, (size) => {
    if (room.length < size) room = new Uint8Array(size);
    return room.subarray(0, size);
  });
  for (;;) {
    const segment = Atomics.add(job.next, 0, 1n);
    if (segment >= endOf(job)) return;
    const outcome = await outcomeOf(segment, () => auditSegment(source, segment, job.size));
    // Those before it are taken already, so the first failure of the log is among the outcomes.
    if (!('hashes' in outcome)) Atomics.store(job.next, 0, endOf(job));
    settle(outcome);
    await nextRound(); // reading never yields, and other threads have something to say
  }
}

function endOf({ size }: Job): bigint {
  return (size + BigInt(SEGMENT_ENTRIES) - 1n) / BigInt(SEGMENT_ENTRIES);
}

async function outcomeOf(segment: bigint, work: () => Promise<Uint8Array[]>): Promise<Outcome> {
  try {
    return { segment, hashes: await work() };
  } catch (error) {
    if (!isLogError(error)) return { segment, fault: String(error) };
    const { code, message, detail } = error;
    return { segment, failure: { code, message, detail } };
  }
}

function hashesOf(outcome: Outcome): Uint8Array[] {
  if ('hashes' in outcome) return outcome.hashes;
  if ('fault' in outcome) throw new Error(outcome.fault);
  const { code, message, detail } = outcome.failure;
  throw new LogError(code, message, detail);
}

interface Outcomes {
  of(segment: bigint): Promise<Uint8Array[]>;
  settle(outcome: Outcome): void;
  /** A thread broke down: what was not settled will not be. */
  fail(error: unknown): void;
}

/** Outcomes come in any order, before or after they are asked for. */
function createOutcomes(): Outcomes {
  const settled = new Map<bigint, Outcome>();
  let broken: { readonly error: unknown } | undefined;
  let wake = (): void => undefined;
  return {
    of: async (segment) => {
      for (;;) {
        const outcome = settled.get(segment);
        if (settled.delete(segment) && outcome !== undefined) return hashesOf(outcome);
        if (broken !== undefined) throw broken.error;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    settle: (outcome) => {
      settled.set(outcome.segment, outcome);
      wake();
    },
    fail: (error) => {
      broken ??= { error };
      wake();
    },
  };
}
