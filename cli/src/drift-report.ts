// Where the report of a check goes beside the terminal: into the log, and to a webhook (spec/writ-command.md).

import { type ErrorCode, isLogError, LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { DriftReport } from '@writ/core/statements/kinds/node-reports';
import { formatStreamId, parseStreamId } from '@writ/core/statements/stream-id';
import type { Pulled } from '@writ/policy/agent/pull';
import { append, type Logged, type Visibility } from './author.ts';
import type { Context } from './context.ts';
import { type Posted, Webhook } from './webhook.ts';

/** Format of the body that a webhook gets. */
export const WEBHOOK_FORMAT = 'writ-drift/v1';

/** What became of the report in the log. */
export type Submission =
  | { readonly logged: Logged }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };

export interface Delivery {
  /** undefined: nobody asked for it. */
  readonly submission: Submission | undefined;
  readonly posted: Posted | undefined;
}

/** Who gets the report, beside the terminal. */
export interface Recipients {
  readonly webhook: Webhook | undefined;
  /** The node on whose stream it is reported. */
  readonly node: string | undefined;
}

/** The recipients that were asked for. LogError usage. */
export function recipientsOf(context: Context): Recipients {
  const url = context.value('webhook');
  const webhook = url === undefined ? undefined : new Webhook(url, context.world);
  if (!context.has('submit')) return { webhook, node: undefined };
  const node = context.required('node');
  if (parseStreamId(`node/${context.village()}/${node}`) === undefined)
    throw new LogError('usage', 'a node is 1 to 64 of a-z A-Z 0-9 _ -');
  return { webhook, node };
}

/** Delivers a report to where the command line says. Failures are in the answer; the report stands without. */
export async function deliver(
  context: Context,
  { report, signed }: Pulled,
  exit: number,
  { webhook, node }: Recipients,
): Promise<Delivery> {
  const submission =
    node === undefined
      ? undefined
      : await submitReport(context, node, {
          kind: 'drift-report',
          report: sha256(signed),
          class: report.class,
          exit,
          timeMs: report.timeSeconds * 1000,
        });
  const posted = await webhook?.post({
    format: WEBHOOK_FORMAT,
    village: report.village,
    timeSeconds: report.timeSeconds,
    class: report.class,
    reason: report.reason,
    message: report.message,
    exit,
    report: new TextDecoder().decode(signed),
    submission: submission ?? null,
    error: null,
  });
  return { submission, posted };
}

/** Tells the webhook that there is no report, and why; answers the error to end with. */
export async function deliverFault(
  context: Context,
  { webhook }: Recipients,
  error: LogError,
  exit: number,
): Promise<LogError> {
  const { code, message, detail } = error;
  const posted = await webhook?.post({
    format: WEBHOOK_FORMAT,
    village: context.village(),
    timeSeconds: context.world.nowSeconds(),
    class: null,
    reason: code,
    message,
    exit,
    report: null,
    submission: null,
    error: { code, message },
  });
  if (posted === undefined || posted.sent) return error;
  return new LogError(
    code,
    `${message}; the webhook was not told: ${posted.reason}`,
    detail,
    error,
  );
}

async function submitReport(
  context: Context,
  node: string,
  report: DriftReport,
): Promise<Submission> {
  const stream = formatStreamId({ family: 'node', village: context.village(), node });
  try {
    return { logged: await append(context, stream, report, await visibilityOf(context)) };
  } catch (error) {
    if (!isLogError(error)) throw error;
    return { error: { code: error.code, message: error.message } };
  }
}

// What was applied here says it also while the log says nothing that could be believed.
async function visibilityOf(context: Context): Promise<Visibility> {
  return (await context.savedVisibility()) ?? (await context.view()).state.law.visibility;
}

/** Lines about a delivery. */
export function deliveryLines({ submission, posted }: Delivery): string[] {
  const lines: string[] = [];
  if (submission !== undefined) {
    if ('logged' in submission) {
      const { stream, seq, index } = submission.logged;
      lines.push(`  report in the log: entry ${index}, ${stream} seq ${seq}`);
    } else
      lines.push(
        `  the report is not in the log: ${submission.error.message} (${submission.error.code})`,
      );
  }
  if (posted?.sent === true) lines.push('  the webhook has the report');
  if (posted?.sent === false) lines.push(`  the webhook has no report: ${posted.reason}`);
  return lines;
}
