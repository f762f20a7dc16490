// A log with a village in it, for the vectors of what readers of a village verify: follow pages (spec/follow.md
// section 2) put together from the text of the specification, by another CBOR encoder.

import { consistency, digest, LOG, TIME, WITNESSES } from './scenery.mjs';
import { cbor, Log, statementOf } from './statement-log.mjs';
import {
  changeOf,
  constitution,
  History,
  INBOX,
  POLICY,
  specOf,
  VILLAGE,
} from './village-history.mjs';

export const PAGE_VERSION = 'writ-follow-page/v1';
export const START = Number(TIME) - 3600;
/** What readers of these vectors trust: the log and two of three witnesses. */
export const POLICY_TEXT = policyText(LOG.vkey);

/** A trust policy over another key of the log. */
export function policyText(...vkeys) {
  return [
    ...vkeys.map((vkey) => `log ${vkey}`),
    ...WITNESSES.map(({ vkey }, i) => `witness w${i + 1} ${vkey}`),
    'group g 2 w1 w2 w3',
    'quorum g',
    '',
  ].join('\n');
}

/** Entries in the order of the log; `add` and `seal` go behind the head of a stream as in a history. */
export class VillageLog extends Log {
  #history = new History();
  /** Leaf indexes of the state roots. */
  roots = [];

  get openings() {
    return this.#history.openings;
  }

  add(...statement) {
    return this.#take(statement[0], this.#history.add(...statement));
  }

  seal(...statement) {
    return this.#take(statement[0], this.#history.seal(...statement));
  }

  #take(stream, id) {
    this.push(stream, this.#history.statements.at(-1));
    return id;
  }

  /** The state root at `seconds` behind START. */
  root(seconds, { fields, ...more } = {}) {
    this.roots.push(this.entries.length);
    this.stateRoot({ fields: { time: START + seconds, ...fields }, ...more });
  }

  /** A statement of the log that is no state root. */
  quiet(signer = LOG.signer) {
    const head = this.heads().get('log');
    const payload = cbor(new Map([['version', 1]]));
    this.push('log', statementOf({ kind: 'log-protocol', stream: 'log', head, payload, signer }));
  }

  /** The six or seven items of a page, by name. `size` is that of a tree that ends with a state root. */
  page(stream, { from = 0, limit = 500, since = 0, size = this.entries.length } = {}) {
    const proof = this.proof(stream, { from, limit, size });
    const leaves = this.#leavesOf(stream).slice(from, from + proof.entries.length);
    const spans = [];
    const places = leaves.map((leaf) => {
      const span = this.#span(leaf, size);
      const same = ({ first, last }) => first === span.first && last === span.last;
      if (!spans.some(same)) spans.push(span);
      return [leaf, spans.findIndex(same), this.inclusion(leaf, size)];
    });
    const isGrown = since > 0 && since < size;
    return {
      version: PAGE_VERSION,
      streamProof: proof,
      since,
      hashes: isGrown ? consistency(BigInt(since), 0n, BigInt(size), this.hash).proof : [],
      places,
      spans: spans.map(({ items }) => items),
    };
  }

  #leavesOf(stream) {
    return [...this.entries.keys()].filter((index) => this.entries[index].stream === stream);
  }

  /** The statements of the log around `leaf`: from the newest state root before it to the first behind it. */
  #span(leaf, size) {
    const own = this.#leavesOf('log');
    const last = own.find((index) => index > leaf);
    const before = own.findLast((index) => index < leaf && this.roots.includes(index));
    const first = before ?? own[0];
    const chain = own.filter((index) => index >= first && index <= last);
    const isEnd = last === size - 1;
    const anchor = (index) => [index, this.inclusion(index, size)];
    const shown = isEnd ? chain.slice(0, -1) : chain;
    return {
      first,
      last,
      items: [
        shown.map((index) => this.entries[index].bytes),
        before === undefined ? null : anchor(before),
        isEnd ? null : anchor(last),
      ],
    };
  }
}

/** A page in bytes. */
export function pageBytes({ streamProof, ...items }) {
  const { version, ...rest } = items;
  const inner = streamProof instanceof Uint8Array ? streamProof : cbor(Object.values(streamProof));
  return cbor([version, inner, ...Object.values(rest)]);
}

/**
 * Trees of 3, 7, 10 and 13 entries. village/north-grid has its statements at 1, 3, 5, 9 and 10, inbox/north-grid its
 * one at 4.
 *
 *   0 root  1 create  2 root | 3 change  4 proposal  5 taken up  6 root | 7 protocol  8 protocol ... 12 root
 */
export function villageLog() {
  const log = new VillageLog();
  log.root(0);
  log.add(VILLAGE, 'village-create', { name: 'North Grid', constitution: constitution() }, 'ada');
  log.root(60);
  log.add(VILLAGE, 'policy-change', changeOf(1), 'ben');
  const proposal = log.add(INBOX, 'policy-change', changeOf(2), 'oz');
  const seen = { proposal, digest: digest(specOf(2)) };
  log.add(VILLAGE, 'quarantine-approve', seen, 'dot');
  log.root(120);
  log.quiet();
  log.quiet();
  log.add(VILLAGE, 'approve', { proposal }, 'cid');
  log.add(VILLAGE, 'policy-disable', { policy: POLICY, version: 3, reason: '' }, 'ben');
  log.note('b');
  log.root(180);
  return log;
}

/** A village without outsiders: its stream is all there is to read. */
export function closedLog(law = {}) {
  const log = new VillageLog();
  log.root(0);
  const closed = constitution({ quarantine: null, ...law });
  log.add(VILLAGE, 'village-create', { name: 'North Grid', constitution: closed }, 'ada');
  log.add(VILLAGE, 'policy-change', changeOf(1), 'ben');
  log.root(60);
  log.add(VILLAGE, 'policy-change', changeOf(2), 'cid');
  log.root(120);
  return log;
}

/** A private village, with three sealed statements. */
export function privateLog() {
  const log = new VillageLog();
  log.root(0);
  const law = constitution({ visibility: 'private', quarantine: null });
  log.seal(VILLAGE, 'village-create', { name: 'North Grid', constitution: law }, 'ada');
  log.seal(VILLAGE, 'policy-change', changeOf(1), 'ben');
  log.root(60);
  log.seal(VILLAGE, 'policy-change', changeOf(2), 'ben');
  log.root(120);
  return log;
}
