// The demo goes on: an auditor, without a network, from files alone: what ran, by whose order, by which version of which
// policy, and that nothing was left out.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes, formatHex, parseUtf8 } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { sha256 } from '@writ/core/sha256';
import { decodePayload, type Payload } from '@writ/core/statements/kinds';
import type { ExecutionIntent, ExecutionOutcome } from '@writ/core/statements/kinds/node';
import { compile } from '@writ/policy/engine/compile';
import { readDriverPackage } from '@writ/policy/engine/driver-package';
import { openStreamProof, type VerifiedStream } from '@writ/verifier/stream';
import { until } from './demo-node.ts';
import { NODE, VILLAGE, type VillageFiles } from './demo-village.ts';
import type { Home } from './home.ts';
import { offlineVerifier } from './offline.ts';
import { firstLine, type Story } from './story.ts';

/** Checks the ledger of the node against the stream of its village. */
export async function auditExecutions(
  story: Story,
  home: Home,
  files: VillageFiles,
  logUrl: string,
): Promise<void> {
  const { isIsolated, verify } = await offlineVerifier();
  const where = isIsolated ? 'in a namespace with no network' : 'offline';
  story.chapter(`An auditor proves it ${where}, from two files`);
  const policy = parsePolicy(await readFile(home.policyPath));
  // Saved once the log has published the end of everything that was begun.
  const isSettled = (bytes: Uint8Array): boolean => {
    const executed = executionsOf(openStreamProof(bytes, policy));
    return executed.length > 0 && executed.every(({ outcome }) => outcome !== undefined);
  };
  const ledgerPath = await save(
    files,
    `${logUrl}/streams/node/${VILLAGE}/${NODE}`,
    'ledger',
    isSettled,
  );
  const villagePath = await save(files, `${logUrl}/streams/village/${VILLAGE}`, 'village');
  for (const path of [ledgerPath, villagePath]) {
    const args = ['stream', path, '--policy', home.policyPath, '--expect', 'complete'];
    const { exitCode, stdout, stderr } = await verify(args);
    story.check(exitCode === 0, `writ-verify stream: exit ${exitCode}, complete`);
    story.quote(firstLine(stdout || stderr));
  }
  const ledger = openStreamProof(await readFile(ledgerPath), policy);
  const village = openStreamProof(await readFile(villagePath), policy);
  const manifests = await manifestsOf(files);
  for (const { intent, outcome } of executionsOf(ledger)) {
    const { policy: id, version, ir, capability, verb, targets, villageSeq } = intent;
    const spec = specOf(village, id, version);
    const document = JSON.parse(parseUtf8(spec) ?? 'null');
    const compiled = compile(document, { policyId: id, version, manifests });
    const isSame = compiled.ok && compiled.digests.ir === formatHex(ir);
    const target = 'plain' in targets ? targets.plain.join(', ') : 'a committed target';
    story.check(
      isSame && outcome?.result === 'succeeded',
      `${capability} ${verb} on ${target}: ${outcome?.result ?? 'no outcome'}, ordered by version ${version} of ` +
        `${id.slice(0, 8)}…, in force at ${villageSeq}; its IR compiles to the digest in the record`,
    );
  }
}

async function save(
  { dir }: VillageFiles,
  url: string,
  name: string,
  isComplete: (bytes: Uint8Array) => boolean = () => true,
): Promise<string> {
  const path = join(dir, `${name}.stream-proof`);
  await until(async () => {
    const response = await fetch(`${url}?from=0&limit=200`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (!response.ok || !isComplete(bytes)) return false;
    await writeFile(path, bytes);
    return true;
  });
  return path;
}

interface Executed {
  readonly intent: ExecutionIntent;
  readonly outcome: ExecutionOutcome | undefined;
}

function executionsOf({ statements }: VerifiedStream): Executed[] {
  const payloads = statements.map((statement) => ({
    id: statement.id,
    payload: decodePayload(statement),
  }));
  const outcomes = payloads.flatMap(({ payload }) =>
    payload.kind === 'execution-outcome' ? [payload] : [],
  );
  return payloads.flatMap(({ id, payload }) => {
    if (payload.kind !== 'execution-intent') return [];
    const outcome = outcomes.find(({ intent }) => equalBytes(intent, id));
    return [{ intent: payload, outcome }];
  });
}

function specOf({ statements }: VerifiedStream, policy: string, version: number): Uint8Array {
  for (const statement of statements) {
    const payload: Payload = decodePayload(statement);
    const isIt = payload.kind === 'policy-change' && payload.policy === policy;
    if (isIt && payload.version === version) return payload.spec;
  }
  return new Uint8Array();
}

async function manifestsOf({
  dir,
}: VillageFiles): Promise<ReadonlyMap<string, ReturnType<typeof readDriverPackage>['manifest']>> {
  const manifests = new Map<string, ReturnType<typeof readDriverPackage>['manifest']>();
  for (const name of ['ssh', 'exec', 'http']) {
    const bytes = await readFile(join(dir, `${name}.writ-driver`)).catch(() => undefined);
    if (bytes === undefined) continue;
    manifests.set(formatHex(sha256(bytes)), readDriverPackage(new Uint8Array(bytes)).manifest);
  }
  return manifests;
}
