// writ policy pull and drift: the copy on this machine against the log.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { ReconciliationReport } from '@writ/core/streams/reconciliation-report';
import { type Pulled, pull } from '@writ/policy/agent/pull';
import type { Answer, Context } from '../context.ts';
import { writeWhole } from '../files.ts';

/** Exit code of `policy drift` for everything that is not an answer. */
export const EXIT_FAULT = 2;

/** Looks, and with --apply follows. */
export async function pullPolicies(context: Context): Promise<Answer> {
  const isApplying = context.has('apply');
  const pulled = await reconcileOnce(context, isApplying);
  const { exit } = pulled.report;
  return answerOf(context, pulled, isApplying ? exit.apply : exit.pull);
}

/** For cron: 0 aligned, 1 drift, 2 fault. Never changes anything. */
export async function checkDrift(context: Context): Promise<Answer> {
  const pulled = await reconcileOnce(context, false);
  return answerOf(context, pulled, pulled.report.exit.drift);
}

async function reconcileOnce(context: Context, apply: boolean): Promise<Pulled> {
  const village = context.village();
  const [policy, log, signer] = [await context.policy(), await context.log(), await context.key()];
  const mode = context.value('mode') ?? 'enforce';
  if (mode !== 'enforce' && mode !== 'observe')
    throw new LogError('usage', '--mode is enforce or observe');
  const options = {
    village,
    policy,
    nowSeconds: context.world.nowSeconds(),
    maxAgeSeconds: context.maxAgeSeconds,
    toolVersion: context.version,
    mode,
    apply,
    signer,
  } as const;
  return context.withStore({ create: apply }, (store) =>
    pull((want) => log.page(want), { store, files: context.files(village) }, options),
  );
}

async function answerOf(context: Context, pulled: Pulled, exit: number): Promise<Answer> {
  const { report, signed, isApplied, artefacts, pages } = pulled;
  const file = context.value('report');
  if (file !== undefined) await writeWhole(file, signed);
  const folder = context.value('evidence');
  if (folder !== undefined) {
    await mkdir(folder, { recursive: true });
    for (const { name, bytes } of pages) await writeWhole(join(folder, name), bytes);
    await writeWhole(join(folder, 'report.note'), signed);
    await writeWhole(join(folder, 'report.json'), utf8(`${JSON.stringify(report)}\n`));
  }
  return {
    exit,
    lines: [...describe(report), ...appliedLines(isApplied, artefacts)],
    result: { report, isApplied, artefacts, signed: new TextDecoder().decode(signed) },
  };
}

function describe(report: ReconciliationReport): string[] {
  const { pending, proposals, edits, selectedHead, active } = report;
  return [
    `${report.village}: ${report.class} (${report.reason}): ${report.message}`,
    `  local head ${headText(report.local.head)}, log ${headText(report.remote.head)}`,
    `  selected ${headText(selectedHead)}, in force since ${headText(active)}`,
    ...pending.entries.map(
      ({ seq, index, kind, result, isEffective }) =>
        `  ${isEffective ? 'pending' : 'listed '}  entry ${index}  seq ${seq}  ${kind}: ${result}`,
    ),
    ...proposals.map(
      ({ id, subject, isExpired }) =>
        `  ${isExpired ? 'expired' : 'open'} proposal ${id}: ${subject}`,
    ),
    ...edits.map(
      ({ policy, found }) => `  edited here: ${policy}${found === null ? ' is gone' : ''}`,
    ),
  ];
}

function headText(head: { readonly seq: number; readonly index: number } | null): string {
  return head === null ? 'none' : `seq ${head.seq} (entry ${head.index})`;
}

function appliedLines(isApplied: boolean, artefacts: readonly string[]): string[] {
  return [
    ...(isApplied ? ['  applied'] : []),
    ...artefacts.map((path) => `  the edit is kept in ${path}`),
  ];
}
