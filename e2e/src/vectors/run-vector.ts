// Runs one file of test-vectors/ through the real functions. Works in Node and in a browser alike, so that both
// can be held against the same expectations.

import {
  formatBase64,
  formatHex,
  parseBase64,
  parseDecimal,
  parseHex,
  utf8,
} from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import { Ed25519Verifier, verifyEd25519 } from '@writ/core/ed25519';
import { isLogError } from '@writ/core/errors';
import { formatAddCheckpoint, parseAddCheckpoint } from '@writ/core/formats/add-checkpoint';
import { formatCheckpoint, parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote, timestampOf } from '@writ/core/formats/cosignature';
import { decodeBundle, encodeBundle } from '@writ/core/formats/entry-bundle';
import { formatVkey, parseVkey } from '@writ/core/formats/key';
import { parseNote, parseSignatureLines } from '@writ/core/formats/note';
import { formatTilePath, parseTilePath } from '@writ/core/formats/tile-path';
import { isQuorumMet, parsePolicy } from '@writ/core/formats/tlog-policy';
import { checkConsistency } from '@writ/core/merkle/consistency';
import { checkInclusion } from '@writ/core/merkle/inclusion';
import { decodePayload, encodePayload } from '@writ/core/statements/kinds';
import { encodeOpening, openSealed } from '@writ/core/statements/sealed';
import { checkStatementSignature, decodeStatement } from '@writ/core/statements/statement';
import { openProof } from '@writ/verifier/entry';
import { runEvidence } from './evidence.ts';
import { runFollowPage } from './follow-page.ts';
import { runForkProof } from './fork-proof.ts';
import { runManifest } from './manifest.ts';
import { runPolicyIr } from './policy-ir.ts';
import { runPolicySpec } from './policy-spec.ts';
import { runReport } from './report.ts';
import { runSelector } from './selector.ts';
import { runStateRootFault } from './state-root-fault.ts';
import { runStreamIndex } from './stream-index.ts';
import { runStreamProof } from './stream-proof.ts';
import { typedCbor } from './typed-cbor.ts';
import { villageFacts } from './village-facts.ts';

/** `valid`, then facts about valid input, or code and detail of the refusal. */
export type Outcome = Readonly<Record<string, unknown>>;
type Facts = Readonly<Record<string, unknown>>;

/** The outcome for the `input` of a vector of `format`, the name of its folder. */
export function runVector(format: string, input: unknown): Outcome {
  const run = FORMATS.get(format);
  if (run === undefined) throw new TypeError(`no function runs vectors of format ${format}`);
  try {
    const facts = run(new VectorInput(input));
    return facts === false ? { valid: false } : { valid: true, ...facts };
  } catch (error) {
    if (isLogError(error)) return { valid: false, code: error.code, detail: error.detail };
    throw error;
  }
}

/** What `outcome` lacks of `expected`, as a path; undefined when all expected values are there. */
export function differenceOf(
  expected: unknown,
  outcome: unknown,
  path = 'expect',
): string | undefined {
  if (typeof expected !== 'object' || expected === null) {
    return Object.is(expected, outcome) ? undefined : `${path}: ${JSON.stringify(outcome)}`;
  }
  if (typeof outcome !== 'object' || outcome === null) return `${path}: ${String(outcome)}`;
  if (Array.isArray(expected) && (!Array.isArray(outcome) || outcome.length !== expected.length)) {
    return `${path}: another length`;
  }
  const found = new Map<string, unknown>(Object.entries(outcome));
  for (const [name, value] of Object.entries(expected)) {
    const difference = differenceOf(value, found.get(name), `${path}.${name}`);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

const FORMATS: ReadonlyMap<string, (input: VectorInput) => Facts | false> = new Map([
  ['note', runNote],
  ['vkey', runVkey],
  ['checkpoint', runCheckpoint],
  ['cosignature', runCosignature],
  ['tile-path', runTilePath],
  ['entry-bundle', runBundle],
  ['policy', runPolicy],
  ['proof', runProof],
  ['inclusion', runInclusion],
  ['consistency', runConsistency],
  ['add-checkpoint', runRequest],
  ['ed25519', runEd25519],
  ['cbor', runCbor],
  ['statement', runStatement],
  ['village', runVillage],
  ['opening', runOpening],
  ['stream-index', runStreamIndex],
  ['stream-proof', runStreamProof],
  ['follow-page', runFollowPage],
  ['evidence', runEvidence],
  ['fork-proof', runForkProof],
  ['state-root-fault', runStateRootFault],
  ['report', runReport],
  ['manifest', runManifest],
  ['policy-spec', runPolicySpec],
  ['policy-ir', runPolicyIr],
  ['selector', runSelector],
]);

function runVillage(input: VectorInput): Facts {
  const openings = input.value('openings') === undefined ? [] : input.texts('openings');
  return villageFacts(input.hex('log_key'), input.texts('statements'), openings);
}

function runOpening(input: VectorInput): Facts {
  const bytes = input.hex('opening');
  const { salt, kind, payload } = openSealed(
    { kind: 'sealed', commitment: input.hex('commitment') },
    bytes,
  );
  mustEqual(formatHex(encodeOpening({ salt, kind, payload })), formatHex(bytes));
  return { salt: formatHex(salt), kind, payload: formatHex(payload) };
}

function runNote(input: VectorInput): Facts {
  const note = parseNote(input.octets('note'));
  const verified = openNote(note, input.texts('vkeys').map(parseVkey));
  return { text: note.text, verified: verified.map(({ key }) => `${key.name}+${key.id}`) };
}

function runVkey(input: VectorInput): Facts {
  const vkey = input.text('vkey');
  const key = parseVkey(vkey);
  mustEqual(formatVkey(key), vkey);
  return { name: key.name, id: key.id, type: key.type, public_key: formatHex(key.publicKey) };
}

function runCheckpoint(input: VectorInput): Facts {
  const text = input.text('text');
  const checkpoint = parseCheckpoint(text);
  mustEqual(formatCheckpoint(checkpoint), text);
  const { origin, size, root, extensions } = checkpoint;
  return { origin, size: String(size), root: formatHex(root), extensions };
}

function runCosignature(input: VectorInput): Facts {
  const text = input.text('checkpoint');
  parseCheckpoint(text);
  const note = { text, signatures: parseSignatureLines(input.text('line')) };
  const [signature] = openNote(note, [parseVkey(input.text('vkey'))]);
  return { timestamp: signature === undefined ? '' : String(timestampOf(signature)) };
}

function runTilePath(input: VectorInput): Facts {
  const path = input.text('path');
  const tile = parseTilePath(path);
  mustEqual(formatTilePath(tile), path);
  return { ...tile, index: String(tile.index) };
}

function runBundle(input: VectorInput): Facts {
  const bundle = input.hex('bundle');
  const entries = decodeBundle(bundle, Number(input.size('count')));
  mustEqual(formatHex(encodeBundle(entries)), formatHex(bundle));
  return { entries: entries.map(formatHex) };
}

function runPolicy(input: VectorInput): Facts {
  const policy = parsePolicy(input.octets('policy'));
  const witnesses = [...policy.witnesses.values()].map(({ name, key }) => [name, formatVkey(key)]);
  return {
    logs: policy.logs.map(({ key }) => formatVkey(key)),
    witnesses: Object.fromEntries(witnesses),
    quorum_met: input.textLists('cosigned_by').map((names) => isQuorumMet(policy, new Set(names))),
  };
}

function runProof(input: VectorInput): Facts {
  const policy = parsePolicy(input.octets('policy'));
  const { index, checkpoint } = openProof(input.octets('proof'), input.hex('entry'), policy);
  return { origin: checkpoint.origin, index: String(index), size: String(checkpoint.size) };
}

function runInclusion(input: VectorInput): Facts | false {
  const claim = {
    index: input.size('index'),
    size: input.size('size'),
    leafHash: input.base64('leaf_hash'),
    root: input.base64('root'),
    proof: input.texts('proof').map(requireBase64),
  };
  return checkInclusion(claim) && {};
}

function runConsistency(input: VectorInput): Facts | false {
  const claim = {
    oldSize: input.size('old_size'),
    oldRoot: input.base64('old_root'),
    size: input.size('size'),
    root: input.base64('root'),
    proof: input.texts('proof').map(requireBase64),
  };
  return checkConsistency(claim) && {};
}

function runRequest(input: VectorInput): Facts {
  const body = input.octets('body');
  const request = parseAddCheckpoint(body);
  mustEqual(formatHex(formatAddCheckpoint(request)), formatHex(body));
  return {
    old_size: String(request.oldSize),
    proof: request.proof.map(formatBase64),
    checkpoint: new TextDecoder().decode(request.checkpoint),
  };
}

function runEd25519(input: VectorInput): Facts | false {
  const [message, signature] = [input.hex('message'), input.hex('signature')];
  return verifyEd25519(message, signature, input.hex('public_key')) && {};
}

function runCbor(input: VectorInput): Facts {
  const bytes = input.hex('hex');
  const value = decodeCbor(bytes);
  mustEqual(formatHex(encodeCbor(value)), formatHex(bytes));
  return { value: typedCbor(value) };
}

function runStatement(input: VectorInput): Facts {
  const statement = decodeStatement(input.hex('statement'));
  checkStatementSignature(statement, new Ed25519Verifier(input.hex('public_key')));
  const { previous } = statement;
  mustEqual(formatHex(encodePayload(decodePayload(statement))), formatHex(statement.payload));
  return {
    id: formatHex(statement.id),
    kind: statement.kind,
    key_id: formatHex(statement.keyId),
    issuer: statement.issuer,
    stream: statement.stream,
    issued_at: String(statement.issuedAtSeconds),
    seq: String(statement.seq),
    previous: previous === null ? null : formatHex(previous),
    payload: typedCbor(decodeCbor(statement.payload)),
  };
}

/** What was read must format to what was there: a difference is a defect, not a verdict. */
function mustEqual(formatted: string, original: string): void {
  if (formatted !== original) throw new Error(`read ${original} but formats ${formatted}`);
}

/** The fields of `input`. A vector that lacks one is a broken vector: TypeError. */
class VectorInput {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(input: unknown) {
    this.#fields = new Map(Object.entries(input ?? {}));
  }

  /** Any JSON. */
  value(name: string): unknown {
    return this.#fields.get(name);
  }

  text(name: string): string {
    return requireText(this.#fields.get(name), name);
  }

  texts(name: string): string[] {
    const value = this.#fields.get(name);
    if (!Array.isArray(value)) throw new TypeError(`${name} is not a list`);
    return value.map((item: unknown) => requireText(item, name));
  }

  /** Bytes given as text, or in `<name>_base64` when they are not valid UTF-8. */
  octets(name: string): Uint8Array {
    return this.#fields.has(name) ? utf8(this.text(name)) : this.base64(`${name}_base64`);
  }

  base64(name: string): Uint8Array {
    return requireBase64(this.text(name));
  }

  hex(name: string): Uint8Array {
    return parseHex(this.text(name)) ?? fail(`${name} is not hex`);
  }

  size(name: string): bigint {
    const value = this.#fields.get(name);
    return parseDecimal(typeof value === 'number' ? String(value) : this.text(name)) ?? fail(name);
  }

  /** A list of lists of texts; absent is empty. */
  textLists(name: string): string[][] {
    const value = this.#fields.get(name) ?? [];
    if (!Array.isArray(value)) throw new TypeError(`${name} is not a list`);
    return value.map((item: unknown) => new VectorInput({ item }).texts('item'));
  }
}

function requireText(value: unknown, name: string): string {
  return typeof value === 'string' ? value : fail(`${name} is not text`);
}

function requireBase64(text: string): Uint8Array {
  return parseBase64(text) ?? fail('not canonical base64');
}

function fail(message: string): never {
  throw new TypeError(message);
}
