// Proofs out of logs of 10^4 to 10^7 entries: a stream of a hundred statements, and what a reader of one village downloads
// for one new policy.

import { decodeStatement } from '@writ/core/statements/statement';
import { decodeFollowPage } from '@writ/core/streams/follow-page';
import { decodeStreamProof } from '@writ/core/streams/stream-proof';
import { proveStream } from '@writ/log-server/streams/prove';
import { proveFollow } from '@writ/log-server/streams/prove-follow';
import { openFollowPage } from '@writ/verifier/follow/page';
import { openStreamProof } from '@writ/verifier/stream';
import { BigLog, TRUST } from './big-log.ts';
import { growthSizes } from './growth.ts';
import { type Benchmark, lower, quantile, type Result } from './result.ts';
import { inScratch } from './scratch.ts';

const STATEMENTS = 100;
const STREAM = 'village/north';
const ROUNDS = 200;
/** Streams of the index for each entry, and at most. */
const STREAM_SHARE = 10;
const MAX_STREAMS = 100_000;

export const streamProofs: Benchmark = {
  name: 'stream-proof',
  run: async (say) => {
    const results: Result[] = [];
    for (const entries of growthSizes())
      results.push(...(await inScratch((dir) => measure(dir, entries, say))));
    return results;
  },
};

async function measure(
  dir: string,
  entries: number,
  say: (line: string) => void,
): Promise<Result[]> {
  const streams = Math.min(MAX_STREAMS, entries / STREAM_SHARE);
  const big = await BigLog.make(dir, entries, streams);
  const { log, author } = big;
  await big.add([author.found('north')]);
  for (let i = 1; i < STATEMENTS; i++) await big.add([author.change('north')]);
  const before = await big.publish();
  const page = { from: 0, limit: STATEMENTS };
  const proof = await proveStream(log, before, STREAM, page);
  const proveMs = await rounds(() => proveStream(log, before, STREAM, page));
  const openMs = await rounds(() => openStreamProof(proof, TRUST, { stream: STREAM }));
  await big.add([author.change('north')]);
  const record = await big.publish();
  const request = { stream: STREAM, from: STATEMENTS, limit: 100, since: before.size };
  const follow = await proveFollow(log, record, request);
  const { statements } = openFollowPage(follow, TRUST, { stream: STREAM });
  const [entry = new Uint8Array(0)] = decodeStreamProof(
    decodeFollowPage(follow).streamProof,
  ).entries;
  if (statements.length !== 1 || decodeStatement(entry).seq !== STATEMENTS)
    throw new Error('the page does not show the new policy');
  const followMs = await rounds(() => proveFollow(log, record, request));
  await big.close();
  const what = `log of ${entries}`;
  say(
    `${what}, ${streams} streams: a proof of ${STATEMENTS} entries has ${proof.length} bytes; a page with one new policy ` +
      `${follow.length}, ${entry.length} of them the statement, in ${quantile(followMs, 0.5).toFixed(2)} ms`,
  );
  return [
    lower(
      `stream proof, ${STATEMENTS} entries, server, ${what}`,
      quantile(proveMs, 0.5),
      'ms',
      5,
      2,
    ),
    lower(
      `stream proof, ${STATEMENTS} entries, verify, ${what}`,
      quantile(openMs, 0.5),
      'ms',
      30,
      15,
    ),
    lower(
      `download for one new policy, ${what}`,
      (follow.length - entry.length) / 1024,
      'KiB',
      16,
      6,
    ),
  ];
}

async function rounds(work: () => unknown): Promise<number[]> {
  const milliseconds: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const started = performance.now();
    await work();
    milliseconds.push(performance.now() - started);
  }
  return milliseconds;
}
