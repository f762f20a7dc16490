// How a reducer answers: the state behind a statement with what happened, or a refusal with the rule that refused
// (spec/refusals.md).

import { LogError } from '../errors.ts';

/** Every refusal with its meaning. Codes are stable: they stand in denials, problem documents and reports. */
export const REFUSALS = {
  // position
  'position-wrong': 'the statement does not stand behind the head of its stream',
  'predecessor-unknown': 'the statement names another predecessor than the head of its stream',
  'kind-out-of-place': 'a statement of this kind cannot stand here',
  // sealing
  'not-sealed': 'a statement of a private village has to be sealed',
  'sealed-in-public': 'a statement of a public village must not be sealed',
  'opening-missing': 'the sealed statement cannot be judged without its opening',
  'visibility-fixed': 'a village stays public or private for life',
  // who
  'village-unknown': 'there is no such village',
  'author-not-member': 'the key belongs to no member of the village',
  'author-not-log': 'only the log itself may write this',
  'author-not-owner': 'the stream belongs to another key',
  'author-lacks-role': 'the rule asks for a role that the member does not have',
  'author-not-proposer': 'only the member that proposed may withdraw',
  'key-revoked': 'the key was revoked before this position',
  // keys and constitutions
  'key-weak': 'the key is not an acceptable Ed25519 public key',
  'key-shared': 'a key belongs to one member, for ever',
  'key-unknown': 'the member holds no such key',
  'key-limit': 'the member would hold more keys than a member may',
  'village-key-limit': 'the members would hold more keys together than those of a village may',
  'key-proof-wrong': 'the new key did not sign its announcement',
  'member-twice': 'a member stands in the constitution twice',
  'member-unknown': 'the village has no such member',
  'role-unheld': 'no member with a key holds a role that the rule names',
  'quorum-unreachable': 'the members cannot meet the quorum even if all of them approve',
  // proposals
  'version-wrong': 'the proposal is not for the version behind the one in force',
  'version-without-spec': 'the policy has no spec in that version',
  'policy-unknown': 'the village has no such policy',
  'policy-disabled': 'the policy is disabled already',
  'not-before-forbidden': 'the rule does not let proposals ask for a later activation',
  'never-active': 'the proposal would expire before it may be activated',
  'proposal-unknown': 'there is no such proposal',
  'proposal-closed': 'the proposal is decided already',
  'proposal-expired': 'the proposal expired',
  'already-voted': 'the member voted on this proposal before',
  'quorum-not-met': 'the approvals that count do not meet the quorum',
  'not-yet': 'the proposal may not be activated before a later time or position',
  'spec-too-large': 'the Policy Spec is larger than the village allows',
  'quota-exceeded': 'the author has used up its statements of this day',
  'too-many-proposals': 'too many proposals are open',
  // quarantine and denials
  'quarantine-off': 'the village takes no proposals of outsiders',
  'digest-mismatch': 'the digest is not that of the Policy Spec in the proposal',
  'denials-off': 'the village does not have its denials recorded',
  'denial-out-of-place': 'the denial stands in the audit stream of another village',
  // nodes
  'intent-unknown': 'the node has no such intent, or ended it long ago',
  'intent-closed': 'the intent has ended already',
  'too-many-intents': 'too many intents are open',
  'target-unknown': 'the intent has no such target',
  'checkpoint-ahead': 'the checkpoint covers entries that the log did not have',
  // log
  'time-backwards': 'the time of the log never goes back',
  'size-wrong': 'a state root counts the entries before it',
  'streams-lost': 'streams never vanish',
  'protocol-unknown': 'this program does not know this version of the protocol',
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** Which constitution was in force. */
export interface ConstitutionRef {
  readonly version: number;
  /** Position in the stream of the village from which it holds. */
  readonly seq: number;
  /** Leaf index of that position. */
  readonly index: number;
}

/** Who made the statement, and under which constitution. */
export interface Authority {
  /** Key id in hexadecimal. */
  readonly keyId: string;
  /** The member of the village that holds the key; null outside villages and for strangers. */
  readonly member: string | null;
  /** null where no constitution decides. */
  readonly constitution: ConstitutionRef | null;
}

/** Facts for machines; never a secret. */
export type RefusalDetail = Readonly<Record<string, string | number>>;

/** Why a statement may not be admitted. */
export interface Refusal {
  readonly code: RefusalCode;
  /** Path of the rule that refused, such as `constitution.rules.policy.authors`. */
  readonly rule: string;
  /** For people: lower case, and what to do where that helps. */
  readonly message: string;
  readonly detail: RefusalDetail;
  readonly by: Authority;
}

export type EffectResult =
  | 'created'
  | 'proposed'
  | 'approved'
  | 'activated'
  | 'rejected'
  | 'withdrawn'
  | 'key-added'
  | 'key-revoked'
  | 'quarantined'
  | 'taken-up'
  | 'recorded'
  | 'not-judged';

/** What an admitted statement did, and which rule let it. */
export interface Effect {
  readonly by: Authority;
  readonly rule: string;
  readonly result: EffectResult;
  /** Id of the proposal concerned in hexadecimal; null where there is none. */
  readonly proposal: string | null;
  /** Ids of the proposals that this one closed, in hexadecimal and in order. */
  readonly superseded: readonly string[];
}

/** The answer of a reducer. */
export type Outcome<State> =
  | { readonly admitted: true; readonly state: State; readonly effect: Effect }
  | { readonly admitted: false; readonly refusal: Refusal };

/** Carries a refusal out of the depth of a reducer; `settle` catches it. */
class Refused extends Error {
  readonly refusal: Omit<Refusal, 'by'>;

  constructor(refusal: Omit<Refusal, 'by'>) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** Refuses the statement that is being reduced. Only inside `settle`. */
export function refuse(
  code: RefusalCode,
  rule: string,
  message: string = REFUSALS[code],
  detail: RefusalDetail = {},
): never {
  throw new Refused({ code, rule, message, detail });
}

/** What `run` returns as an admission, and what it refuses as a refusal by `by()`. */
export function settle<State>(
  by: () => Authority,
  run: () => { readonly state: State; readonly effect: Effect },
): Outcome<State> {
  try {
    const { state, effect } = run();
    return { admitted: true, state, effect };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { admitted: false, refusal: { ...error.refusal, by: by() } };
  }
}

/**
 * The refusal as an error: `stream-conflict` for a wrong position, else `statement-refused`, both with
 * `refusal` and `rule` in the detail beside `detail`.
 */
export function refusalError(refusal: Refusal, detail: RefusalDetail = {}): LogError {
  const { code, rule, message } = refusal;
  const isPosition = code === 'position-wrong' || code === 'predecessor-unknown';
  return new LogError(isPosition ? 'stream-conflict' : 'statement-refused', message, {
    ...refusal.detail,
    ...detail,
    refusal: code,
    rule,
  });
}
