// One statement of the log → the rows that change by it. Pure but for what `ground` answers, which is the log itself.

import type { Payload } from '@writ/core/statements/kinds';
import type { Committed, Ground } from './committed.ts';
import { projectEnd, projectExecution } from './execution-rows.ts';
import { projectHosts } from './host-rows.ts';
import { projectActivation, projectDryRun } from './policy-rows.ts';

/** Takes up one statement. LogError for what an earlier statement holds and cannot be read. */
export async function project(ground: Ground, committed: Committed): Promise<void> {
  const { streamId } = committed.statement;
  if (streamId.family === 'village') await projectVillage(ground, streamId.village, committed);
  else if (streamId.family === 'node') await projectNode(ground, streamId, committed);
}

async function projectVillage(
  ground: Ground,
  village: string,
  { payload, index }: Committed,
): Promise<void> {
  const policy = await policyOf(ground, payload);
  if (policy === undefined) return;
  const version = ground.activated(village, policy, index);
  if (version !== undefined) await projectActivation(ground, { village, policy }, version);
}

/** The policy that a statement may put in force; undefined: none. */
async function policyOf(ground: Ground, payload: Payload): Promise<string | undefined> {
  switch (payload.kind) {
    case 'policy-change':
    case 'policy-disable':
    case 'policy-rollback':
      return payload.policy;
    case 'approve':
    case 'activate':
    case 'quarantine-approve': {
      const { payload: proposal } = await ground.statementOf(payload.proposal);
      return proposal.kind === 'policy-change' ||
        proposal.kind === 'policy-disable' ||
        proposal.kind === 'policy-rollback'
        ? proposal.policy
        : undefined;
    }
    default:
      return undefined;
  }
}

async function projectNode(
  ground: Ground,
  place: { readonly village: string; readonly node: string },
  committed: Committed,
): Promise<void> {
  const { rows } = ground;
  const { village, node } = place;
  const { payload } = committed;
  switch (payload.kind) {
    case 'execution-intent':
    case 'execution-suppressed':
      return projectExecution(rows, { village, node }, payload, committed);
    case 'execution-outcome':
    case 'execution-unknown':
      return projectEnd(rows, payload, committed);
    case 'dry-run':
      return projectDryRun(ground, { village, node }, payload, committed);
    case 'node-hosts':
      return projectHosts(rows, { village, node }, payload, committed);
    default:
  }
}
