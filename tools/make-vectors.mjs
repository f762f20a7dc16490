// Writes test-vectors/: one JSON file a case, <format>/valid/<name>.json and <format>/invalid/<reason>.json.
//
//   node tools/make-vectors.mjs           writes the files and removes what no longer belongs there
//   node tools/make-vectors.mjs --check   only says which files differ; exit code 1 if any does
//
// Everything is deterministic: keys come from fixed seeds, Merkle hashes from the recursive definition of RFC 6962
// in tools/vectors/scenery.mjs. What a case expects is stated here, never read from the code under test.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesIn, repositoryRoot } from './repository-files.mjs';
import { checkpointVectors } from './vectors/checkpoints.mjs';
import { encodingVectors } from './vectors/encodings.mjs';
import { evidenceVectors } from './vectors/evidence.mjs';
import { followPageVectors } from './vectors/follow-page.mjs';
import { forkProofVectors } from './vectors/fork-proof.mjs';
import { manifestVectors } from './vectors/manifests.mjs';
import { nodeVectors } from './vectors/node-records.mjs';
import { noteVectors } from './vectors/notes.mjs';
import { policyVectors } from './vectors/policies.mjs';
import { policyIrVectors } from './vectors/policy-irs.mjs';
import { policySpecVectors } from './vectors/policy-specs.mjs';
import { openingVectors } from './vectors/private-villages.mjs';
import { reportVectors } from './vectors/report.mjs';
import { selectorVectors } from './vectors/selectors.mjs';
import { stateRootFaultVectors } from './vectors/state-root-fault.mjs';
import { statementVectors } from './vectors/statements.mjs';
import { streamIndexVectors } from './vectors/stream-index.mjs';
import { streamProofVectors } from './vectors/stream-proof.mjs';
import { treeVectors } from './vectors/trees.mjs';
import { villageVectors } from './vectors/villages.mjs';

const FOLDER = 'test-vectors';

/** Path below the repository → text, for every vector. */
export function allVectors() {
  const files = new Map();
  const makers = [
    noteVectors,
    checkpointVectors,
    policyVectors,
    treeVectors,
    encodingVectors,
    statementVectors,
    villageVectors,
    nodeVectors,
    openingVectors,
    streamIndexVectors,
    streamProofVectors,
    followPageVectors,
    evidenceVectors,
    forkProofVectors,
    stateRootFaultVectors,
    reportVectors,
    manifestVectors,
    policySpecVectors,
    policyIrVectors,
    selectorVectors,
  ];
  for (const { format, verdict, name, ...vector } of makers.flatMap((make) => [...make()])) {
    const path = `${FOLDER}/${format}/${verdict}/${name}.json`;
    if (files.has(path)) throw new Error(`two vectors are called ${path}`);
    files.set(path, `${JSON.stringify(vector, null, 2)}\n`);
  }
  return files;
}

/** The files that are missing, different or superfluous in the tree below `root`. */
export function staleVectors(root = repositoryRoot) {
  const wanted = allVectors();
  const present = filesIn(root, FOLDER, (path) => path.endsWith('.json'));
  const superfluous = present.filter((path) => !wanted.has(path));
  const differing = [...wanted].filter(
    ([path, text]) => !present.includes(path) || readFileSync(join(root, path), 'utf8') !== text,
  );
  return [...superfluous, ...differing.map(([path]) => path)];
}

function writeVectors() {
  const wanted = allVectors();
  for (const path of staleVectors()) {
    const text = wanted.get(path);
    const target = join(repositoryRoot, path);
    if (text === undefined) rmSync(target);
    else {
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text);
    }
  }
  console.log(`${wanted.size} vectors`);
}

if (import.meta.main ?? process.argv[1]?.endsWith('make-vectors.mjs')) {
  if (process.argv.includes('--check')) {
    const stale = staleVectors();
    for (const path of stale) console.error(`${path}: run node tools/make-vectors.mjs`);
    console.log(
      stale.length === 0 ? 'vectors: all are current' : `vectors: ${stale.length} differ`,
    );
    if (stale.length > 0) process.exitCode = 1;
  } else {
    writeVectors();
  }
}
