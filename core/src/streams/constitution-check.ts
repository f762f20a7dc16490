// What a constitution says about a change: which class it is of, whose approvals count, whether they suffice
// (spec/villages.md section 6), and whether a constitution can work at all.

import { equalBytes, formatHex } from '../bytes.ts';
import { encodeCbor } from '../cbor/encode.ts';
import {
  CHANGE_CLASSES,
  type ChangeClass,
  type Constitution,
  constitutionValue,
  type Member,
  type Quorum,
} from '../statements/kinds/constitution.ts';
import { refuse } from './refusal.ts';
import { type Ballot, type Change, memberNamed, type VillageState } from './village-state.ts';

/** Path of the rule of a class. */
export function ruleOf(changeClass: ChangeClass): string {
  return `constitution.rules.${changeClass}`;
}

/** True when the member has one of `roles`. */
export function hasRole(member: Member, roles: readonly string[]): boolean {
  return member.roles.some((role) => roles.includes(role));
}

/** True when `members`, each counted once, meet `quorum`. */
export function meetsQuorum(quorum: Quorum, members: readonly Member[]): boolean {
  switch (quorum.kind) {
    case 'count':
      return members.length >= quorum.k;
    case 'weight':
      return members.reduce((sum, { weight }) => sum + weight, 0) >= quorum.threshold;
    case 'roles':
      for (const [role, count] of quorum.roles) {
        if (members.filter(({ roles }) => roles.includes(role)).length < count) return false;
      }
      return true;
  }
}

/** Who counts: one of these roles, by this quorum. A Rule and a Quarantine are such. */
export interface Electorate {
  readonly approvers: readonly string[];
  readonly quorum: Quorum;
}

/**
 * The members whose ballots count under the constitution in force: still members since before they voted, and
 * still approvers.
 */
export function countingVoters(
  state: VillageState,
  electorate: Electorate,
  ballots: readonly Ballot[],
): readonly Member[] {
  const voters: Member[] = [];
  for (const { member: name, seq } of ballots) {
    const member = memberNamed(state, name);
    if (member === undefined || voters.includes(member)) continue;
    const isSince = seq >= (state.joined.get(name) ?? 0);
    if (isSince && hasRole(member, electorate.approvers)) voters.push(member);
  }
  return voters;
}

/** True when all members that may still approve could meet the quorum. */
export function canStillPass(
  state: VillageState,
  electorate: Electorate,
  rejections: readonly Ballot[],
): boolean {
  const against = countingVoters(state, electorate, rejections);
  const others = state.law.members.filter(
    (member) =>
      member.keys.length > 0 && hasRole(member, electorate.approvers) && !against.includes(member),
  );
  return meetsQuorum(electorate.quorum, others);
}

/**
 * The class whose rule a change is under. Members are guarded when they may propose or approve under the rules
 * of the constitution or of the members: whoever changes one of those, changes the constitution.
 */
export function classOf(law: Constitution, change: Change): ChangeClass {
  if (change.kind === 'policy') return 'policy';
  if (change.kind === 'revocation') {
    const member = law.members.find(({ name }) => name === change.member);
    return member !== undefined && isGuarded(law, member) ? 'constitution' : 'members';
  }
  const isAboutMembers = sameBut(law, change.constitution) && sameGuarded(law, change.constitution);
  return isAboutMembers ? 'members' : 'constitution';
}

function isGuarded({ rules }: Constitution, member: Member): boolean {
  const { constitution, members } = rules;
  return [constitution, members].some(
    (rule) => hasRole(member, rule.authors) || hasRole(member, rule.approvers),
  );
}

// All that is not members is equal.
function sameBut(law: Constitution, next: Constitution): boolean {
  const bytes = (of: Constitution) => encodeCbor(constitutionValue({ ...of, members: [] }));
  return equalBytes(bytes(law), bytes(next));
}

function sameGuarded(law: Constitution, next: Constitution): boolean {
  const texts = (of: Constitution) =>
    of.members
      .filter((member) => isGuarded(law, member))
      .map(({ name, roles, weight, keys }) =>
        JSON.stringify([name, [...roles].sort(), weight, keys.map(formatHex).sort()]),
      )
      .sort();
  return texts(law).join() === texts(next).join();
}

/** Refuses a constitution whose rules nobody could meet; `keys` are those the members would have. */
export function checkRules(law: Constitution): void {
  const names = new Set(law.members.map(({ name }) => name));
  if (names.size !== law.members.length) refuse('member-twice', 'constitution.members');
  for (const changeClass of CHANGE_CLASSES) checkRule(law, changeClass);
  if (law.quarantine !== null) checkElectorate(law, law.quarantine, 'constitution.quarantine');
}

/** Refuses a constitution of which the rule of one class cannot be met. */
export function checkRule(law: Constitution, changeClass: ChangeClass): void {
  const rule = law.rules[changeClass];
  checkRoles(law, rule.authors, `${ruleOf(changeClass)}.authors`);
  checkElectorate(law, rule, ruleOf(changeClass));
}

function checkElectorate(law: Constitution, electorate: Electorate, rule: string): void {
  const { approvers, quorum } = electorate;
  checkRoles(law, approvers, `${rule}.approvers`);
  if (quorum.kind === 'roles') checkRoles(law, [...quorum.roles.keys()], `${rule}.quorum`);
  const able = law.members.filter(({ keys }) => keys.length > 0);
  if (
    !meetsQuorum(
      quorum,
      able.filter((member) => hasRole(member, approvers)),
    )
  )
    refuse('quorum-unreachable', `${rule}.quorum`);
}

function checkRoles(law: Constitution, roles: readonly string[], rule: string): void {
  for (const role of roles) {
    const isHeld = law.members.some(
      (member) => member.keys.length > 0 && member.roles.includes(role),
    );
    if (!isHeld)
      refuse('role-unheld', rule, `no member with a key holds the role ${role}`, { role });
  }
}
