// writ village: founding one, and reading what it is.

import { formatBase64, formatHex, utf8 } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import type { Constitution } from '@writ/core/statements/kinds/constitution';
import { loggedLine, signAt, submit } from '../author.ts';
import { constitutionJson, constitutionOf, foundersConstitution } from '../constitution-file.ts';
import { type Answer, type Context, checkVillage } from '../context.ts';
import { readJson, writeWhole } from '../files.ts';
import { openProposals } from '../proposal.ts';

/** Founds a village: a public one by the id that was typed, a private one by a random id. */
export async function createVillage(context: Context): Promise<Answer> {
  const isPrivate = context.has('private');
  const { operands } = context.invocation;
  if (isPrivate && operands.length > 1)
    throw new LogError('usage', 'a private village takes no ID: it gets a random one');
  const village = isPrivate ? randomId(context) : requireId(operands[0]);
  const key = await context.key();
  const file = operands[isPrivate ? 0 : 1];
  const visibility = isPrivate ? 'private' : 'public';
  const constitution =
    file === undefined
      ? foundersConstitution(key, context.value('member') ?? key.name, visibility)
      : constitutionOf(await readJson(file, 'constitution'));
  requireVisibility(constitution, visibility);
  const name = context.value('name') ?? village;
  const position = { stream: `village/${village}`, seq: 0, previous: null };
  const payload = { kind: 'village-create', name, constitution } as const;
  const { world } = context;
  const signed = signAt(position, payload, key, { world, visibility });
  const logged = await submit(context, signed).catch((error: unknown) => {
    throw isPrivate ? withVillage(error, village) : error;
  });
  const what = `created ${visibility} village ${village}`;
  return { lines: [loggedLine(what, logged)], result: { village, visibility, ...logged } };
}

function requireId(id: string | undefined): string {
  if (id === undefined) throw new LogError('usage', 'village create needs ID, or --private');
  return checkVillage(id);
}

// Nobody typed the id, so whoever is not told it has lost the village, which the log may have.
function withVillage(error: unknown, village: string): unknown {
  if (!isLogError(error)) return error;
  const message = `private village ${village}: ${error.message}`;
  return new LogError(error.code, message, { ...error.detail, village }, error);
}

const ID_BYTES = 16;

// A name would tell strangers what the village is. No dash in front, where it would look like an option.
function randomId(context: Context): string {
  for (;;) {
    const text = formatBase64(context.world.random(ID_BYTES)).replaceAll('=', '');
    const id = text.replaceAll('+', '-').replaceAll('/', '_');
    if (!id.startsWith('-')) return id;
  }
}

function requireVisibility({ visibility }: Constitution, wanted: Constitution['visibility']): void {
  if (visibility === wanted) return;
  const hint =
    visibility === 'private'
      ? 'a private village is created with --private, without an ID'
      : 'a village with --private needs a constitution that says so';
  throw new LogError('usage', `the constitution is ${visibility}: ${hint}`);
}

export async function showVillage(context: Context): Promise<Answer> {
  const view = await context.view();
  const { state, checkpoint, timeSeconds } = view;
  const { law, constitution, head } = state;
  const policies = [...state.policies].map(([policy, { version, digest, seq, index }]) => ({
    policy,
    version,
    spec: digest === null ? null : formatHex(digest),
    seq,
    index,
  }));
  const proposals = openProposals(view);
  const out = context.value('out');
  if (out !== undefined)
    await writeWhole(
      out,
      utf8(`${JSON.stringify(constitutionJson(law), null, 2)}\n`),
      law.visibility,
    );
  return {
    lines: [
      `village ${state.village}: ${state.name}`,
      `at seq ${head.seq} under a checkpoint of ${checkpoint.size} entries, log time ${timeSeconds}`,
      `constitution version ${constitution.version} since seq ${constitution.seq}, ${law.visibility}`,
      ...policies.map(
        ({ policy, version, spec }) => `policy ${policy} version ${version}: ${spec ?? 'off'}`,
      ),
      ...proposals.map(({ id, subject }) => `open proposal ${id}: ${subject}`),
      ...(out === undefined ? [] : [`constitution written to ${out}`]),
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
