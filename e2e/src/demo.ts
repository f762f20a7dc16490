#!/usr/bin/env node
// The main job on real input, start to end, in a temporary folder: sign the policies in examples/, submit them,
// wait for three cosignatures, export proofs, verify them without a network, tamper, audit the whole log.
// Ends with 0 only if every step came out as it should.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogError } from '@writ/core/errors';
import { auditExecutions } from './demo-auditor.ts';
import { random, type Scene, submitExamples, tryTricks } from './demo-entries.ts';
import { refuseLies } from './demo-liar.ts';
import { failTheMains, startNode, startTargets } from './demo-node.ts';
import { exportProofs, verifyAll } from './demo-proofs.ts';
import {
  changePolicy,
  foundVillage,
  growElsewhere,
  prepareVillage,
  type VillageFiles,
} from './demo-village.ts';
import { ensureHome, homeAt } from './home.ts';
import { startInstance } from './instance.ts';
import { readAuthorKey } from './policies.ts';
import { freePorts } from './ports.ts';
import { COMMANDS, runCommand } from './processes.ts';
import { firstLine, Story } from './story.ts';
import { LogClient } from './submission.ts';
import { reasonOf, say } from './talk.ts';

const CHECKPOINT_INTERVAL_MS = 500;
const EXIT_FAILED = 1;

async function main(): Promise<number> {
  const interrupted = interruption(); // before anything runs that somebody has to stop
  const dir = await mkdtemp(join(tmpdir(), 'writ-demo-'));
  const story = new Story('Writ: from a policy to a proof that needs nobody');
  try {
    const home = homeAt(join(dir, 'data'));
    const [logPort = 0] = await freePorts(1);
    await ensureHome(home.dir, { logPort, quorum: 3, random });
    const files = await prepareVillage(home);
    const options = { logPort, checkpointIntervalMs: CHECKPOINT_INTERVAL_MS };
    const instance = await startInstance(home, options);
    try {
      story.chapter('A log and three witnesses, each a process with its own keys and store');
      story.tell(`${instance.url}, origin ${instance.origin}; all three witnesses must cosign`);
      const author = await readAuthorKey(home.authorKeyPath);
      const log = new LogClient(instance.url);
      const scene = { story, home, url: instance.url, log, author };
      await Promise.race([play(scene, files), interrupted, failing(instance.failure)]);
    } finally {
      story.check(await instance.stop(), 'log and witnesses stopped');
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return story.end() ? 0 : EXIT_FAILED;
}

/** Rejects when somebody wants the demo to stop. */
function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(name, () => reject(new LogError('usage', `interrupted by ${name}`)));
  });
  interrupted.catch(() => undefined); // it may come while nobody waits for it yet
  return interrupted;
}

async function failing(failure: Promise<string>): Promise<never> {
  throw new LogError('network-failed', await failure);
}

async function play(scene: Scene, files: VillageFiles): Promise<void> {
  const logged = await submitExamples(scene);
  await tryTricks(scene, logged);
  const exported = await exportProofs(scene, logged);
  await verifyAll(scene, exported);
  await actOnPolicies(scene, files);
  await auditLog(scene);
}

/** From a verified policy to a recorded execution. */
async function actOnPolicies({ story, home, url }: Scene, files: VillageFiles): Promise<void> {
  const targets = await startTargets(files);
  try {
    const machineDriver = targets.sshd === undefined ? 'exec' : 'ssh';
    await foundVillage(story, home, files, { machineDriver });
    const node = await startNode(home, files, targets, url);
    try {
      await failTheMains(story, node, targets);
      await auditExecutions(story, home, files, url);
    } finally {
      story.check((await node.stop()) === 0, 'node stopped');
    }
    await refuseLies(story, home, files, targets, url, {
      policy: () => changePolicy(home, files),
      elsewhere: () => growElsewhere(home),
    });
  } finally {
    await targets.stop();
  }
}

async function auditLog({ story, home, url }: Scene): Promise<void> {
  story.chapter('An auditor re-hashes every entry and tile of the log');
  const args = ['log', url, '--online', '--policy', home.policyPath];
  const { exitCode, stdout, stderr } = await runCommand(COMMANDS.verify, args);
  story.check(exitCode === 0, `the whole log: exit ${exitCode}`);
  story.quote(firstLine(stdout === '' ? stderr : stdout));
}

try {
  process.exitCode = await main();
} catch (error) {
  say('');
  process.stderr.write(`demo: ${reasonOf(error)}\n`);
  process.exitCode = EXIT_FAILED;
}
