// The state file of `writ-verify log --state`: how far the audit came, and the checkpoint it was held against.
//
//   {"tool":"writ-verify","checkpoint":"<base64 of the note>","audit":{"version":1,"origin":...}}
//
// The next audit starts from here, and a log that shows an older or another tree meanwhile is found out.

import { formatBase64, parseBase64, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { parseJsonBody } from '@writ/core/json';
import type { AuditState } from '../audit.ts';
import { readResourceFile } from './folder.ts';
import { writeAtomically } from './inputs.ts';

export interface SavedAudit {
  readonly state: AuditState;
  /** The newest checkpoint that was audited against, as a signed note. */
  readonly checkpoint: Uint8Array;
}

/** The saved audit of the log `origin`, undefined when there is no such file. LogError json-malformed. */
export function loadState(file: string, origin: string): SavedAudit | undefined {
  const bytes = readResourceFile(file);
  if (bytes === undefined) return undefined;
  const saved = parseJsonBody(bytes);
  const checkpoint = parseBase64(stringField(saved, 'checkpoint'));
  if (checkpoint === undefined) throw malformed('checkpoint');
  const audit = field(saved, 'audit');
  const state: AuditState = {
    version: 1,
    origin: stringField(audit, 'origin'),
    size: stringField(audit, 'size'),
    unfinished: stringsField(audit, 'unfinished'),
  };
  if (field(audit, 'version') !== 1) throw malformed('version');
  if (state.origin !== origin)
    throw new LogError('origin-unknown', `${file} is about another log`, {
      expected: origin,
      got: state.origin,
    });
  return { state, checkpoint };
}

/** Replaces the state file. */
export function saveState(file: string, { state, checkpoint }: SavedAudit): void {
  const saved = { tool: 'writ-verify', checkpoint: formatBase64(checkpoint), audit: state };
  writeAtomically(file, utf8(`${JSON.stringify(saved)}\n`));
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name))
    throw malformed(name);
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function stringField(value: unknown, name: string): string {
  const text = field(value, name);
  if (typeof text !== 'string') throw malformed(name);
  return text;
}

function stringsField(value: unknown, name: string): string[] {
  const items = field(value, name);
  if (!Array.isArray(items)) throw malformed(name);
  return items.map((item: unknown) => {
    if (typeof item !== 'string') throw malformed(name);
    return item;
  });
}

function malformed(name: string): LogError {
  return new LogError('json-malformed', `the state file has no valid ${name}`, { field: name });
}
