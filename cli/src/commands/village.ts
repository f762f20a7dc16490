// writ village: founding one, and reading what it is.

import { formatHex } from '@writ/core/bytes';
import { loggedLine, signAt, submit } from '../author.ts';
import { constitutionJson, constitutionOf, foundersConstitution } from '../constitution-file.ts';
import { type Answer, type Context, checkVillage } from '../context.ts';
import { readJson } from '../files.ts';

export async function createVillage(context: Context): Promise<Answer> {
  const village = checkVillage(context.operand(0));
  const key = await context.key();
  const [, file] = context.invocation.operands;
  const constitution =
    file === undefined
      ? foundersConstitution(key, context.value('member') ?? key.name)
      : constitutionOf(await readJson(file, 'constitution'));
  const name = context.value('name') ?? village;
  const position = { stream: `village/${village}`, seq: 0, previous: null };
  const payload = { kind: 'village-create', name, constitution } as const;
  const bytes = signAt(position, payload, key, context.world.nowSeconds());
  const logged = await submit(context, bytes);
  return { lines: [loggedLine(`created village ${village}`, logged)], result: logged };
}

export async function showVillage(context: Context): Promise<Answer> {
  const { state, checkpoint, timeSeconds } = await context.view();
  const { law, constitution, head } = state;
  const policies = [...state.policies].map(([policy, { version, digest, seq, index }]) => ({
    policy,
    version,
    spec: digest === null ? null : formatHex(digest),
    seq,
    index,
  }));
  const proposals = [...state.proposals.values()].map(({ id, change, approvals }) => ({
    id,
    kind: change.kind,
    approvals: approvals.map(({ member }) => member),
  }));
  return {
    lines: [
      `village ${state.village}: ${state.name}`,
      `at seq ${head.seq} under a checkpoint of ${checkpoint.size} entries, log time ${timeSeconds}`,
      `constitution version ${constitution.version} since seq ${constitution.seq}, ${law.visibility}`,
      ...policies.map(
        ({ policy, version, spec }) => `policy ${policy} version ${version}: ${spec ?? 'off'}`,
      ),
      ...proposals.map(
        ({ id, kind, approvals }) =>
          `open proposal ${id} (${kind}), approved by ${approvals.join(', ') || 'nobody'}`,
      ),
    ],
    result: {
      village: state.village,
      name: state.name,
      head: { seq: head.seq, id: formatHex(head.id), index: head.index },
      checkpointSize: String(checkpoint.size),
      timeSeconds,
      constitution: { ...constitution, law: constitutionJson(law) },
      policies,
      proposals,
    },
  };
}

export async function listMembers(context: Context): Promise<Answer> {
  const { state } = await context.view();
  const members = state.law.members.map(({ name, roles, weight, keys }) => ({
    name,
    roles,
    weight,
    keys: keys.map(formatHex),
  }));
  const former = [...state.keys.values()].flatMap(({ member, key, sinceSeq, untilSeq }) =>
    untilSeq === null ? [] : [{ member, key: formatHex(key), sinceSeq, untilSeq }],
  );
  return {
    lines: [
      ...members.map(
        ({ name, roles, weight, keys }) =>
          `${name}: ${roles.join(', ') || 'no role'}, weight ${weight}, ${keys.length} keys`,
      ),
      ...former.map(
        ({ member, untilSeq, key }) => `revoked at seq ${untilSeq}: ${key} of ${member}`,
      ),
    ],
    result: { members, former },
  };
}
