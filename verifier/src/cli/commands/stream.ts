// writ-verify stream: the statements of a stream from saved stream proofs, or that there is no such stream.

import { formatHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import type { Statement } from '@writ/core/statements/statement';
import { decodeStreamProof } from '@writ/core/streams/stream-proof';
import { openCheckpoint } from '../../checkpoint.ts';
import {
  continueStream,
  openStreamProof,
  type StreamOptions,
  type VerifiedStream,
} from '../../stream.ts';
import { checkpointFacts, signersOf } from '../claims.ts';
import type { Context } from '../context.ts';
import { readInput } from '../inputs.ts';
import type { Claim } from '../report.ts';
import { keepFault, reasonOf } from '../state-root-audit.ts';

const EXPECTATIONS = ['present', 'absent', 'complete'] as const;

/** Verifies one page, or several that follow on each other. */
export async function stream(context: Context): Promise<Claim> {
  const expected = expectation(context);
  const policy = context.policy();
  const options = { ...context.openOptions(), stream: context.value('stream') };
  const { operands } = context.invocation;
  let joined: VerifiedStream | undefined;
  for (const [i, file] of operands.entries()) {
    // The last tree covers all pages, so that one has to be fresh.
    const { maxAgeSeconds } = i === operands.length - 1 ? options : { maxAgeSeconds: undefined };
    const bytes = readInput(file, 'stream proof');
    const page = await openPage(context, bytes, policy, { ...options, maxAgeSeconds });
    joined = joined === undefined ? page : join(context, joined, page);
  }
  if (joined === undefined) throw new LogError('usage', 'no file was given');
  if (expected !== undefined) requireExpected(context, joined, expected);
  return { text: describe(joined), facts: factsOf(joined) };
}

/** Opens one file. What shows that the log published a wrong state root is kept. */
async function openPage(
  context: Context,
  bytes: Uint8Array,
  policy: TrustPolicy,
  options: StreamOptions,
): Promise<VerifiedStream> {
  try {
    return openStreamProof(bytes, policy, options);
  } catch (error) {
    if (!isLogError(error, 'state-root-invalid') || error.detail['reason'] === 'age') throw error;
    const { checkpoint, stateRoot: entry, stateRootProof: proof } = decodeStreamProof(bytes);
    const opened = openCheckpoint(checkpoint, policy);
    throw await keepFault(context, opened, policy, error.message, () => {
      const leafIndex = Number(opened.size - 1n);
      const reason = reasonOf(error.detail);
      return Promise.resolve({ checkpoint, leafIndex, entry, proof, reason, computed: null });
    });
  }
}

function expectation(context: Context): (typeof EXPECTATIONS)[number] | undefined {
  const given = context.value('expect');
  const expected = EXPECTATIONS.find((word) => word === given);
  if (given === undefined || expected !== undefined) return expected;
  throw new LogError('usage', `--expect must be ${EXPECTATIONS.join(', ')}, got ${given}`);
}

function join(context: Context, previous: VerifiedStream, next: VerifiedStream): VerifiedStream {
  try {
    const joined = continueStream(previous, next);
    context.trace.pass('pages', {
      why: `number ${next.from} and those behind it follow on the pages before`,
    });
    return joined;
  } catch (error) {
    context.trace.fail('pages', error);
    throw error;
  }
}

function requireExpected(
  context: Context,
  found: VerifiedStream,
  expected: (typeof EXPECTATIONS)[number],
): void {
  const error = contradiction(found, expected);
  if (error === undefined) return;
  context.trace.fail('expectation', error);
  throw error;
}

function contradiction(
  { stream: id, head, from, next, isComplete, checkpoint }: VerifiedStream,
  expected: (typeof EXPECTATIONS)[number],
): LogError | undefined {
  const at = `at size ${checkpoint.size}`;
  if (expected === 'absent') {
    if (head === null) return undefined;
    const message = `there is a stream ${id} ${at}, with ${head.seq + 1} statements`;
    return new LogError('index-proof-failed', message, { expected: 'absent', got: 'present' });
  }
  if (head === null)
    return new LogError('entry-absent', `it is proved that there is no stream ${id} ${at}`, {
      expected,
      got: 'absent',
    });
  if (expected === 'present' || (from === 0 && isComplete)) return undefined;
  return new LogError(
    'stream-incomplete',
    `the files hold numbers ${from} to ${next - 1} of ${id}`,
    {
      expected: `0 to ${head.seq}`,
      got: `${from} to ${next - 1}`,
    },
  );
}

/** The verdict in words: what is shown, and what is not. */
function describe({
  stream: id,
  head,
  from,
  next,
  isComplete,
  checkpoint,
}: VerifiedStream): string {
  const where = `in ${checkpoint.origin} at size ${checkpoint.size}, ${signersOf(checkpoint)}`;
  if (head === null) return `there is no stream ${id} ${where}`;
  if (from === next) return `${id} ends with number ${head.seq}: nothing newer is ${where}`;
  const count = `numbers ${from} to ${next - 1} of ${id}`;
  if (!isComplete) return `${count} without a gap, and more follow up to ${head.seq}, ${where}`;
  const start = from === 0 ? 'all' : 'the newest';
  return `${start} statements of ${id}, ${from} to ${head.seq}, without a gap, ${where}`;
}

function factsOf(found: VerifiedStream): Record<string, unknown> {
  const { head, stateRoot, statements } = found;
  return {
    stream: found.stream,
    present: head !== null,
    head:
      head === null
        ? null
        : {
            seq: String(head.seq),
            index: String(head.leafIndex),
            id: formatHex(head.statementId),
          },
    from: String(found.from),
    count: String(statements.length),
    complete: found.isComplete,
    statements: statements.map(statementLine),
    stateRoot: {
      index: formatHex(stateRoot.index),
      streams: String(stateRoot.streams),
      time: String(stateRoot.timeSeconds),
    },
    ...checkpointFacts(found.checkpoint),
  };
}

function statementLine({ seq, kind, issuer, id }: Statement): Record<string, string> {
  return { seq: String(seq), kind, issuer, id: formatHex(id) };
}
