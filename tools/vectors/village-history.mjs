// What histories of villages are made of: keys, constitutions, and a log that grows by statements.

import { concatBytes } from '@writ/core/bytes';
import { encode, rfc8949EncodeOptions } from 'cborg';
import { ascii, digest, fixedBytes, hex, keyOf, leafHash, TIME } from './scenery.mjs';

export const START = Number(TIME);
export const VILLAGE = 'village/north-grid';
export const INBOX = 'inbox/north-grid';
export const AUDIT = 'audit/north-grid';
export const POLICY = '0b9d2f1e-7a34-4c55-9e1b-2f6d8a3c4e70';
const EMPTY = new Uint8Array(0);

export function cbor(value) {
  return encode(value, rfc8949EncodeOptions);
}

/** The Ed25519 key of a label. */
export function key(label) {
  return keyOf(`village.${label.replaceAll(' ', '-')}`).signer;
}

export const x = (label) => key(label).publicKey;

export function thumbprint(publicKey) {
  const coseKey = new Map([
    [1, 1],
    [-1, 6],
    [-2, publicKey],
  ]);
  return digest(cbor(coseKey));
}

export function member(name, roles, keys = [x(name)], weight = 1) {
  return { name, roles, weight, keys };
}

export const count = (k) => ({ kind: 'count', k });

export function rule(fields) {
  const defaults = { authors: ['author'], approvers: ['approver'], quorum: count(1) };
  return { ...defaults, expiresAfterSeconds: 3600, notBefore: true, ...fields };
}

const ADMINS = rule({ authors: ['admin'], approvers: ['admin'] });

/** Ada administrates, Ben and Cid write and approve, Dot approves, Eve watches. */
export function constitution(fields = {}) {
  return {
    members: [
      member('ada', ['admin']),
      member('ben', ['author', 'approver']),
      member('cid', ['author', 'approver']),
      member('dot', ['approver'], [x('dot')], 3),
      member('eve', []),
    ],
    rules: { policy: rule({}), constitution: ADMINS, members: ADMINS },
    limits: { statementsPerDay: 100, proposalsOpen: 4, specBytes: 100, requestsPerMinute: 600 },
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

export function policyRule(fields, more = {}) {
  const { rules } = constitution();
  return constitution({ rules: { ...rules, policy: rule(fields) }, ...more });
}

/** A log that grows: `add` makes the next statement, `input` is what a vector holds. */
export class History {
  statements = [];
  heads = new Map();
  openings = [];

  add(stream, kind, payload, author, fields = {}) {
    const head = this.heads.get(stream);
    const position = head === undefined ? [0, null] : [head.seq + 1, head.id];
    const bytes = statementOf({ stream, kind, payload, author, position, ...fields });
    const id = leafHash(bytes);
    this.heads.set(stream, { seq: position[0], id, index: this.statements.length });
    this.statements.push(bytes);
    return id;
  }

  /** As `add`, sealed: the opening goes to `openings`. */
  seal(stream, kind, payload, author, fields = {}) {
    const opening = openingOf(kind, payload, fixedBytes(`salt ${this.openings.length}`));
    this.openings.push(opening);
    const claims = { issuer: '-', ...fields };
    return this.add(stream, 'sealed', { commitment: digest(opening) }, author, claims);
  }

  time(seconds, fields = {}) {
    const [streams, size] = [this.heads.size, this.statements.length];
    const payload = { index: fixedBytes(`index root at ${size}`), streams, size, time: seconds };
    return this.add('log', 'state-root', { ...payload, ...fields }, 'log');
  }

  found(law = constitution(), author = 'ada') {
    const payload = { name: 'North Grid', constitution: law };
    return this.add(VILLAGE, 'village-create', payload, author);
  }

  change(version, author, fields = {}) {
    return this.add(VILLAGE, 'policy-change', changeOf(version), author, fields);
  }

  vote(kind, proposal, author) {
    return this.add(VILLAGE, kind, { proposal }, author);
  }

  get input() {
    return { log_key: hex(x('log')), statements: this.statements.map(hex) };
  }

  /** What a member has to judge by; `count` openings where it lacks the others. */
  openedInput(count = this.openings.length) {
    return { ...this.input, openings: this.openings.slice(0, count).map(hex) };
  }
}

/** An opening (spec/private-villages.md section 3). */
export function openingOf(kind, payload, salt) {
  const type = `application/vnd.writ.${kind}+cbor`;
  return cbor(['writ-opening/v1', salt, type, cbor(asMaps(payload))]);
}

/** A history with a private village in it, at START. */
export function foundedPrivately(fields = {}) {
  const history = new History();
  history.time(START);
  const law = constitution({ visibility: 'private', ...fields });
  history.seal(VILLAGE, 'village-create', { name: 'North Grid', constitution: law }, 'ada');
  return history;
}

function statementOf({
  stream,
  kind,
  payload,
  author,
  position,
  signer = author,
  issuer = `${author}@example.com`,
  issuedAt = 0,
}) {
  const claims = [
    [1, issuer],
    [2, stream],
    [6, issuedAt],
  ];
  const header = new Map([
    [1, -19],
    [3, `application/vnd.writ.${kind}+cbor`],
    [4, thumbprint(x(author))],
    [15, new Map(claims)],
    [-65537, position],
  ]);
  const parts = [cbor(header), cbor(asMaps(payload))];
  const signature = key(signer).signRaw(cbor(['Signature1', parts[0], EMPTY, parts[1]]));
  return concatBytes([0xd2], cbor([parts[0], new Map(), parts[1], signature]));
}

/** Objects as maps: what stands in the payloads is written as objects here. */
export function asMaps(value) {
  if (Array.isArray(value)) return value.map(asMaps);
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return new Map(entries.map(([name, item]) => [name, asMaps(item)]));
}

export const specOf = (version) => ascii(`{"notes":"version ${version}"}`);

export function changeOf(version) {
  return { policy: POLICY, version, spec: specOf(version) };
}

/** A history with a village in it, at START. */
export function founded(law) {
  const history = new History();
  history.time(START);
  history.found(law);
  return history;
}

/** Payload of a rotation to the key of `label` at the head of `history`. */
export function logKeyOf(history, label) {
  const message = concatBytes(ascii('writ log-key\n'), history.heads.get('log').id, x(label));
  return { key: x(label), proof: key(label).signRaw(message) };
}
