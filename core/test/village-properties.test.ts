// What holds for villages whatever anybody sends: random histories against rules counted a second time here.

import { formatHex } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { decodePayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution } from '@writ/core/statements/kinds/constitution';
import { decodeStatement } from '@writ/core/statements/statement';
import type { Effect } from '@writ/core/streams/refusal';
import { replay } from '@writ/core/streams/replay';
import { decodeStreamState, encodeStreamState } from '@writ/core/streams/state-codec';
import type { VillageState } from '@writ/core/streams/village-state';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  change,
  constitution,
  count,
  foundedWorld,
  INBOX,
  keyOf,
  LOG_KEY,
  member,
  OTHER_POLICY,
  POLICY,
  rule,
  START,
  spec,
  VILLAGE,
  type World,
} from './village-world.ts';

const test = suite('villages, whatever happens');

const MEMBERS = ['ada', 'abe', 'ben', 'cid', 'dot', 'eve'] as const;
/** Keys: of members, their second ones, and of somebody else. */
const LABELS = [...MEMBERS, 'ada 2', 'ben 2', 'cid 2', 'oz'];

function lawOf(quorum: number, admins: number): Constitution {
  const base = constitution();
  const amending = rule({ authors: ['admin'], approvers: ['admin'], quorum: count(admins) });
  const rules = {
    policy: rule({ quorum: count(quorum) }),
    constitution: amending,
    members: amending,
  };
  return constitution({ rules, members: [...base.members, member('abe', ['admin'])] });
}

/** One thing that somebody tries; numbers choose among what there is. */
interface Attempt {
  readonly what: number;
  readonly label: string;
  readonly which: number;
  readonly flag: boolean;
}

const attempts = fc.array(
  fc.record({
    what: fc.nat(13),
    label: fc.constantFrom('ada', 'abe', 'ben', 'cid', 'ben', 'cid', 'dot', ...LABELS),
    which: fc.nat(1000),
    flag: fc.boolean(),
  }),
  { minLength: 10, maxLength: 60 },
);

function pick<Item>(items: readonly Item[], which: number): Item | undefined {
  return items[which % Math.max(items.length, 1)];
}

/** The payload of an attempt: of every kind that a village knows, often right and often wrong. */
function payloadOf(world: World, { what, which, flag }: Attempt): Payload {
  const { village } = world;
  const policy = flag ? POLICY : OTHER_POLICY;
  const current = village.policies.get(policy)?.version ?? 0;
  const version = current + (which % 5 === 0 ? 2 : 1);
  const proposals = [...village.proposals].map(([id]) => id);
  const seen = village.closed.map(({ id }) => id);
  const id = pick([...proposals, ...proposals, ...seen], which) ?? '00'.repeat(32);
  const proposal = Uint8Array.from(id.match(/../g) ?? [], (byte) => Number(`0x${byte}`));
  const name = pick(MEMBERS, which) ?? 'ada';
  switch (what) {
    case 0:
    case 1: {
      const body = spec(`text ${which}`);
      const wait = { timeSeconds: which % 3 === 0 ? START + which * 10 : null, index: which % 40 };
      return change(version, { policy, spec: body, ...(which % 4 === 0 && { notBefore: wait }) });
    }
    case 2:
    case 3:
    case 4:
      return { kind: 'approve', proposal };
    case 5:
      return { kind: 'reject', proposal };
    case 6:
      return { kind: 'activate', proposal };
    case 7:
      return { kind: 'withdraw', proposal };
    case 8:
      return { kind: 'key-rotate', key: keyOf(pick(LABELS, which) ?? 'oz').publicKey };
    case 9: {
      const key = keyOf(flag ? `${name} 2` : name).publicKey;
      return { kind: 'key-revoke', member: name, key, reason: '' };
    }
    case 10:
      return { kind: 'policy-rollback', policy, version, toVersion: 1 + (which % 3), reason: '' };
    case 11:
      return { kind: 'policy-disable', policy, version, reason: '' };
    case 12: {
      const law = lawOf(1 + (which % 3), 1 + (which % 2));
      const members = law.members.filter((one) => flag || one.name !== name);
      const next = village.constitution.version + 1;
      return {
        kind: 'constitution-amend',
        version: next,
        constitution: { ...law, members },
        reason: '',
      };
    }
    default: {
      const waiting = world.states.get(INBOX);
      const ids = waiting?.family === 'inbox' ? [...waiting.proposals.values()] : [];
      const found = pick(ids, which);
      const digest = found?.digest ?? sha256(spec('x'));
      const inbox = found === undefined ? proposal : decodeId(found.id);
      return { kind: flag ? 'quarantine-approve' : 'quarantine-reject', proposal: inbox, digest };
    }
  }
}

function decodeId(id: string): Uint8Array {
  return Uint8Array.from(id.match(/../g) ?? [], (byte) => Number(`0x${byte}`));
}

/** An admitted statement of the village, with the states around it. */
interface Admitted {
  readonly before: VillageState;
  readonly after: VillageState;
  readonly payload: Payload;
  readonly keyId: string;
  readonly id: string;
  readonly effect: Effect;
  readonly timeSeconds: number;
}

interface Played {
  readonly world: World;
  readonly admitted: readonly Admitted[];
}

/** Lets everything be tried in a fresh village. Time passes now and then, outsiders propose now and then. */
function play(quorum: number, list: readonly Attempt[]): Played {
  const world = foundedWorld(lawOf(quorum, 2));
  const admitted: Admitted[] = [];
  let timeSeconds = START;
  for (const attempt of list) {
    if (attempt.which % 11 === 0) {
      timeSeconds += attempt.which * 4;
      world.setTime(timeSeconds);
    }
    if (attempt.which % 7 === 0)
      world.offer(world.sign(INBOX, change(1 + (attempt.which % 2)), keyOf('oz')));
    const before = world.village;
    const bytes = world.sign(VILLAGE, payloadOf(world, attempt), keyOf(attempt.label));
    const outcome = world.offer(bytes);
    if (!outcome.admitted) {
      assert.is(world.village, before, 'a refusal changes nothing');
      continue;
    }
    const { effect } = outcome;
    const statement = decodeStatement(bytes);
    const [keyId, id] = [formatHex(statement.keyId), formatHex(statement.id)];
    const payload = decodePayload(statement);
    admitted.push({ before, after: world.village, payload, keyId, id, effect, timeSeconds });
  }
  return { world, admitted };
}

function property(title: string, check: (played: Played) => void, runs = 40): void {
  test(title, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), attempts, (quorum, list) =>
        check(play(quorum, list)),
      ),
      { numRuns: runs },
    );
  });
}

test('random histories do get somewhere', () => {
  const results = new Set<string>();
  const refused = { admitted: 0, tried: 0 };
  fc.assert(
    fc.property(attempts, (list) => {
      const { admitted } = play(2, list);
      for (const { effect } of admitted) results.add(effect.result);
      refused.admitted += admitted.length;
      refused.tried += list.length;
    }),
    { numRuns: 100, seed: 7 },
  );
  for (const result of [
    'proposed',
    'approved',
    'activated',
    'rejected',
    'key-added',
    'key-revoked',
  ])
    assert.ok(results.has(result), result);
  assert.ok(refused.admitted > refused.tried / 10);
  assert.ok(refused.admitted < refused.tried);
});

property('replay gives the same bytes as admission did, each time', ({ world }) => {
  const options = { logKey: LOG_KEY.publicKey };
  const first = replay(world.entries, options);
  const second = replay(world.entries, { ...options, checkSignatures: false });
  for (const [stream, state] of world.states) {
    const bytes = formatHex(encodeStreamState(state));
    for (const { states } of [first, second]) {
      const other = states.get(stream);
      assert.is(other === undefined ? '' : formatHex(encodeStreamState(other)), bytes, stream);
    }
  }
});

property('every state is read back from its bytes', ({ admitted }) => {
  for (const { after } of admitted) {
    const bytes = encodeStreamState(after);
    assert.equal(encodeStreamState(decodeStreamState(bytes)), bytes);
  }
});

property('a state that was kept answers as the one that was not', ({ world, admitted }) => {
  const kept = new Map(
    [...world.states].map(([stream, state]) => [
      stream,
      decodeStreamState(encodeStreamState(state)),
    ]),
  );
  const last = admitted.at(-1);
  if (last === undefined) return;
  for (const label of LABELS) {
    const bytes = world.sign(VILLAGE, last.payload, keyOf(label));
    const from = { states: kept, index: world.entries.length };
    const entries = [{ index: from.index, bytes }];
    const again = () => replay(entries, { logKey: LOG_KEY.publicKey, from }).states.get(VILLAGE);
    const size = world.entries.length;
    const states = new Map(world.states);
    const outcome = world.offer(bytes);
    if (outcome.admitted) {
      const state = again();
      assert.equal(state && encodeStreamState(state), encodeStreamState(outcome.state));
    } else assert.throws(again, outcome.refusal.message);
    world.entries.length = size;
    for (const [stream, state] of states) world.states.set(stream, state);
  }
});

property('nothing by a revoked key is admitted behind its revocation', ({ admitted }) => {
  const revoked = new Set<string>();
  for (const { keyId, after } of admitted) {
    assert.not(revoked.has(keyId), 'a statement of a revoked key');
    for (const [id, { untilSeq }] of after.keys) if (untilSeq !== null) revoked.add(id);
    for (const id of revoked) assert.is.not(after.keys.get(id)?.untilSeq, null, 'came back');
  }
});

property('a key never belongs to two members', ({ admitted }) => {
  const owners = new Map<string, string>();
  for (const { after } of admitted) {
    for (const [id, { member: name }] of after.keys) {
      assert.is(owners.get(id) ?? name, name);
      owners.set(id, name);
    }
    const inForce = after.law.members.flatMap(({ keys }) => keys.map(formatHex));
    assert.is(new Set(inForce).size, inForce.length);
  }
});

/** The members who spoke for a proposal, by what the log holds. */
function supporters(admitted: readonly Admitted[]): Map<string, Map<string, number>> {
  const found = new Map<string, Map<string, number>>();
  for (const { effect, payload, before } of admitted) {
    const isVote = payload.kind === 'approve' || effect.result === 'proposed';
    const speaks = isVote || (effect.result === 'activated' && payload.kind !== 'activate');
    if (!speaks || effect.proposal === null || effect.by.member === null) continue;
    const names = found.get(effect.proposal) ?? new Map<string, number>();
    names.set(effect.by.member, before.head.seq + 1);
    found.set(effect.proposal, names);
  }
  return found;
}

property(
  'nothing is activated below the quorum of members who are approvers now',
  ({ admitted }) => {
    for (const [i, { effect, before }] of admitted.entries()) {
      if (effect.result !== 'activated' || effect.proposal === null) continue;
      const spoke = supporters(admitted.slice(0, i + 1)).get(effect.proposal) ?? new Map();
      const isPolicy = effect.rule.startsWith('constitution.rules.policy');
      const { approvers, quorum } = before.law.rules[isPolicy ? 'policy' : 'constitution'];
      const entitled = before.law.members.filter(
        ({ name, roles }) =>
          roles.some((role) => approvers.includes(role)) &&
          (spoke.get(name) ?? -1) >= (before.joined.get(name) ?? 0),
      );
      assert.ok(quorum.kind === 'count' && entitled.length >= quorum.k, effect.proposal);
    }
  },
  80,
);

property('nothing is activated after it expired or before its time', ({ admitted }) => {
  const opened = new Map<string, number>();
  for (const { effect, before, id, timeSeconds } of admitted) {
    if (effect.result === 'proposed') opened.set(id, timeSeconds);
    if (effect.result !== 'activated' || effect.proposal === null) continue;
    const since = opened.get(effect.proposal);
    if (since !== undefined) assert.ok(timeSeconds < since + 3600);
    const wait = before.proposals.get(effect.proposal)?.notBefore?.timeSeconds ?? 0;
    assert.ok(timeSeconds >= wait);
  }
});

property(
  'versions of policies and constitutions grow by one, at their positions',
  ({ admitted }) => {
    for (const { before, after } of admitted) {
      for (const [policy, latest] of after.policies) {
        const earlier = before.policies.get(policy);
        if (latest === earlier) continue;
        assert.is(latest.version, (earlier?.version ?? 0) + 1);
        assert.is(latest.seq, after.head.seq);
        assert.is(latest.previous, earlier ?? null);
      }
      const step = after.constitution.version - before.constitution.version;
      assert.ok(step === 0 || (step === 1 && after.constitution.seq === after.head.seq));
    }
  },
);

test.run();
