// writ export and import: statements as JSON lines, one a line, in the order of the log.
//
//   {"bytes":"0oRY...","id":"5f...","index":41,"kind":"policy-change","seq":7,"stream":"village/north-quay"}

import {
  concatBytes,
  formatBase64,
  formatHex,
  parseBase64,
  parseUtf8,
  utf8,
} from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import { decodePayload, openPayload } from '@writ/core/statements/kinds';
import { decodeStatement, type Statement } from '@writ/core/statements/statement';
import { openingsOn } from '@writ/policy/agent/pages';
import type { Answer, Context } from '../context.ts';
import { readInput, writeWhole } from '../files.ts';

const BATCH = 500;
/** Keeps a batch below the 8 MiB that a log takes. */
const BATCH_BYTES: number = 4 * 1024 * 1024;

export async function exportStatements(context: Context): Promise<Answer> {
  const { news, state, pages } = await context.view({ whole: true });
  const openings = openingsOn(pages.map(({ bytes }) => bytes));
  const lines = news.map(({ statement, payload, leafIndex: index }) => {
    const { stream, seq, id, bytes } = statement;
    return formatCanonicalJson({
      stream,
      seq,
      id: formatHex(id),
      kind: payload.kind,
      index,
      bytes: formatBase64(bytes),
      ...openingOf(statement, openings),
    });
  });
  const out = context.value('out');
  if (out === undefined)
    return { lines, result: { village: state.village, count: lines.length, statements: lines } };
  const text = lines.map((line) => `${line}\n`).join('');
  await writeWhole(out, utf8(text), state.law.visibility);
  return {
    lines: [`${lines.length} statements of ${state.village}: ${out}`],
    result: { village: state.village, count: lines.length, out },
  };
}

function openingOf(
  statement: Statement,
  openings: ReadonlyMap<string, Uint8Array>,
): { readonly opening?: string } {
  const payload = decodePayload(statement);
  if (payload.kind !== 'sealed') return {};
  const opening = openings.get(formatHex(payload.commitment));
  return { opening: formatBase64(opening ?? bug('a statement was read without its opening')) };
}

export async function importStatements(context: Context): Promise<Answer> {
  const file = context.operand(0);
  const statements = parseLines(await readInput(file, 'export'));
  const log = await context.log();
  let [added, known] = [0, 0];
  for (const batch of batchesOf(statements)) {
    for (const result of await log.submitBatch(concatBytes(...batch))) {
      if ('error' in result) throw result.error;
      if (result.isDuplicate) known++;
      else added++;
    }
  }
  return {
    lines: [`${added} statements added, ${known} were there`],
    result: { added, known },
  };
}

/**
 * The statements in an export, each with its opening behind it where it is sealed. LogError json-malformed with the
 * line, statement-malformed, opening-failed, opening-malformed.
 */
function parseLines(bytes: Uint8Array): Uint8Array[] {
  const text = parseUtf8(bytes);
  if (text === undefined) throw malformed('the file is not valid UTF-8', 1);
  const lines = text.split('\n');
  if (lines.pop() !== '')
    throw malformed('the last line does not end in a newline', lines.length + 1);
  return lines.map((line, i) => parseLine(line, i + 1));
}

function parseLine(line: string, number: number): Uint8Array {
  const fields = fieldsOf(line, number);
  const bytes = parseBase64(textOf(fields.get('bytes')));
  if (bytes === undefined) throw malformed('bytes is not base64', number);
  const statement = decodeStatement(bytes);
  const { id, stream, seq } = statement;
  if (
    formatHex(id) !== fields.get('id') ||
    stream !== fields.get('stream') ||
    seq !== fields.get('seq')
  )
    throw malformed('id, stream or seq is not that of the statement', number);
  const sealed = fields.get('opening');
  if (sealed === undefined) return bytes;
  const opening = parseBase64(textOf(sealed));
  if (opening === undefined) throw malformed('opening is not base64', number);
  openPayload(statement, opening);
  return concatBytes(bytes, opening);
}

function fieldsOf(line: string, number: number): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return new Map(Object.entries(value));
  } catch {
    // the same answer as for JSON of another shape
  }
  throw malformed('is no JSON object', number);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '*';
}

function* batchesOf(statements: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let size = 0;
  for (const statement of statements) {
    if (batch.length === BATCH || (batch.length > 0 && size + statement.length > BATCH_BYTES)) {
      yield batch;
      [batch, size] = [[], 0];
    }
    batch.push(statement);
    size += statement.length;
  }
  if (batch.length > 0) yield batch;
}

function malformed(message: string, line: number): LogError {
  return new LogError('json-malformed', `line ${line}: ${message}`, { line });
}
