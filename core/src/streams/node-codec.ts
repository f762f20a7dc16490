// The state of a node's stream as a CBOR value (spec/node-records.md section 5).

import { formatHex } from '../bytes.ts';
import { CborMap, type CborValue } from '../cbor/value.ts';
import { readCount, readMembers } from '../statements/kinds/shape.ts';
import { HexMap } from './hex-map.ts';
import type { NodeCounts, NodeState } from './node-state.ts';
import { hashOf, headValue, inHex, orNull, readHead, readItems, readTuple } from './state-parts.ts';

/** What `readNodeState` reads. */
export function nodeStateValue(state: NodeState): CborMap {
  const { family, head, owner, open, closed, applied, counts } = state;
  return new CborMap([
    ['family', family],
    ['head', headValue(head)],
    ['owner', inHex(owner)],
    ['open', [...open].map(([id, { seq, targets }]) => [inHex(id), seq, targets])],
    ['closed', closed.map(({ id, seq }) => [inHex(id), seq])],
    ['applied', applied && [applied.villageSeq, applied.villageHead, applied.size]],
    ['counts', COUNTS.map((name) => counts[name])],
  ]);
}

const COUNTS = [
  'intents',
  'succeeded',
  'failed',
  'skipped',
  'unknown',
  'suppressed',
  'lost',
] as const satisfies readonly (keyof NodeCounts)[];

const MEMBERS = ['family', 'head', 'owner', 'open', 'closed', 'applied', 'counts'];

/** Throws ShapeError. */
export function readNodeState(value: CborValue): NodeState {
  const of = readMembers(value, 'state', MEMBERS);
  const open = readItems(of('open'), 'open', 3, (item, field) => {
    const row = { seq: readCount(item(1), field), targets: readCount(item(2), field, 1) };
    return [formatHex(hashOf(item(0), field)), row] as const;
  });
  const closed = readItems(of('closed'), 'closed', 2, (item, field) => {
    return { id: formatHex(hashOf(item(0), field)), seq: readCount(item(1), field) };
  });
  const count = readTuple(of('counts'), 'counts', COUNTS.length);
  const counts = (name: keyof NodeCounts): number =>
    readCount(count(COUNTS.indexOf(name)), `counts.${name}`);
  return {
    family: 'node',
    head: readHead(of('head')),
    owner: formatHex(hashOf(of('owner'), 'owner')),
    open: HexMap.of(open),
    closed,
    applied: orNull(of('applied'), 'applied', readApplied),
    counts: {
      intents: counts('intents'),
      succeeded: counts('succeeded'),
      failed: counts('failed'),
      skipped: counts('skipped'),
      unknown: counts('unknown'),
      suppressed: counts('suppressed'),
      lost: counts('lost'),
    },
  };
}

function readApplied(value: CborValue, field: string): NonNullable<NodeState['applied']> {
  const of = readTuple(value, field, 3);
  return {
    villageSeq: readCount(of(0), `${field}.villageSeq`),
    villageHead: hashOf(of(1), `${field}.villageHead`),
    size: readCount(of(2), `${field}.size`),
  };
}
