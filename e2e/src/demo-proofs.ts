// Second half of the demo: proofs go into files, are verified without a network, and fail once touched.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBase64, formatHex } from '@writ/core/bytes';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { formatNote, parseNote } from '@writ/core/formats/note';
import { formatTlogProof, parseTlogProof, type TlogProof } from '@writ/core/formats/tlog-proof';
import { decodeStatement } from '@writ/core/statements/statement';
import type { Logged, Scene } from './demo-entries.ts';
import type { Home } from './home.ts';
import { offlineVerifier, type Verify } from './offline.ts';
import { firstLine, type Story } from './story.ts';

const PUBLISH_TIMEOUT_MS = 20_000;
const REFUSED_PROOF = 1;
const REFUSED_QUORUM = 3;

/** An entry with its proof, as files that need nothing else. */
export interface Exported extends Logged {
  readonly proof: TlogProof;
  readonly entryPath: string;
  readonly proofPath: string;
}

/** Waits for the cosignatures and writes a proof file for each entry. */
export async function exportProofs(scene: Scene, logged: readonly Logged[]): Promise<Exported[]> {
  const { story, home, log } = scene;
  story.chapter('Three witnesses check that nothing was rewritten, and cosign');
  const last = logged.length - 1;
  await log.waitForProof(last, PUBLISH_TIMEOUT_MS); // so that one checkpoint covers all
  const exported: Exported[] = [];
  for (const entry of logged) {
    const bytes = await log.waitForProof(entry.index, PUBLISH_TIMEOUT_MS);
    const path = join(home.proofsDir, entry.name);
    await writeFile(`${path}.entry`, entry.statement);
    await writeFile(`${path}.tlog-proof`, bytes);
    const paths = { entryPath: `${path}.entry`, proofPath: `${path}.tlog-proof` };
    exported.push({ ...entry, ...paths, proof: parseTlogProof(bytes) });
  }
  const note = parseNote(exported[last]?.proof.checkpoint ?? new Uint8Array());
  const { size, root } = parseCheckpoint(note.text);
  const cosigners = note.signatures.filter(({ name }) => name.includes('/witness-'));
  story.check(
    cosigners.length === 3,
    `checkpoint of ${size} entries, root ${formatBase64(root)}, ${cosigners.length} cosignatures`,
  );
  story.check(exported.length === logged.length, `${exported.length} entries and proofs exported`);
  return exported;
}

/** Verifies every exported proof, then what is left of one after it was tampered with. */
export async function verifyAll(
  { story, home }: Scene,
  exported: readonly Exported[],
): Promise<void> {
  const { isIsolated, verify } = await offlineVerifier();
  const where = isIsolated ? 'in a network namespace with no network' : 'offline, its default';
  story.chapter(`writ-verify checks them ${where}`);
  let verified = 0;
  for (const { entryPath, proofPath, name } of exported) {
    const { exitCode, stderr } = await verify(proofCommand(proofPath, entryPath, home));
    if (exitCode === 0) verified++;
    else story.check(false, `${name}: exit ${exitCode}: ${stderr.trim()}`);
  }
  const ids = exported.map(({ statement }) => formatHex(decodeStatement(statement).id));
  const isEach = verified === exported.length && new Set(ids).size === exported.length;
  story.check(isEach, `${verified} of ${exported.length} proofs verified, exit 0`);
  const victim = exported.at(-1);
  if (victim !== undefined) await tamper(story, home, victim, verify);
}

function proofCommand(proofPath: string, entryPath: string, home: Home): string[] {
  return ['proof', proofPath, '--entry', entryPath, '--policy', home.policyPath];
}

/** Each change on its own, and the exit code that the verifier owes for it. */
async function tamper(story: Story, home: Home, victim: Exported, verify: Verify): Promise<void> {
  story.chapter(`The same for ${victim.name}, after someone changed a little`);
  const { proof, statement } = victim;
  const note = parseNote(proof.checkpoint);
  const fewer = note.signatures.filter(({ name }) => !name.endsWith('/witness-3'));
  const cases = [
    {
      what: 'one bit of the entry',
      entry: flipBit(statement, Math.floor(statement.length / 2)),
      proof,
      exit: REFUSED_PROOF,
    },
    {
      what: 'one bit of the proof',
      entry: statement,
      proof: {
        ...proof,
        hashes: proof.hashes.map((hash, i) => (i === 0 ? flipBit(hash, 7) : hash)),
      },
      exit: REFUSED_PROOF,
    },
    {
      what: 'one cosignature gone',
      entry: statement,
      proof: { ...proof, checkpoint: formatNote({ ...note, signatures: fewer }) },
      exit: REFUSED_QUORUM,
    },
  ];
  for (const { what, entry, proof: changed, exit } of cases) {
    const entryPath = join(home.dir, 'changed.entry');
    const proofPath = join(home.dir, 'changed.tlog-proof');
    await writeFile(entryPath, entry);
    await writeFile(proofPath, formatTlogProof(changed));
    const { exitCode, stderr, stdout } = await verify(proofCommand(proofPath, entryPath, home));
    story.check(exitCode === exit, `${what}: refused, exit ${exitCode}`);
    story.quote(firstLine(stdout === '' ? stderr : stdout));
  }
}

function flipBit(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
}
