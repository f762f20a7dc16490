// writ-verify explain: why a statement of a village stands, or what a log did wrong.

import { formatHex } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { isLogError, LogError } from '@writ/core/errors';
import { parseStreamId } from '@writ/core/statements/stream-id';
import { decodeFollowPage, FOLLOW_PAGE_VERSION } from '@writ/core/streams/follow-page';
import { decodeStreamProof, STREAM_PROOF_VERSION } from '@writ/core/streams/stream-proof';
import { EVIDENCE_VERSION, openEvidence } from '../../follow/evidence.ts';
import { type Followed, type News, VillageReading } from '../../follow/reading.ts';
import { openStreamProof } from '../../stream.ts';
import { checkpointFacts, signersOf } from '../claims.ts';
import type { Context } from '../context.ts';
import { explainAdmitted, explainFault, policyFacts } from '../explanation.ts';
import { readInput } from '../inputs.ts';
import type { Claim } from '../report.ts';
import { savedFacts } from '../saved-facts.ts';
import { statementFacts } from '../statement.ts';

/** Explains the statement of `--seq`, or else the one the file is about, or the newest. */
export function explain(context: Context): Promise<Claim> {
  const bytes = readInput(context.operand(0), 'file');
  switch (kindOf(bytes)) {
    case EVIDENCE_VERSION:
      return Promise.resolve(explainEvidence(context, bytes));
    case FOLLOW_PAGE_VERSION:
      return Promise.resolve(explainPage(context, bytes));
    default:
      return Promise.resolve(explainStreamProof(context, bytes));
  }
}

/** The first item of the array that all three kinds of files are. LogError usage for anything else. */
function kindOf(bytes: Uint8Array): string {
  const known = [EVIDENCE_VERSION, FOLLOW_PAGE_VERSION, STREAM_PROOF_VERSION];
  const message = 'this is no stream proof, follow page or evidence';
  try {
    const value = decodeCbor(bytes);
    const first: unknown = Array.isArray(value) ? value[0] : undefined;
    const kind = known.find((name) => name === first);
    if (kind !== undefined) return kind;
  } catch (error) {
    if (!isLogError(error)) throw error;
    throw new LogError('usage', `${message}: ${error.message}`, error.detail, error);
  }
  throw new LogError('usage', message);
}

function explainEvidence(context: Context, bytes: Uint8Array): Claim {
  const policy = context.policy();
  const shown = openEvidence(bytes, policy, context.trace);
  const { followed, about, fault, evidence } = shown;
  const trust = { ...policyFacts(shown, true), ...savedFacts(shown) };
  if (fault !== null) {
    const claim = explainFault(fault, evidence.village);
    return { text: claim.text, facts: { ...claim.facts, ...trust } };
  }
  if (followed === null) throw new LogError('nothing-to-verify', 'the evidence shows nothing');
  const seq = context.number('seq', 0);
  const news = (seq === undefined ? about : null) ?? choose(followed, seq);
  const claim = explainAdmitted(news, followed);
  return { text: claim.text, facts: { ...claim.facts, ...trust } };
}

function explainPage(context: Context, bytes: Uint8Array): Claim {
  const policy = context.policy();
  const { stream } = decodeStreamProof(decodeFollowPage(bytes).streamProof);
  const id = parseStreamId(stream);
  if (id?.family !== 'village')
    throw new LogError('nothing-to-verify', `${stream} is no village: give an evidence file`);
  const { nowSeconds, maxAgeSeconds } = context.openOptions();
  const reading = new VillageReading({
    village: id.village,
    policy,
    nowSeconds,
    maxAgeSeconds,
    trace: context.trace,
  });
  reading.add(bytes);
  if (reading.want !== undefined) {
    const message = `it also takes a page of ${reading.want.stream}: make an evidence file of both`;
    throw new LogError('nothing-to-verify', message);
  }
  const followed = reading.finish();
  return explainAdmitted(choose(followed, context.number('seq', 0)), followed);
}

function choose({ news, state }: Followed, seq = state?.head.seq): News {
  const found = news.findLast(
    ({ statement }) => statement.streamId.family === 'village' && statement.seq === seq,
  );
  if (found !== undefined) return found;
  throw new LogError('entry-absent', `number ${seq ?? 0} is not among the statements in the file`, {
    seq: seq ?? 0,
  });
}

// Position and time of each statement are no part of a stream proof, so its rules cannot be applied again.
function explainStreamProof(context: Context, bytes: Uint8Array): Claim {
  const stream = openStreamProof(bytes, context.policy(), context.openOptions());
  const { head, statements, checkpoint } = stream;
  const where = `in ${checkpoint.origin} at size ${checkpoint.size}, ${signersOf(checkpoint)}`;
  if (head === null)
    return {
      text: `it is proven that there is no ${stream.stream} ${where}`,
      facts: { admitted: false, ...checkpointFacts(checkpoint) },
    };
  const seq = context.number('seq', 0) ?? head.seq;
  const statement = statements.find((candidate) => candidate.seq === seq);
  if (statement === undefined)
    throw new LogError('entry-absent', `number ${seq} is not among the statements in the file`, {
      seq,
    });
  const newest = seq === head.seq ? 'the newest' : `followed by ${head.seq - seq} more`;
  return {
    text: `number ${seq} of ${stream.stream}, a ${statement.kind} signed as key ${formatHex(statement.keyId)}, ${newest}, is ${where}; which rule admitted it only an evidence file or a follow page can show`,
    facts: {
      rule: 'unproven: a stream proof holds no places',
      statement: statementFacts(statement),
      ...checkpointFacts(checkpoint),
    },
  };
}
