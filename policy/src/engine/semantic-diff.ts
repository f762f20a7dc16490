// What changed between two versions of a policy, for a person who has to agree to it (spec/policy-engine.md section
// 11). Both sides have their defaults filled in, so what was left out and what was spelled out never differ.

import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import { durationSeconds } from './compile-normalise.ts';
import { wordsFor } from './diff-words.ts';
import { NAMING_MEMBERS } from './digests.ts';
import { diffJson, type JsonChange } from './json-diff.ts';
import { formatPointer } from './json-pointer.ts';
import type { PolicySpec } from './policy-spec.ts';
import { policySpecJson } from './policy-spec-schema.ts';

export interface PolicyChange {
  /** JSON Pointer: into the new version, or into the old one for what was removed. */
  readonly pointer: string;
  readonly kind: JsonChange['kind'];
  /** Null where it was added. */
  readonly from: JsonValue;
  /** Null where it was removed. */
  readonly to: JsonValue;
  /** What it means, in words. */
  readonly meaning: string;
  /** False where the policy does the same as before: another name, another spelling of a duration. */
  readonly changesBehaviour: boolean;
}

/** Lists whose members keep their identity when another one comes or goes. */
const LISTS = ['/trigger_group/triggers', '/conditions/all', '/actions'];
/** What tells a trigger, a condition and an action from others of their kind. */
const KIND_MEMBERS = ['type', 'metric', 'scope', 'field', 'capability_id'];
const DURATION = /(?:_window|\/window|\/for|\/after)$/;

/** Every change from `before` to `after`, in the order of the members of a policy. */
export function diffPolicies(before: PolicySpec, after: PolicySpec): PolicyChange[] {
  return diffMembers(policySpecJson(before), policySpecJson(after), '').map(describe);
}

function diffMembers(before: JsonValue, after: JsonValue, at: string): JsonChange[] {
  if (LISTS.includes(at) && Array.isArray(before) && Array.isArray(after))
    return diffList(before, after, at);
  const [old, now] = [membersOf(before), membersOf(after)];
  const isAbove = LISTS.some((list) => list.startsWith(`${at}/`));
  if (!isAbove || old === undefined || now === undefined) return diffJson(before, after, at);
  return [...old].flatMap(([name, value]) => {
    const other = now.get(name);
    return other === undefined ? [] : diffMembers(value, other, `${at}${formatPointer(name)}`);
  });
}

// What both lists have in the same order stays; between two such anchors, members are paired from the front.
function diffList(
  before: readonly JsonValue[],
  after: readonly JsonValue[],
  at: string,
): JsonChange[] {
  const changes: JsonChange[] = [];
  let [i, j] = [0, 0];
  const common = commonMembers(before.map(formatCanonicalJson), after.map(formatCanonicalJson));
  for (const [nextI, nextJ] of [...common, [before.length, after.length] as const]) {
    for (; i < nextI && j < nextJ; i++, j++)
      changes.push(...diffMember(before[i] ?? null, after[j] ?? null, `${at}/${j}`));
    for (; i < nextI; i++)
      changes.push({ pointer: `${at}/${i}`, kind: 'removed', before: before[i] ?? null });
    for (; j < nextJ; j++)
      changes.push({ pointer: `${at}/${j}`, kind: 'added', after: after[j] ?? null });
    [i, j] = [nextI + 1, nextJ + 1];
  }
  return changes;
}

/** Members of another kind are told as a whole: what one trigger says means nothing to another. */
function diffMember(before: JsonValue, after: JsonValue, pointer: string): JsonChange[] {
  const [old, now] = [membersOf(before), membersOf(after)];
  const isSameKind = KIND_MEMBERS.every((name) => old?.get(name) === now?.get(name));
  return isSameKind
    ? diffJson(before, after, pointer)
    : [{ pointer, kind: 'changed', before, after }];
}

/** Pairs of indexes of a longest common subsequence. Lists have at most 32 members. */
function commonMembers(a: readonly string[], b: readonly string[]): (readonly [number, number])[] {
  const width = b.length + 1;
  const lengths = new Array<number>((a.length + 1) * width).fill(0);
  const lengthAt = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengthAt(i + 1, j + 1) + 1
          : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1));
  const pairs: (readonly [number, number])[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengthAt(i + 1, j) >= lengthAt(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

function describe(change: JsonChange): PolicyChange {
  const { pointer, kind, before = null, after = null } = change;
  const isSpelling =
    DURATION.test(pointer) &&
    typeof before === 'string' &&
    typeof after === 'string' &&
    durationSeconds(before) === durationSeconds(after);
  const isNaming = NAMING_MEMBERS.includes(pointer.slice(1)) && pointer !== '/enabled';
  return {
    pointer,
    kind,
    from: before,
    to: after,
    meaning: isSpelling ? 'another spelling of the same duration' : wordsFor(change),
    changesBehaviour: !isSpelling && !isNaming,
  };
}

function membersOf(value: JsonValue): ReadonlyMap<string, JsonValue> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map<string, JsonValue>(Object.entries(value))
    : undefined;
}
