// A log in memory that admits by the reducers alone: what the tests of villages play on.

import { concatBytes, utf8 } from '@writ/core/bytes';
import { Ed25519Signer } from '@writ/core/ed25519';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import { decodePayload, encodePayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution, Member, Rule } from '@writ/core/statements/kinds/constitution';
import { decodeStatement, signStatement } from '@writ/core/statements/statement';
import { logKeyProof } from '@writ/core/streams/log-stream';
import { contextAt, reduce, type StreamState } from '@writ/core/streams/reduce';
import type { Effect, Outcome, Refusal } from '@writ/core/streams/refusal';
import type { LogEntry } from '@writ/core/streams/replay';
import type { VillageState } from '@writ/core/streams/village-state';

export const VILLAGE = 'village/north-grid';
export const INBOX = 'inbox/north-grid';
export const AUDIT = 'audit/north-grid';
export const POLICY = '3f2a1b4c-1111-4222-8333-944455556666';
export const OTHER_POLICY = '3f2a1b4c-1111-4222-8333-944455556667';
export const START = 1_795_190_400;

const signers = new Map<string, Ed25519Signer>();

/** The key of that label, the same in every test. */
export function keyOf(label: string): Ed25519Signer {
  const signer = signers.get(label) ?? new Ed25519Signer(sha256(utf8(`key of ${label}`)));
  signers.set(label, signer);
  return signer;
}

export const LOG_KEY = keyOf('log');

/** A member whose keys are those of `labels`, its own name where none are given. */
export function member(
  name: string,
  roles: readonly string[],
  labels = [name],
  weight = 1,
): Member {
  return { name, roles, weight, keys: labels.map((label) => keyOf(label).publicKey) };
}

export function count(k: number): Rule['quorum'] {
  return { kind: 'count', k };
}

export function rule(fields: Partial<Rule> = {}): Rule {
  return {
    authors: ['author'],
    approvers: ['approver'],
    quorum: count(1),
    expiresAfterSeconds: 3600,
    notBefore: true,
    ...fields,
  };
}

const ADMIN_RULE = rule({ authors: ['admin'], approvers: ['admin'] });

/** Ada administrates; Ben, Cid and Dot write and approve; Eve watches. Every quorum is one, but for `fields`. */
export function constitution(fields: Partial<Constitution> = {}): Constitution {
  return {
    members: [
      member('ada', ['admin']),
      member('ben', ['author', 'approver']),
      member('cid', ['author', 'approver']),
      member('dot', ['approver'], ['dot'], 3),
      member('eve', []),
    ],
    rules: { policy: rule(), constitution: ADMIN_RULE, members: ADMIN_RULE },
    limits: {
      statementsPerDay: 100,
      proposalsOpen: 4,
      specBytes: 1000,
      requestsPerMinute: 100_000,
    },
    quarantine: {
      approvers: ['approver'],
      quorum: count(1),
      expiresAfterSeconds: 7200,
      proposalsOpen: 3,
      statementsPerDay: 10,
    },
    staleness: { mode: 'keep-last-good', maxSeconds: 86_400 },
    visibility: 'public',
    recordDenials: true,
    ...fields,
  };
}

/** The constitution with another rule for policies. */
export function policyRule(fields: Partial<Rule>): Constitution {
  const base = constitution();
  return constitution({ rules: { ...base.rules, policy: rule(fields) } });
}

/** A Policy Spec in its canonical spelling. */
export function spec(text: string): Uint8Array {
  return utf8(formatCanonicalJson({ notes: text }));
}

export function change(
  version: number,
  fields: Partial<Extract<Payload, { kind: 'policy-change' }>> = {},
): Payload {
  const body = spec(`version ${version}`);
  return { kind: 'policy-change', policy: POLICY, version, spec: body, ...fields };
}

/** The log: entries so far and the state that they lead to. */
export class World {
  readonly entries: LogEntry[] = [];
  readonly states = new Map<string, StreamState>();

  /** The statement that `signer` would make now; `fields` spoils its position. */
  sign(
    stream: string,
    payload: Payload,
    signer: Ed25519Signer,
    fields: { seq?: number; previous?: Uint8Array | null } = {},
  ): Uint8Array {
    const head = this.states.get(stream)?.head;
    return signStatement(
      {
        kind: payload.kind,
        issuer: 'somebody',
        stream,
        issuedAtSeconds: 0,
        seq: head === undefined ? 0 : head.seq + 1,
        previous: head?.id ?? null,
        payload: encodePayload(payload),
        ...fields,
      },
      signer,
    );
  }

  /** What the reducers say; a statement that is admitted is appended. */
  offer(bytes: Uint8Array): Outcome<StreamState> {
    const statement = decodeStatement(bytes);
    const step = { statement, payload: decodePayload(statement) };
    const index = this.entries.length;
    const outcome = reduce(this.states, step, contextAt(this.states, index, LOG_KEY.publicKey));
    if (outcome.admitted) {
      this.states.set(statement.stream, outcome.state);
      this.entries.push({ index, bytes });
    }
    return outcome;
  }

  /** Appends a statement by the key of `label` and returns its id; throws when it is refused. */
  add(stream: string, payload: Payload, label: string): Uint8Array {
    this.effect(stream, payload, label);
    return this.states.get(stream)?.head.id ?? new Uint8Array(0);
  }

  /** As `add`; returns what it did. */
  effect(stream: string, payload: Payload, label: string): Effect {
    const outcome = this.offer(this.sign(stream, payload, keyOf(label)));
    if (!outcome.admitted) throw new Error(`refused: ${JSON.stringify(outcome.refusal)}`);
    return outcome.effect;
  }

  /** Why a statement by the key of `label` is refused; throws when it is admitted. */
  refusal(stream: string, payload: Payload, label: string): Refusal {
    const before = this.states.get(stream);
    const outcome = this.offer(this.sign(stream, payload, keyOf(label)));
    if (outcome.admitted) throw new Error(`admitted: ${JSON.stringify(outcome.effect)}`);
    if (this.states.get(stream) !== before) throw new Error('a refusal changed the state');
    return outcome.refusal;
  }

  /** Code and rule of the refusal, in one text. */
  why(stream: string, payload: Payload, label: string): string {
    const { code, rule: path } = this.refusal(stream, payload, label);
    return `${code} by ${path}`;
  }

  /** Appends a state root that says it is `timeSeconds`. */
  setTime(timeSeconds: number): void {
    const { size } = this.states;
    const root: Payload = {
      kind: 'state-root',
      index: sha256(utf8(`index at ${this.entries.length}`)),
      streams: size,
      size: this.entries.length,
      timeSeconds,
    };
    this.add('log', root, 'log');
  }

  get village(): VillageState {
    const state = this.states.get(VILLAGE);
    if (state?.family !== 'village') throw new Error('there is no village');
    return state;
  }
}

/** A world with a state root at START and the village under `law`, founded by Ada. */
export function foundedWorld(law: Constitution = constitution()): World {
  const world = new World();
  world.setTime(START);
  world.add(VILLAGE, { kind: 'village-create', name: 'North Grid', constitution: law }, 'ada');
  return world;
}

/** Version and digest in force of a policy. */
export function inForce(world: World, policy: string = POLICY): number {
  return world.village.policies.get(policy)?.version ?? 0;
}

/** A statement by which the log takes the key of `label`, as it stands behind `world`. */
export function logKey(world: World, label: string): Payload {
  const { publicKey } = keyOf(label);
  const previous = world.states.get('log')?.head.id ?? null;
  const proof = keyOf(label).sign(logKeyProof(previous, publicKey));
  return { kind: 'log-key', key: publicKey, proof };
}

/** `bytes` with one bit changed. */
export function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = concatBytes(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
