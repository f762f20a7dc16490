// Audits segments in worker threads. A worker is this same program, started again as a thread.

import { parentPort, Worker, workerData } from 'node:worker_threads';
import { bug, type ErrorCode, type ErrorDetail, isLogError, LogError } from '@writ/core/errors';
import { auditSegment } from '../audit-segment.ts';
import { folderSource } from './folder.ts';

export interface AuditPool {
  /** As the function of this name, in the thread with the least to do. */
  auditSegment(segment: bigint, size: bigint): Promise<Uint8Array[]>;
  close(): Promise<void>;
}

interface Task {
  readonly id: number;
  readonly segment: bigint;
  readonly size: bigint;
}

interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly detail: ErrorDetail;
}

/** What a worker answers: the hashes, a failure of the evidence, or a fault of our own in words. */
type Answer =
  | { readonly id: number; readonly hashes: Uint8Array[] }
  | { readonly id: number; readonly failure: Failure }
  | { readonly id: number; readonly fault: string };

interface Waiting {
  resolve(hashes: Uint8Array[]): void;
  reject(error: unknown): void;
}

/** A pool of `jobs` threads over the log in `folder`; `program` starts `serveAuditTasks` in a worker. */
export function createAuditPool(program: URL, folder: string, jobs: number): AuditPool {
  const threads = Array.from({ length: jobs }, () => {
    const worker = new Worker(program, { workerData: { auditFolder: folder } });
    const waiting = new Map<number, Waiting>();
    worker.on('message', (answer: Answer) => {
      const { resolve, reject } = waiting.get(answer.id) ?? bug('an answer that nobody waits for');
      waiting.delete(answer.id);
      if ('hashes' in answer) resolve(answer.hashes);
      else if ('failure' in answer) reject(toError(answer.failure));
      else reject(new Error(answer.fault));
    });
    worker.on('error', (error) => {
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    });
    return { worker, waiting };
  });
  let nextId = 0;
  return {
    auditSegment: (segment, size) =>
      new Promise((resolve, reject) => {
        const [thread] = threads.toSorted((a, b) => a.waiting.size - b.waiting.size);
        if (thread === undefined) return reject(new RangeError('a pool has at least one thread'));
        const task: Task = { id: nextId++, segment, size };
        thread.waiting.set(task.id, { resolve, reject });
        thread.worker.postMessage(task);
      }),
    close: async () => {
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

/** The life of a worker: audits what it is told to, until it is terminated. */
export function serveAuditTasks(): void {
  const data: unknown = workerData;
  const folder =
    typeof data === 'object' && data !== null && 'auditFolder' in data && data.auditFolder;
  if (typeof folder !== 'string') throw new TypeError('a worker was started without a folder');
  const source = folderSource(folder);
  parentPort?.on('message', async ({ id, segment, size }: Task) => {
    parentPort?.postMessage(await answer(id, () => auditSegment(source, segment, size)));
  });
}

async function answer(id: number, work: () => Promise<Uint8Array[]>): Promise<Answer> {
  try {
    return { id, hashes: await work() };
  } catch (error) {
    if (!isLogError(error)) return { id, fault: String(error) };
    const { code, message, detail } = error;
    return { id, failure: { code, message, detail } };
  }
}

function toError({ code, message, detail }: Failure): LogError {
  return new LogError(code, message, detail);
}
