// The audit export of a village: one row for each statement, in JSON or CSV, in pages of which the log signs the digest.

import { formatBase64, formatHex, utf8 } from '@writ/core/bytes';
import { bug } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { Statement } from '@writ/core/statements/statement';
import { proveStream } from '../streams/prove.ts';
import { cacheControl } from './access.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { payloadOf } from './openings.ts';
import type { Call, Reply } from './reply.ts';
import { JSON_TYPE } from './route-parts.ts';
import { nextLink, readPage } from './village-pages.ts';
import { facts, type Village, villageOf } from './village-view.ts';

const COLUMNS = [
  'seq',
  'leafIndex',
  'statementId',
  'kind',
  'issuer',
  'keyId',
  'issuedAtSeconds',
] as const;
type Row = Readonly<Record<(typeof COLUMNS)[number], string | number>>;

/** `GET /villages/{village}/audit`. */
export async function readAudit(deps: AppDeps, call: Call): Promise<Reply> {
  const format = call.query.get('format') ?? 'json';
  if (format !== 'json' && format !== 'csv') throw invalidRequest('format', 'expected json or csv');
  const village = await villageOf(deps, call);
  const { stream, state } = village;
  const count = state.head.seq + 1;
  const { rows, next } = await readPage(deps, { stream, count }, call, (statement, leafIndex) =>
    rowOf(deps, statement, leafIndex),
  );
  const text =
    format === 'csv'
      ? csvOf(rows)
      : JSON.stringify({ ...facts(village), rows, next, proof: await headProof(deps, village) });
  const digest = sha256(utf8(text));
  return {
    status: 200,
    headers: {
      'content-type': format === 'csv' ? 'text/csv; charset=utf-8' : JSON_TYPE,
      ...cacheControl(village.access),
      'x-writ-digest': `sha-256=:${formatBase64(digest)}:`,
      'x-writ-signature': signatureOf(deps, stream, digest),
      ...nextLink(call, next),
    },
    body: text,
  };
}

// That there is no row behind the last one; CSV has no place for it.
async function headProof({ log }: AppDeps, { record, stream }: Village): Promise<string> {
  return formatBase64(await proveStream(log, record, stream, { from: 'head', limit: 1 }));
}

async function rowOf({ log }: AppDeps, statement: Statement, leafIndex: number): Promise<Row> {
  const { seq, id, issuer, keyId, issuedAtSeconds } = statement;
  const { kind } = await payloadOf(log, statement);
  return {
    seq,
    leafIndex,
    statementId: formatHex(id),
    kind,
    issuer,
    keyId: formatHex(keyId),
    issuedAtSeconds,
  };
}

/** RFC 4180; a cell that a spreadsheet would take for a formula is quoted with an apostrophe. */
function csvOf(rows: readonly Row[]): string {
  const cell = (value: string | number): string => {
    const text = String(value);
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = rows.map((row) => COLUMNS.map((column) => cell(row[column])).join(','));
  return [COLUMNS.join(','), ...lines, ''].join('\r\n');
}

/** Signed by the log: `writ audit export`, the stream and the digest, each on a line. */
function signatureOf({ publisher }: AppDeps, stream: string, digest: Uint8Array): string {
  const signer =
    publisher.options.signers.find(({ type }) => type === 0x01) ?? bug('a log has an Ed25519 key');
  const message = utf8(`writ audit export\n${stream}\n${formatHex(digest)}\n`);
  return formatBase64(signer.signRaw(message));
}
