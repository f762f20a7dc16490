// The error catalogue: one class, one stable code per kind of failure.
//
// `LogError` is for what arrives from outside: input, evidence, peers, disks. A caller's own mistake
// is a TypeError or RangeError, a broken invariant is `bug()`. `spec/errors.md` is generated from
// this file.

/** Every code with its meaning. Codes are stable: they appear in JSON, problem documents and exit codes. */
export const ERROR_CODES = {
  // formats
  'key-malformed': 'a verifier or signer key is not well formed',
  'key-weak': 'a public key has small order and could validate forged signatures',
  'note-malformed': 'a signed note breaks the C2SP signed-note format',
  'note-unverified': 'no signature of a configured key is on the note',
  'note-bad-signature': 'a signature line of a configured key does not verify',
  'checkpoint-malformed': 'a checkpoint body breaks the C2SP tlog-checkpoint format',
  'cosignature-malformed': 'a cosignature breaks the C2SP tlog-cosignature format',
  'policy-malformed': 'a trust policy breaks the C2SP tlog-policy format',
  'proof-malformed': 'a proof file breaks the C2SP tlog-proof format',
  'tile-path-malformed': 'a tile path breaks the C2SP tlog-tiles grammar',
  'bundle-malformed': 'an entry bundle breaks the C2SP tlog-tiles format',
  'request-malformed': 'a witness request breaks the C2SP tlog-witness format',
  'response-malformed': 'the answer of a peer is not what its protocol allows',
  'cbor-malformed': 'bytes are not in the deterministic CBOR profile',
  'json-malformed': 'a document is not valid JSON of the expected shape',
  'statement-malformed': 'a statement is not a COSE_Sign1 of the statement profile',
  'statement-bad-signature': 'the author signature of a statement does not verify',
  'fork-proof-malformed': 'a fork proof file is not well formed',
  'stream-proof-malformed': 'a stream proof, or the index proof in it, is not well formed',
  'state-root-fault-malformed': 'a state root fault is not well formed, or shows no fault',
  'opening-malformed': 'the opening of a sealed statement is not well formed',
  'evidence-malformed': 'an evidence file is not well formed, or does not show what it says',
  // verification
  'origin-unknown': 'the trust policy lists no log with this origin',
  'quorum-not-met': 'too few trusted witnesses cosigned the checkpoint',
  'inclusion-failed': 'the inclusion proof does not lead from the entry to the root',
  'consistency-failed': 'the consistency proof does not connect the two trees',
  'hash-mismatch': 'stored bytes do not hash to what the tree commits to',
  'checkpoint-stale': 'the checkpoint is older than the policy of the reader allows',
  'checkpoint-rolled-back': 'the checkpoint is older than one accepted before',
  'fork-detected': 'two validly signed checkpoints cannot both be true',
  'state-root-invalid': 'the last entry of the tree is not the state root that it has to be',
  'index-proof-failed': 'the index proof does not lead from the stream to the state root',
  'stream-incomplete': 'the statements are not those of the stream, without a gap',
  'stream-rolled-back': 'a stream ends before a statement that was accepted before',
  'entry-absent': 'the entry is not in the log at this size',
  'opening-failed': 'an opening is not that of the sealed statement',
  'opening-missing': 'a sealed statement cannot be judged without its opening',
  'nothing-to-verify': 'there is nothing to verify against',
  // admission
  'entry-empty': 'an entry must have at least one byte',
  'entry-too-large': 'an entry is larger than the log accepts',
  'batch-malformed': 'a batch is not a CBOR sequence of the expected items',
  'batch-too-large': 'a batch holds more entries than the log accepts',
  'body-too-large': 'a request body is larger than the route accepts',
  'author-unknown': 'the authors file lists no such key',
  'author-not-permitted': 'the author may not write to this stream',
  'stream-conflict': 'the statement does not continue the head of its stream',
  'statement-refused': 'a rule of the stream refuses the statement',
  // policies
  'policy-blocked': 'a policy has findings that refuse saving it',
  'policy-duplicate': 'the village has this policy, or one that does the same on the same host',
  'enable-refused': 'a policy must not be enabled as things stand',
  'driver-structural-mismatch': 'a driver does not keep what its manifest says',
  'inverse-refused': 'a policy has an action that nothing undoes',
  'node-silent': 'no node answered in time',
  'node-failed': 'the node could not do what it was asked',
  'node-answer-late': 'an answer came after its deadline, or a second time',
  // service
  'request-invalid': 'a request has a parameter, header or body that the route does not accept',
  'media-type-unsupported': 'the route does not accept this content type',
  'not-found': 'there is no such resource',
  'method-not-allowed': 'the resource does not support this method',
  'not-published': 'the log has not published a checkpoint that covers this yet',
  'request-timeout': 'the request took too long to arrive',
  'rate-limited': 'the village has had all the requests of this minute',
  overloaded: 'the log takes no more work for the moment',
  'log-held': 'the log takes no entries until its witnesses have confirmed its state',
  'log-stopped': 'the log accepts no entries until an operator has looked at it',
  'head-conflict': 'another writer moved the head of the log',
  'witness-conflict': 'the old size is not the size that the witness cosigned last',
  // surroundings
  usage: 'the command was called in a way it does not understand',
  'config-invalid': 'a setting is missing or has a value that is not allowed',
  'clock-implausible': 'the clock shows a time that cannot be right',
  'network-failed': 'a peer could not be reached or broke off',
  'storage-failed': 'the storage failed',
  'storage-full': 'the storage has no room left',
  'storage-corrupt': 'the storage holds something that cannot be right',
  'storage-locked': 'another process uses this storage',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Facts about an error for machines: field, line, offset, expected, got. Never a secret. */
export type ErrorDetail = Readonly<Record<string, string | number | bigint | boolean>>;

/** A failure caused by input, evidence or surroundings. `message` is lower case and names the field. */
export class LogError extends Error {
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LogError';
    this.code = code;
    this.detail = detail;
  }
}

/** A broken invariant of our own. Nobody catches it but the outermost edge, which stops or answers 500. */
export class BugError extends Error {
  override readonly name = 'BugError';
}

/** Reports a broken invariant. Never returns. */
export function bug(message: string): never {
  throw new BugError(message);
}

/** True when `error` is a LogError, with `code` if one is given. */
export function isLogError(error: unknown, code?: ErrorCode): error is LogError {
  return error instanceof LogError && (code === undefined || error.code === code);
}
