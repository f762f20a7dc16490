// The promise of offline verification, kept by the kernel: a network namespace without any interface.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { report, writVerify } from './command.ts';
import { policyText, SmallLog, scratchFolder, someEntries, writeFiles } from './world.ts';

const test = suite('writ-verify without a network');
const NAMESPACE = ['unshare', '-rn'];
const [program = '', ...flags] = NAMESPACE;
const canUnshare = spawnSync(program, [...flags, 'true']).status === 0;
const title = 'verifies proofs, checkpoints and whole folders in an empty network namespace';

if (canUnshare || process.env['WRIT_REQUIRE_ALL'] !== undefined) {
  test(title, async () => {
    const folder = scratchFolder();
    const log = new SmallLog(someEntries(300));
    writeFiles(folder, log.files());
    writeFileSync(join(folder, 'policy'), policyText);
    writeFileSync(join(folder, 'proof'), log.proofFile(7n));
    writeFileSync(join(folder, 'entry'), log.entries[7] ?? '');
    const options = { cwd: folder, wrapper: NAMESPACE };
    const commands = [
      ['proof', 'proof', '-p', 'policy', '-e', 'entry'],
      ['entry', '7', '--log', '.', '-p', 'policy'],
      ['checkpoint', '.', '-p', 'policy'],
      ['log', '.', '-p', 'policy'],
    ];
    for (const args of commands) assert.is((await writVerify(args, options)).exit, 0, args[0]);
    const online = ['checkpoint', 'http://192.0.2.1/', '-p', 'policy', '--online'];
    assert.is((await report(online, options)).verdict, 'io');
  });
} else {
  console.error(`skipped: ${title} (unshare -rn is not permitted here)`);
  test('needs --online before it would touch the network', async () => {
    const { exit } = await writVerify(['checkpoint', 'http://192.0.2.1/', '-p', 'policy']);
    assert.ok(exit === 2 || exit === 9);
  });
}

test.run();
