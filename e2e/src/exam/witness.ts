// Exam operations that start and stop a witness: the real server on a loopback port, with its durable store.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSigner, parseVkey } from '@writ/core/formats/key';
import { type RunningWitness, startWitness } from '@writ/witness/server';
import type { Answer, Operation, Question } from './question.ts';

export const WITNESS_OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ['witness_start', start],
  ['witness_stop', stop],
]);

const QUIET = { info: ignore, warn: ignore, error: ignore };
let running: { readonly witness: RunningWitness; readonly folder: string } | undefined;

async function start(question: Question): Promise<Answer> {
  await stop();
  const logs = question.texts('log_vkeys').map(parseVkey);
  const folder = await mkdtemp(join(tmpdir(), 'writ-exam-'));
  const witness = await startWitness({
    keys: [createSigner('exam-witness.example', 0x04, randomBytes(32))],
    logs,
    storePath: join(folder, 'heads'),
    port: 0,
    env: { nowMs: () => Date.now(), log: QUIET },
  });
  running = { witness, folder };
  return { url: witness.url, witness_vkey: witness.vkeys[0] };
}

async function stop(): Promise<Answer> {
  if (running !== undefined) {
    await running.witness.close();
    await rm(running.folder, { recursive: true });
    running = undefined;
  }
  return { ok: true };
}

function ignore(): void {}
