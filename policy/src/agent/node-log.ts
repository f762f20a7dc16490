// The log as a node uses it: pages of its village to read, its own stream to write, packages to fetch. Over HTTP, and
// believed in nothing that is not verified.

import { concatBytes, formatHex } from '@writ/core/bytes';
import { isLogError, type LogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { openStreamProof } from '@writ/verifier/stream';
import { LogClient, type LogWorld, originAt } from './log-client.ts';
import { pageFetcher } from './pages.ts';
import type { FetchPage } from './read-village.ts';
import type { OutboxItem, StreamHeadRef, StreamLog, Verdict } from './stream-log.ts';

export interface NodeLogOptions {
  readonly url: string;
  readonly policy: TrustPolicy;
  /** Of the node: signs requests for what only members read. */
  readonly key: SignerKey;
  /** The node's own stream. */
  readonly stream: string;
  readonly maxAgeSeconds: number;
}

/** Codes that say that the log cannot be asked now, rather than that it will not have a statement. */
const AWAY: ReadonlySet<string> = new Set([
  'network-failed',
  'response-malformed',
  'overloaded',
  'rate-limited',
  'log-held',
  'log-stopped',
  'storage-failed',
  'head-conflict',
  'clock-implausible',
]);

export class NodeLog implements StreamLog {
  readonly client: LogClient;
  readonly fetchPage: FetchPage;
  readonly #options: NodeLogOptions;
  readonly #world: LogWorld;

  /** LogError usage for what is no web address. */
  constructor(world: LogWorld, options: NodeLogOptions) {
    const { url, policy, key } = options;
    this.client = new LogClient(url, world);
    this.fetchPage = pageFetcher(this.client, originAt(this.client.url, policy), async () => key);
    this.#options = options;
    this.#world = world;
  }

  async submit(items: readonly OutboxItem[]): Promise<readonly Verdict[]> {
    const parts = items.flatMap(({ statement, opening }) =>
      opening === null ? [statement] : [statement, opening],
    );
    const results = await this.client.submitBatch(concatBytes(...parts));
    const verdicts: Verdict[] = [];
    for (const result of results) {
      if (!('error' in result)) verdicts.push({ kind: 'taken' });
      else {
        const { error } = result;
        // What has to wait for the log is no verdict: those before it are.
        if (AWAY.has(error.code) && verdicts.length === 0) throw error;
        if (AWAY.has(error.code)) return verdicts;
        verdicts.push(verdictOf(error));
        return verdicts;
      }
    }
    return verdicts;
  }

  async provenHead(): Promise<StreamHeadRef | null> {
    const { policy, stream, maxAgeSeconds } = this.#options;
    const bytes = await this.client.streamHead(stream).catch((error: unknown) => {
      if (isLogError(error, 'not-published')) return undefined;
      throw error;
    });
    if (bytes === undefined) return null;
    const fresh =
      policy.quorum === undefined
        ? {}
        : {
            nowSeconds: BigInt(this.#world.nowSeconds()),
            maxAgeSeconds: BigInt(maxAgeSeconds),
          };
    const { head } = openStreamProof(bytes, policy, { stream, ...fresh });
    return head === null ? null : { seq: head.seq, id: formatHex(head.statementId) };
  }
}

function verdictOf({ code, message, detail }: LogError): Verdict {
  if (code !== 'stream-conflict') return { kind: 'refused', code, message };
  const { headId, expectedSeq } = detail;
  const isEmpty = typeof headId !== 'string' || typeof expectedSeq !== 'number';
  return { kind: 'conflict', head: isEmpty ? null : { seq: expectedSeq - 1, id: headId } };
}
