// writ policy: what authors and approvers sign.

import { basename } from 'node:path';
import { formatHex, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import type { NotBefore, PolicyChange } from '@writ/core/statements/kinds/village';
import { decodeStatement } from '@writ/core/statements/statement';
import type { VillageState } from '@writ/core/streams/village-state';
import { policyId } from '@writ/policy/engine/policy-id';
import {
  inboxPositionAfter,
  type Logged,
  loggedLine,
  positionAfter,
  signAt,
  type View,
  write,
} from '../author.ts';
import { type Answer, type Context, parseId } from '../context.ts';
import { readJson, writeWhole } from '../files.ts';

export async function signPolicy(context: Context): Promise<Answer> {
  const out = context.required('out');
  const key = await context.key();
  const { state } = await context.view();
  const payload = await changeOf(context, state);
  const bytes = signAt(positionAfter(state), payload, key, context.world.nowSeconds());
  await writeWhole(out, bytes);
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

function notBeforeOf(context: Context): { readonly notBefore?: NotBefore } {
  const timeSeconds = context.number('not-before', 0) ?? null;
  const index = context.number('not-before-entry', 0) ?? null;
  return timeSeconds === null && index === null ? {} : { notBefore: { timeSeconds, index } };
}

export async function approvePolicy(context: Context): Promise<Answer> {
  return vote(context, 'approve');
}

export async function activatePolicy(context: Context): Promise<Answer> {
  return vote(context, 'activate');
}

async function vote(context: Context, kind: 'approve' | 'activate'): Promise<Answer> {
  const proposal = parseId(context.operand(0));
  const id = formatHex(proposal);
  const logged = await write(context, ({ state }) => {
    requireOpen(state, id);
    return { kind, proposal };
  });
  return outcome(context, logged, `${kind} ${id}`, id);
}

// The log would refuse as well, but only after somebody signed.
function requireOpen(state: VillageState, id: string): void {
  if (state.proposals.get(id) !== undefined) return;
  const closed = state.closed.find((other) => other.id === id);
  const why = closed === undefined ? 'no proposal of this village' : `${closed.end} already`;
  throw new LogError('statement-refused', `${id} is ${why}`, { refusal: 'proposal-closed' });
}

export async function rollBackPolicy(context: Context): Promise<Answer> {
  const toVersion = context.number('to', 1);
  const reason = context.required('reason');
  if (toVersion === undefined) throw new LogError('usage', 'policy rollback needs --to VERSION');
  const logged = await write(context, ({ state }) => {
    const policy = policyId(`village/${state.village}`, context.operand(0));
    const current = state.policies.get(policy);
    if (current === undefined)
      throw new LogError('not-found', `the village has no policy ${policy}`, { policy });
    const version = current.version + 1;
    return { kind: 'policy-rollback', policy, version, toVersion, reason, ...notBeforeOf(context) };
  });
  return outcome(context, logged, `back to version ${toVersion} of ${context.operand(0)}`);
}

/** Says what the statement came to: in force, or a proposal that waits for others. */
async function outcome(
  context: Context,
  logged: Logged,
  what: string,
  proposal: string = logged.id,
): Promise<Answer> {
  const { state } = await context.view();
  const open = state.proposals.get(proposal);
  const closed = state.closed.find(({ id }) => id === proposal);
  const status = open !== undefined ? 'open' : (closed?.end ?? 'logged');
  const approvals = open?.approvals.map(({ member }) => member) ?? [];
  const waits = open === undefined ? [] : [`waits for approval: writ policy approve ${proposal}`];
  return {
    lines: [loggedLine(`${what} is ${status}`, logged), ...waits],
    result: { ...logged, proposal, status, approvals },
  };
}
