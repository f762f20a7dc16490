// Why a statement stands where it stands, in words and as facts: who, under which constitution, by which rule, and
// what became of it.

import { formatHex, parseUtf8 } from '@writ/core/bytes';
import type { LogError } from '@writ/core/errors';
import { type EffectResult, REFUSALS, type RefusalCode } from '@writ/core/streams/refusal';
import type { ShownEvidence } from '../follow/evidence.ts';
import type { Followed, News } from '../follow/reading.ts';
import { checkpointFacts, signersOf } from './claims.ts';
import type { Claim } from './report.ts';
import { statementFacts } from './statement.ts';

const RESULTS: Readonly<Record<EffectResult, string>> = {
  created: 'it created the village',
  proposed: 'it proposes a change, which is open',
  approved: 'it approves a proposal, which stays open',
  activated: 'the change is in force from there on',
  rejected: 'it rejects a proposal',
  withdrawn: 'it withdraws a proposal',
  'key-added': 'its member has one key more from there on',
  'key-revoked': 'the key is no good from there on',
  quarantined: 'it waits for the village to take it up',
  'taken-up': 'the village takes up what an outsider proposed',
  recorded: 'it is on record',
  'not-judged': 'it is not judged: private',
};

/** The explanation of a statement that the rules admitted. */
export function explainAdmitted(news: News, followed: Followed): Claim {
  const { statement, payload, leafIndex, timeSeconds, effect } = news;
  const { by, rule, result, proposal, superseded } = effect;
  const { seq, stream } = statement;
  const { kind } = payload;
  const law =
    by.constitution === null
      ? ''
      : ` of version ${by.constitution.version} of the constitution, in force since number ${by.constitution.seq}`;
  const over = superseded.length === 0 ? '' : `; it superseded ${superseded.length} proposals`;
  return {
    text: `number ${seq} of ${stream}, a ${kind} by ${who(by.member, by.keyId)}, was admitted by ${rule}${law}: ${RESULTS[result]}${over}`,
    facts: {
      admitted: true,
      member: by.member,
      keyId: by.keyId,
      constitution:
        by.constitution === null
          ? null
          : {
              version: String(by.constitution.version),
              seq: String(by.constitution.seq),
              index: String(by.constitution.index),
            },
      rule,
      result,
      proposal,
      superseded,
      index: String(leafIndex),
      logTime: String(timeSeconds),
      statement: statementFacts(statement, payload),
      ...followedFacts(followed),
    },
  };
}

function who(member: string | null, keyId: string): string {
  return member === null ? `a stranger with key ${keyId}` : `${member} with key ${keyId}`;
}

/** What the reading as a whole rests on. */
export function followedFacts({
  checkpoint,
  timeSeconds,
  state,
}: Followed): Record<string, unknown> {
  const head = state?.head;
  return {
    head:
      head === undefined
        ? null
        : { seq: String(head.seq), id: formatHex(head.id), index: String(head.index) },
    stateRootTime: String(timeSeconds),
    ...checkpointFacts(checkpoint),
    signed: signersOf(checkpoint),
  };
}

/** The explanation of what a log did wrong, as evidence shows it. */
export function explainFault(error: LogError, village: string): Claim {
  const refusal = error.detail['refusal'];
  const meaning = isRefusalCode(refusal) ? `: ${REFUSALS[refusal]}` : '';
  return {
    text: `the answers of the log about ${village} end with ${error.code}${meaning}: ${error.message}`,
    facts: {
      admitted: false,
      fault: error.code,
      shows: isOfLog(error) ? 'a fault of the log' : 'a bad answer, which nobody signed for',
      ...Object.fromEntries(Object.entries(error.detail).map(([k, v]) => [k, String(v)])),
    },
  };
}

/** True when what the log itself signed cannot be right (spec/follow.md section 5). */
function isOfLog({ code, detail }: LogError): boolean {
  if (code === 'state-root-invalid') return detail['reason'] !== undefined;
  return OF_LOG.has(code);
}

const OF_LOG: ReadonlySet<string> = new Set([
  'fork-detected',
  'statement-refused',
  'stream-conflict',
  'statement-bad-signature',
  'stream-rolled-back',
]);

function isRefusalCode(value: unknown): value is RefusalCode {
  return typeof value === 'string' && Object.hasOwn(REFUSALS, value);
}

/** Whom evidence was checked under, in words that claim no more than that. */
export function policyFacts(
  { evidence, isPolicyOwn }: ShownEvidence,
  wasGiven: boolean,
): Record<string, unknown> {
  const embedded = (parseUtf8(evidence.policy) ?? '').trimEnd().split('\n');
  const standing = isPolicyOwn
    ? 'the policy given is the one in the file'
    : wasGiven
      ? 'checked under the policy given; the one in the file is another'
      : 'UNPROVEN: checked under the policy in the file alone, give --policy to say whom you trust';
  return { trust: standing, policyInFile: embedded };
}
