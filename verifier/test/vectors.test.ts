// Logs and proofs that other implementations wrote: the folder of vectors is named by WRIT_VECTORS.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes, parseBase64, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote } from '@writ/core/formats/cosignature';
import { parseVkey } from '@writ/core/formats/key';
import { parseNote } from '@writ/core/formats/note';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { coveringNodes } from '@writ/core/merkle/range';
import { folderSource } from '@writ/verifier/cli/folder';
import { openProof } from '@writ/verifier/entry';
import { hashesOf, readTile } from '@writ/verifier/tiles';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { report } from './command.ts';
import { scratchFolder } from './world.ts';

const test = suite('foreign logs and proofs');
const vectors = process.env['WRIT_VECTORS'];

function foreign(title: string, act: (vectors: string) => unknown): void {
  if (vectors !== undefined) test(title, () => act(vectors) as Promise<void>);
  else if (process.env['WRIT_REQUIRE_ALL'] === undefined)
    console.error(`skipped: ${title} (WRIT_VECTORS is not set)`);
  else test(title, () => assert.unreachable('WRIT_VECTORS is not set'));
}

foreign('gives the expected verdict on every foreign .tlog-proof', (folder) => {
  const file = join(folder, 'reference-generated', 'tlog-proofs.json');
  const cases: {
    desc: string;
    policy: string;
    entry_base64: string;
    tlog_proof: string;
    accept: boolean;
  }[] = JSON.parse(readFileSync(file, 'utf8'));
  assert.ok(cases.length > 50);
  for (const { desc, policy, entry_base64, tlog_proof, accept } of cases) {
    const verify = (): boolean => {
      try {
        const entry = parseBase64(entry_base64) ?? new Uint8Array(0);
        openProof(utf8(tlog_proof), entry, parsePolicy(utf8(policy)));
        return true;
      } catch (error) {
        assert.instance(error, LogError, desc);
        return false;
      }
    };
    assert.is(verify(), accept, desc);
  }
});

foreign('audits a whole foreign log with all its checkpoints', async (folder) => {
  const log = join(folder, 'tessera-testlog');
  const vkey = /vkey (\S+)/.exec(readFileSync(join(log, 'NOTICE'), 'utf8'))?.[1];
  const policy = join(scratchFolder(), 'policy');
  writeFileSync(policy, `log ${vkey}\nquorum none\n`);
  const got = await report(['log', log, '-p', policy]);
  assert.is(got.exit, 0, JSON.stringify(got.error));
  assert.is(got.claim?.facts['size'], '15');
  assert.is(got.claim?.facts['historyChecked'], '16');
  for (let index = 0; index < 15; index++)
    assert.is((await report(['entry', String(index), '--log', log, '-p', policy])).exit, 0);
});

foreign('recomputes the root of a foreign mirror from its tiles', async (folder) => {
  const mirrors = join(folder, 'sunlight-testdata', 'witness', 'mirror');
  const name = readdirSync(mirrors).find((entry) => /^[0-9a-f]{64}$/.test(entry)) ?? '';
  const source = folderSource(join(mirrors, name));
  const meta: { verifier_keys: string[] } = JSON.parse(
    readFileSync(join(mirrors, 'mirror.v0.json'), 'utf8'),
  );
  const note = parseNote(new Uint8Array(readFileSync(join(mirrors, name, 'checkpoint'))));
  assert.is(openNote(note, meta.verifier_keys.map(parseVkey)).length, 1);
  const { size, root } = parseCheckpoint(note.text);
  const [computed, first] = await hashesOf(
    source,
    [coveringNodes(0n, size), [{ level: 8, index: 0n }]],
    size,
  );
  assert.ok(computed !== undefined && equalBytes(computed, root));
  assert.equal(await readTile(source, { level: 1, index: 0n, width: 1 }), first);
});

if (vectors === undefined && process.env['WRIT_REQUIRE_ALL'] === undefined) {
  test('are looked for in the folder that WRIT_VECTORS names', () => {
    assert.is(process.env['WRIT_VECTORS'], undefined);
  });
}

test.run();
