// A log of many entries, in this process: those before the first statement are any bytes that nobody looks at, so that
// ten million of them take a minute. Trees, index and proofs are those of any log.

import { utf8 } from '@writ/core/bytes';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { createSigner, formatVkey } from '@writ/core/formats/key';
import { formatNote } from '@writ/core/formats/note';
import { parsePolicy, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import { decodePayload } from '@writ/core/statements/kinds';
import { decodeStatement } from '@writ/core/statements/statement';
import { Log } from '@writ/log-server/log/log';
import { openLevelStore } from '@writ/log-server/storage/level';
import type { CheckpointRecord } from '@writ/log-server/storage/port';
import { Ledger } from '@writ/log-server/streams/ledger';
import { LogClock } from '@writ/log-server/streams/log-clock';
import { appendAll } from './engine.ts';
import { StatementAuthor } from './village-statements.ts';

/** Short ones make ten million quicker; no proof depends on it. */
const FILLER_BYTES = 32;
const AT_ONCE = 2000;
const ORIGIN = 'bench.example/log';

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const LOG_KEY = createSigner(ORIGIN, 0x01, seed(1));
const WITNESSES = [2, 3, 4].map((byte) => createSigner(`w${byte}.example`, 0x04, seed(byte)));

export const TRUST: TrustPolicy = parsePolicy(
  utf8(
    [
      `log ${formatVkey(LOG_KEY)}`,
      ...WITNESSES.map((signer, i) => `witness w${i} ${formatVkey(signer)}`),
      'group all-witnesses all w0 w1 w2',
      'quorum all-witnesses\n',
    ].join('\n'),
  ),
);

export class BigLog {
  readonly log: Log;
  readonly author: StatementAuthor = new StatementAuthor();
  #published = 0;

  private constructor(log: Log) {
    this.log = log;
  }

  /** A log in `dir` with `entries` entries, and behind them `streams` streams of one statement. */
  static async make(dir: string, entries: number, streams: number): Promise<BigLog> {
    const filled = new Log(await openLevelStore(dir));
    await appendAll(filled, entries, FILLER_BYTES);
    await filled.close();
    const clock = new LogClock({
      nowSeconds: () => Date.now() / 1000,
      monotonicMs: () => performance.now(),
    });
    const ledger = new Ledger({ origin: ORIGIN, signer: LOG_KEY, clock });
    const big = new BigLog(new Log(await openLevelStore(dir), { ledger }));
    for (let from = 0; from < streams; from += AT_ONCE) {
      const count = Math.min(AT_ONCE, streams - from);
      await big.add(Array.from({ length: count }, (_, i) => big.author.filler(from + i)));
    }
    return big;
  }

  /** Sequences statements; their signatures are not looked at. */
  async add(statements: readonly Uint8Array[]): Promise<void> {
    await Promise.all(
      statements.map((bytes) => {
        const statement = decodeStatement(bytes);
        const { stream, seq, previous } = statement;
        const step = { statement, payload: decodePayload(statement) };
        return this.log.add(bytes, { stream, seq, previous, step });
      }),
    );
  }

  /** Ends the tree with a state root and signs it, with three witnesses. */
  async publish(): Promise<CheckpointRecord> {
    const { size, root } = await this.log.seal();
    const text = formatCheckpoint({ origin: ORIGIN, size: BigInt(size), root, extensions: [] });
    const at = BigInt(this.log.ledger?.timeSeconds ?? 0);
    const signatures = [LOG_KEY, ...WITNESSES].map((signer) => signText(signer, text, at));
    this.log.ledger?.published(size);
    return {
      number: this.#published++,
      size,
      root,
      note: formatNote({ text, signatures }),
      publishedAtMs: Number(at) * 1000,
      cause: 'growth',
      quorumMet: true,
      logKeyIds: [LOG_KEY.id],
      witnesses: ['w0', 'w1', 'w2'],
      softwareVersion: 'bench',
    };
  }

  close(): Promise<void> {
    return this.log.close();
  }
}
