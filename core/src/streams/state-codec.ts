// The state of a stream as bytes (spec/villages.md section 12): deterministic CBOR, so that a server, a reader and
// an auditor who agree can say so by comparing digests.

import { equalBytes, formatHex } from '../bytes.ts';
import { decodeCbor } from '../cbor/decode.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { CborMap, type CborValue } from '../cbor/value.ts';
import { LogError } from '../errors.ts';
import { sha256 } from '../sha256.ts';
import {
  readBytes,
  readCount,
  readMembers,
  readText,
  readWord,
  ShapeError,
} from '../statements/kinds/shape.ts';
import type { AuditState } from './audit.ts';
import { HexMap } from './hex-map.ts';
import type { HiddenState } from './hidden.ts';
import type { InboxProposal, InboxState } from './inbox-state.ts';
import type { LogState } from './log-stream.ts';
import { nodeStateValue, readNodeState } from './node-codec.ts';
import type { OwnedState } from './owned.ts';
import type { StreamState } from './reduce.ts';
import {
  hashOf,
  headValue,
  inHex,
  readHead,
  readItems,
  readUsage,
  usageValue,
} from './state-parts.ts';
import { readVillageState, villageStateValue } from './village-codec.ts';

/** The one encoding of a state. */
export function encodeStreamState(state: StreamState): Uint8Array {
  return encodeCbor(stateValue(state));
}

/** SHA-256 of the encoding. */
export function streamStateDigest(state: StreamState): Uint8Array {
  return sha256(encodeStreamState(state));
}

/**
 * The state that `encodeStreamState` encoded. For snapshots that were kept in a safe place: that the rules lead to
 * it is not checked. Throws LogError `storage-corrupt` for anything else.
 */
export function decodeStreamState(bytes: Uint8Array): StreamState {
  const state = readBack(bytes);
  // One state, one encoding: lists out of order and doubled ids do not come back the same.
  if (!equalBytes(encodeStreamState(state), bytes))
    throw new LogError('storage-corrupt', 'state of a stream: not in its one encoding');
  return state;
}

function readBack(bytes: Uint8Array): StreamState {
  try {
    return readState(decodeCbor(bytes));
  } catch (error) {
    if (!(error instanceof ShapeError || error instanceof LogError)) throw error;
    throw new LogError('storage-corrupt', `state of a stream: ${error.message}`, {}, error);
  }
}

function stateValue(state: StreamState): CborMap {
  switch (state.family) {
    case 'village':
      return villageStateValue(state);
    case 'inbox':
      return inboxValue(state);
    case 'audit':
      return new CborMap([
        ['family', state.family],
        ['head', headValue(state.head)],
        ['denials', state.denials],
      ]);
    case 'log':
      return new CborMap([
        ['family', state.family],
        ['head', headValue(state.head)],
        ['key', state.key],
        ['protocol', state.protocol],
        ['time', state.timeSeconds],
        ['streams', state.streams],
      ]);
    case 'node':
      return nodeStateValue(state);
    case 'package':
      return new CborMap([
        ['family', state.family],
        ['head', headValue(state.head)],
        ['owner', inHex(state.owner)],
      ]);
    case 'hidden':
      return new CborMap([
        ['family', state.family],
        ['head', headValue(state.head)],
      ]);
  }
}

function readState(value: CborValue): StreamState {
  const families = ['village', 'inbox', 'audit', 'log', 'node', 'package', 'hidden'] as const;
  const named = value instanceof CborMap ? (value.get('family') ?? null) : null;
  const family = readWord(named, 'family', families);
  switch (family) {
    case 'village':
      return readVillageState(value);
    case 'inbox':
      return readInbox(value);
    case 'audit':
      return readAudit(value);
    case 'log':
      return readLog(value);
    case 'node':
      return readNodeState(value);
    case 'package':
      return readOwned(value);
    case 'hidden':
      return readHidden(value);
  }
}

function readAudit(value: CborValue): AuditState {
  const of = readMembers(value, 'state', ['family', 'head', 'denials']);
  return {
    family: 'audit',
    head: readHead(of('head')),
    denials: readCount(of('denials'), 'denials'),
  };
}

function readLog(value: CborValue): LogState {
  const of = readMembers(value, 'state', ['family', 'head', 'key', 'protocol', 'time', 'streams']);
  return {
    family: 'log',
    head: readHead(of('head')),
    key: hashOf(of('key'), 'key'),
    protocol: readCount(of('protocol'), 'protocol'),
    timeSeconds: readCount(of('time'), 'time'),
    streams: readCount(of('streams'), 'streams'),
  };
}

function readOwned(value: CborValue): OwnedState {
  const of = readMembers(value, 'state', ['family', 'head', 'owner']);
  const owner = formatHex(hashOf(of('owner'), 'owner'));
  return { family: 'package', head: readHead(of('head')), owner };
}

function readHidden(value: CborValue): HiddenState {
  const of = readMembers(value, 'state', ['family', 'head']);
  return { family: 'hidden', head: readHead(of('head')) };
}

function inboxValue({ family, village, head, proposals, usage }: InboxState): CborMap {
  return new CborMap([
    ['family', family],
    ['village', village],
    ['head', headValue(head)],
    ['proposals', [...proposals.values()].map(inboxProposalValue)],
    ['usage', usageValue(usage)],
  ]);
}

function inboxProposalValue(proposal: InboxProposal): CborValue {
  const { id, seq, index, author, policy, version, digest, specBytes, expiresAtSeconds } = proposal;
  return [
    inHex(id),
    seq,
    index,
    inHex(author),
    policy,
    version,
    digest,
    specBytes,
    expiresAtSeconds,
  ];
}

function readInbox(value: CborValue): InboxState {
  const of = readMembers(value, 'state', ['family', 'village', 'head', 'proposals', 'usage']);
  const proposals = readItems(of('proposals'), 'proposals', 9, readInboxProposal);
  return {
    family: 'inbox',
    village: readText(of('village'), 'village', /^/, 'text'),
    head: readHead(of('head')),
    proposals: HexMap.of(proposals.map((proposal) => [proposal.id, proposal])),
    usage: readUsage(of('usage')),
  };
}

function readInboxProposal(of: (i: number) => CborValue, field: string): InboxProposal {
  return {
    id: formatHex(hashOf(of(0), `${field}.id`)),
    seq: readCount(of(1), `${field}.seq`),
    index: readCount(of(2), `${field}.index`),
    author: formatHex(readBytes(of(3), `${field}.author`, 32)),
    policy: readText(of(4), `${field}.policy`, /^/, 'text'),
    version: readCount(of(5), `${field}.version`),
    digest: hashOf(of(6), `${field}.digest`),
    specBytes: readCount(of(7), `${field}.specBytes`),
    expiresAtSeconds: readCount(of(8), `${field}.expiresAtSeconds`),
  };
}
