// What a command answers: one object with the same keys on success and on failure, as JSON or in words.

import { BugError, isLogError, LogError } from '@writ/core/errors';
import type { Step } from '../trace.ts';
import { ERROR_EXIT, type ExitCode, VERDICTS, type Verdict } from './exit-codes.ts';
import { nextStep } from './next-step.ts';

/** What was verified: one sentence, and the facts in it by name. */
export interface Claim {
  readonly text: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface ReportedError {
  readonly code: string;
  readonly message: string;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
  readonly next: string;
}

export interface ReportedStep {
  readonly name: string;
  readonly ok: boolean;
  readonly expected: string;
  readonly got: string;
  readonly why: string;
  readonly next: string;
}

/** The object that `--json` prints. */
export interface Report {
  readonly verdict: Verdict;
  readonly exit: ExitCode;
  readonly command: string;
  readonly claim: Claim | null;
  readonly steps: readonly ReportedStep[];
  readonly error: ReportedError | null;
}

/** The report of a command that verified its claim. */
export function reportOf(command: string, claim: Claim, steps: readonly Step[]): Report {
  return {
    verdict: 'verified',
    exit: 0,
    command,
    claim,
    steps: steps.map(reportStep),
    error: null,
  };
}

/** The report of a command that ended with an error, whatever it was: never one of success. */
export function reportOfError(command: string, error: unknown, steps: readonly Step[]): Report {
  const reported = describeError(error);
  const exit = isLogError(error) ? ERROR_EXIT[error.code] : 70;
  return {
    verdict: VERDICTS[exit],
    exit,
    command,
    claim: null,
    steps: steps.map(reportStep),
    error: reported,
  };
}

function reportStep({ name, ok, expected, got, why, code }: Step): ReportedStep {
  return { name, ok, expected, got, why, next: code === '' ? '' : nextStep(code) };
}

function describeError(error: unknown): ReportedError {
  if (error instanceof LogError) {
    const { code, message } = error;
    const entries = Object.entries(error.detail).map(
      ([key, value]) => [key, typeof value === 'bigint' ? String(value) : value] as const,
    );
    return { code, message, detail: Object.fromEntries(entries), next: nextStep(code) };
  }
  const kind = error instanceof BugError ? 'broken invariant' : 'unexpected error';
  const message = error instanceof Error ? error.message : String(error);
  const next = 'this is a fault of writ-verify, not of the evidence: please report it';
  return { code: 'internal', message: `${kind}: ${message}`, detail: {}, next };
}

/** How words look on this output. */
export interface Style {
  readonly colour: boolean;
  readonly explain: boolean;
}

/** The result in words, for standard output. */
export function formatResult(report: Report, style: Style): string {
  const lines = style.explain ? report.steps.map((step) => formatStep(step, style)) : [];
  const text = report.claim?.text ?? `${report.error?.message} (${report.error?.code})`;
  lines.push(`${paint(report.verdict, report.exit === 0, style)}: ${text}`);
  for (const [name, value] of Object.entries(report.claim?.facts ?? {})) {
    for (const line of factLines(name, value)) lines.push(`  ${line}`);
  }
  return `${printable(lines.join('\n'))}\n`;
}

function factLines(name: string, value: unknown): string[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((item) => itemLines(name, item));
  if (typeof value === 'object')
    return Object.entries(value).flatMap(([key, item]) => factLines(`${name} ${key}`, item));
  return [`${name}: ${value}`];
}

/** An item of a list on one line: `cosignatures: witness w1, timestamp 1795194054`. */
function itemLines(name: string, item: unknown): string[] {
  const isFlat =
    typeof item === 'object' &&
    item !== null &&
    Object.values(item).every((value) => typeof value !== 'object');
  if (!isFlat) return factLines(name, item);
  const words = Object.entries(item).map(([key, value]) => `${key} ${value}`);
  return [`${name}: ${words.join(', ')}`];
}

function formatStep({ name, ok, expected, got, why, next }: ReportedStep, style: Style): string {
  const lines = [`${paint(ok ? 'ok' : 'NO', ok, style)}  ${name}: ${why}`];
  if (expected !== '') lines.push(`      expected  ${expected}`);
  if (got !== '') lines.push(`      got       ${got}`);
  if (next !== '') lines.push(`      next      ${next}`);
  return lines.join('\n');
}

function paint(text: string, good: boolean, { colour }: Style): string {
  return colour ? `\u001b[${good ? 32 : 31}m${text}\u001b[0m` : text;
}

// Names come from strangers: nothing of theirs may move the cursor, change colours or turn text around. The
// escape itself is let through only as part of the two colours above.
const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /(?!\u001b\[(?:31|32|0)m)[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** `text` with every character that could deceive a terminal spelled out. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
