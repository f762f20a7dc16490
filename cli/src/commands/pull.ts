// writ policy pull and drift: the copy on this machine against the log.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import { type ErrorCode, isLogError, LogError } from '@writ/core/errors';
import type { ReconciliationReport } from '@writ/core/streams/reconciliation-report';
import { openingsOn } from '@writ/policy/agent/pages';
import { type Pulled, pull } from '@writ/policy/agent/pull';
import { ERROR_EXIT } from '@writ/verifier/cli/exit-codes';
import type { Answer, Context } from '../context.ts';
import {
  type Delivery,
  deliver,
  deliverFault,
  deliveryLines,
  recipientsOf,
} from '../drift-report.ts';
import { writeWhole } from '../files.ts';

/** Exit code of `policy drift` for everything that is not an answer. */
export const EXIT_FAULT = 2;

/** Looks, and with --apply follows. */
export async function pullPolicies(context: Context): Promise<Answer> {
  const isApplying = context.has('apply');
  const exitOf = ({ exit }: ReconciliationReport): number => (isApplying ? exit.apply : exit.pull);
  // What the report says is worse than that somebody has not heard of it.
  const failed: Exits['failed'] = (found, code) => (found === 0 ? ERROR_EXIT[code] : found);
  return reconcileAndTell(context, isApplying, { exitOf, failed });
}

/** For cron: 0 aligned, 1 drift, 2 fault. Changes nothing on this machine. */
export async function checkDrift(context: Context): Promise<Answer> {
  const exitOf = ({ exit }: ReconciliationReport): number => exit.drift;
  return reconcileAndTell(context, false, { exitOf, failed: () => EXIT_FAULT });
}

/** The exit codes of a command. */
interface Exits {
  readonly exitOf: (report: ReconciliationReport) => number;
  /** Of an error behind a report that stands for `found`, which is 0 without a report. */
  readonly failed: (found: number, code: ErrorCode) => number;
}

async function reconcileAndTell(
  context: Context,
  apply: boolean,
  { exitOf, failed }: Exits,
): Promise<Answer> {
  const recipients = recipientsOf(context);
  let pulled: Pulled;
  try {
    pulled = await reconcileOnce(context, apply);
  } catch (error) {
    if (!isLogError(error) || error.code === 'usage') throw error;
    throw await deliverFault(context, recipients, error, failed(0, error.code));
  }
  await writeFiles(context, pulled);
  const found = exitOf(pulled.report);
  const delivery = await deliver(context, pulled, found, recipients);
  const { submission } = delivery;
  const isMissing = submission !== undefined && 'error' in submission;
  const exit = isMissing ? failed(found, submission.error.code) : found;
  return answerOf(pulled, exit, delivery);
}

async function reconcileOnce(context: Context, apply: boolean): Promise<Pulled> {
  const village = context.village();
  const [policy, signer] = [await context.policy(), await context.key()];
  const pages = await context.pages();
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
  const pulled = await context.withStore({ create: apply }, (store) =>
    pull(pages, { store, files: context.files(village) }, options),
  );
  const { reason, message } = pulled.report;
  // Who reads a private village without a key of it has seen nothing that could be wrong with the log. In a public one
  // nothing is ever sealed.
  if (reason === 'opening-missing' && (await context.savedVisibility()) !== 'public')
    throw new LogError(reason, message, { village });
  return pulled;
}

async function writeFiles(context: Context, { report, signed, pages }: Pulled): Promise<void> {
  const [file, folder] = [context.value('report'), context.value('evidence')];
  if (file === undefined && folder === undefined) return;
  const isOpened = openingsOn(pages.map(({ bytes }) => bytes)).size > 0;
  const visibility = isOpened ? 'private' : await context.savedVisibility();
  if (file !== undefined) await writeWhole(file, signed, visibility);
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  const files = [
    ...pages,
    { name: 'report.note', bytes: signed },
    { name: 'report.json', bytes: utf8(`${JSON.stringify(report)}\n`) },
  ];
  for (const { name, bytes } of files) await writeWhole(join(folder, name), bytes, visibility);
}

function answerOf(pulled: Pulled, exit: number, delivery: Delivery): Answer {
  const { report, signed, isApplied, artefacts } = pulled;
  const { submission = null, posted = null } = delivery;
  return {
    exit,
    lines: [...describe(report), ...appliedLines(isApplied, artefacts), ...deliveryLines(delivery)],
    result: {
      report,
      isApplied,
      artefacts,
      signed: new TextDecoder().decode(signed),
      submission,
      webhook: posted,
    },
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
