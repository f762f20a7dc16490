// writ-verify report: did this node or operator say that, and about these files.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatHex, parseUtf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { parseVkey, type VerifierKey } from '@writ/core/formats/key';
import { sha256 } from '@writ/core/sha256';
import { openReport, type ReconciliationReport } from '@writ/core/streams/reconciliation-report';
import { step } from '../../trace.ts';
import type { Context } from '../context.ts';
import { codeOf, readInput } from '../inputs.ts';
import type { Claim } from '../report.ts';

/** Verifies a reconciliation report under the key of its node; with `--pages`, also the files it names. */
export async function report(context: Context): Promise<Claim> {
  const bytes = readInput(context.operand(0), 'report');
  const key = keyOf(context);
  const found = step(
    context.trace,
    'signature',
    () => openReport(bytes, [key]),
    () => ({ why: 'the key signed the report, which is well formed', got: key.name }),
  );
  const folder = context.value('pages');
  if (folder !== undefined) for (const proof of found.proofs) checkPage(context, folder, proof);
  return {
    text: `${key.name} found ${found.village} ${found.class}: ${found.message}`,
    facts: factsOf(found),
  };
}

function keyOf(context: Context): VerifierKey {
  const value = context.value('key');
  if (value === undefined)
    throw new LogError('nothing-to-verify', 'no key: --key VKEY or FILE says whose report it is');
  if (value.includes('+')) return parseVkey(value);
  return parseVkey((parseUtf8(readInput(value, 'key')) ?? '').trim());
}

// The names come from whoever signed: none of them leads out of the folder.
function checkPage(
  context: Context,
  folder: string,
  { name, sha256: expected }: ReconciliationReport['proofs'][number],
): void {
  step(
    context.trace,
    `page ${name}`,
    () => {
      if (!/^[a-zA-Z0-9_-][a-zA-Z0-9._-]*$/.test(name))
        throw new LogError('json-malformed', 'a proof has no plain file name', { field: 'proofs' });
      const got = formatHex(sha256(read(join(folder, name))));
      if (got === expected) return;
      throw new LogError('hash-mismatch', `${name} is not the file of the report`, {
        expected,
        got,
      });
    },
    () => ({ why: 'the file is the one that was looked at', expected, got: expected }),
  );
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new LogError('nothing-to-verify', `cannot read ${path}: ${codeOf(error)}`, {}, error);
  }
}

function factsOf(found: ReconciliationReport): Record<string, unknown> {
  const { local, remote, selectedHead, pending } = found;
  return {
    class: found.class,
    reason: found.reason,
    village: found.village,
    timeSeconds: found.timeSeconds,
    localHead: headText(local.head),
    remoteHead: headText(remote.head),
    selectedHead: headText(selectedHead),
    localCheckpoint: checkpointText(local.checkpoint),
    remoteCheckpoint: checkpointText(remote.checkpoint),
    pending: pending.count,
    proofs: found.proofs.map(({ name, sha256: digest }) => `${name} ${digest}`),
  };
}

function headText(head: ReconciliationReport['selectedHead']): string | null {
  return head === null ? null : `seq ${head.seq}, entry ${head.index}, ${head.id}`;
}

function checkpointText(checkpoint: ReconciliationReport['local']['checkpoint']): string | null {
  return checkpoint === null
    ? null
    : `${checkpoint.origin}, size ${checkpoint.size}, root ${checkpoint.root}`;
}
