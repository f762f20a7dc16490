// writ policy: what authors sign.

import { basename } from 'node:path';
import { concatBytes, formatHex, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import type { PolicyChange } from '@writ/core/statements/kinds/village';
import { decodeStatement } from '@writ/core/statements/statement';
import type { VillageState } from '@writ/core/streams/village-state';
import { policyId } from '@writ/policy/engine/policy-id';
import {
  inboxPositionAfter,
  loggedLine,
  positionAfter,
  signAt,
  type View,
  write,
} from '../author.ts';
import type { Answer, Context } from '../context.ts';
import { readJson, writeWhole } from '../files.ts';
import { notBeforeOf } from '../not-before.ts';
import { outcome } from '../outcome.ts';

export async function signPolicy(context: Context): Promise<Answer> {
  const out = context.required('out');
  const key = await context.key();
  const { state } = await context.view();
  const payload = await changeOf(context, state);
  const { visibility } = state.law;
  const { world } = context;
  const { bytes, opening } = signAt(positionAfter(state), payload, key, { world, visibility });
  const whole = opening === undefined ? bytes : concatBytes(bytes, opening);
  await writeWhole(out, whole, visibility);
  const { seq, id } = decodeStatement(bytes);
  const spec = formatHex(sha256(payload.spec));
  return {
    lines: [`signed version ${payload.version} of ${payload.policy} for seq ${seq}: ${out}`],
    result: { id: formatHex(id), seq, policy: payload.policy, version: payload.version, spec, out },
  };
}

export async function proposePolicy(context: Context): Promise<Answer> {
  const made: PolicyChange[] = [];
  const payloadFor = async ({ state }: View): Promise<PolicyChange> => {
    const change = await changeOf(context, state);
    made.push(change);
    return change;
  };
  const isOutsider = context.has('inbox');
  const logged = isOutsider
    ? await write(context, payloadFor, inboxPositionAfter)
    : await write(context, payloadFor);
  const { policy = '', version = 0 } = made.at(-1) ?? {};
  if (isOutsider) {
    const status = 'quarantined';
    const line = loggedLine(`version ${version} of ${policy} is ${status}`, logged);
    return { lines: [line], result: { ...logged, proposal: logged.id, status } };
  }
  return outcome(context, logged, `version ${version} of ${policy}`);
}

async function changeOf(context: Context, state: VillageState): Promise<PolicyChange> {
  const file = context.operand(0);
  const policy = policyId(`village/${state.village}`, context.value('name') ?? nameOf(file));
  const spec = utf8(formatCanonicalJson(await readJson(file, 'policy')));
  const version = (state.policies.get(policy)?.version ?? 0) + 1;
  return { kind: 'policy-change', policy, version, spec, ...notBeforeOf(context) };
}

function nameOf(file: string): string {
  return basename(file).replace(/\.json$/, '');
}

export async function disablePolicy(context: Context): Promise<Answer> {
  const reason = context.required('reason');
  const logged = await write(context, ({ state }) => {
    const { policy, version } = nextVersion(context, state);
    return { kind: 'policy-disable', policy, version, reason, ...notBeforeOf(context) };
  });
  return outcome(context, logged, `switching ${context.operand(0)} off`);
}

export async function rollBackPolicy(context: Context): Promise<Answer> {
  const toVersion = context.number('to', 1);
  const reason = context.required('reason');
  if (toVersion === undefined) throw new LogError('usage', 'policy rollback needs --to VERSION');
  const logged = await write(context, ({ state }) => {
    const { policy, version } = nextVersion(context, state);
    return { kind: 'policy-rollback', policy, version, toVersion, reason, ...notBeforeOf(context) };
  });
  return outcome(context, logged, `back to version ${toVersion} of ${context.operand(0)}`);
}

/** The version that comes next of the policy that was named, which has to have one. LogError not-found. */
function nextVersion(
  context: Context,
  { village, policies }: VillageState,
): { readonly policy: string; readonly version: number } {
  const policy = policyId(`village/${village}`, context.operand(0));
  const current = policies.get(policy);
  if (current !== undefined) return { policy, version: current.version + 1 };
  throw new LogError('not-found', `the village has no policy ${policy}`, { policy });
}
