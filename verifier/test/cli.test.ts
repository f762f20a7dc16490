import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatBase64, utf8 } from '@writ/core/bytes';
import { formatVkey } from '@writ/core/formats/key';
import { openForkProof } from '@writ/verifier/fork-proof';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { report, writVerify } from './command.ts';
import {
  logSigner,
  noQuorumText,
  policyText,
  SIGNED_AT,
  SmallLog,
  scratchFolder,
  signer,
  someEntries,
  witnessSigners,
  writeFiles,
} from './world.ts';

const test = suite('writ-verify');
const folder = scratchFolder();
const log = new SmallLog(someEntries(300));
const other = new SmallLog(someEntries(300, ' rewritten', 3));
const put = (name: string, content: Uint8Array | string): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};
const policy = put('trust.policy', policyText);
const noQuorum = put('log.policy', noQuorumText);
const entry = put('entry', log.entries[42] ?? '');
const proof = put('a.tlog-proof', log.proofFile(42n));
const dir = join(folder, 'log');
writeFiles(dir, log.files());
const forkedDir = join(folder, 'forked');
writeFiles(forkedDir, other.files());

test('verifies a proof with exit 0, on paper and as JSON', async () => {
  const args = ['proof', proof, '--policy', policy, '--entry', entry];
  const { exit, stdout, stderr } = await writVerify(args);
  assert.is(exit, 0);
  assert.match(stdout, /^verified: the entry is number 42 of log\.example\/test at size 300/);
  assert.is(stderr, '');
  const { verdict, claim } = await report(args);
  assert.is(verdict, 'verified');
  assert.is(claim?.facts['index'], '42');
  const quiet = await writVerify([...args, '--quiet']);
  assert.equal(quiet, { exit: 0, stdout: '', stderr: '' });
});

test('ends with the exit code of each kind of failure, and says what to do next', async () => {
  const bad = log.proofFile(42n, 300n, { signers: [logSigner] });
  const stranger = signer('log.example/test', 1, 77);
  const wrongKey = put('wrong.policy', `log ${formatVkey(stranger)}\nquorum none\n`);
  const proofArgs = ['--policy', policy, '--entry', entry];
  const cases: [number, string, string, string[]][] = [
    [1, 'failed', 'inclusion-failed', ['proof', proof, '--policy', policy, '--entry', policy]],
    [3, 'quorum', 'quorum-not-met', ['proof', put('q', bad), ...proofArgs]],
    [4, 'absent', 'entry-absent', ['entry', '300', '--log', dir, '--policy', policy]],
    [4, 'absent', 'entry-absent', ['entry', policy, '--log', dir, '--policy', policy]],
    [5, 'stale', 'checkpoint-stale', ['checkpoint', dir, '-p', policy, '--max-age', '0']],
    [7, 'untrusted', 'note-unverified', ['proof', proof, '--policy', wrongKey, '--entry', entry]],
    [8, 'malformed', 'proof-malformed', ['proof', entry, ...proofArgs]],
    [8, 'malformed', 'policy-malformed', ['proof', proof, '--policy', entry, '--entry', entry]],
    [9, 'unverifiable', 'nothing-to-verify', ['proof', proof, '--entry', entry]],
    [9, 'unverifiable', 'nothing-to-verify', ['proof', proof, '--policy', policy]],
    [9, 'unverifiable', 'not-found', ['log', folder, '--policy', policy]],
  ];
  for (const [exit, verdict, code, args] of cases) {
    const got = await report(args);
    const where = args.join(' ');
    assert.is(got.exit, exit, where);
    assert.is(got.verdict, verdict, where);
    assert.is(got.error?.code, code, where);
    assert.is(got.command, args[0]);
  }
});

test('says in words, on the right stream, why evidence is refused and what to do', async () => {
  const { exit, stdout, stderr } = await writVerify(
    ['proof', proof, '-p', policy, '-e', policy],
    {},
  );
  assert.is(exit, 1);
  assert.match(stdout, /^failed: the proof does not lead from the entry to the root/);
  assert.match(stderr, /^next: check that the entry and the proof belong together/);
});

test('points to the line of a malformed file', async () => {
  const text = new TextDecoder().decode(readFileSync(proof));
  const broken = put('broken', text.replace('index 42', 'index 042'));
  const { exit, error } = await report(['proof', broken, '-p', policy, '-e', entry]);
  assert.is(exit, 8);
  assert.is(error?.detail['line'], 2);
});

test('exits 2 for wrong use, on standard error', async () => {
  const cases = [
    [],
    ['unknown'],
    ['proof', proof, '--unknown'],
    ['proof', proof, '-p', policy, '-e', join(folder, 'no-such-file')],
    ['checkpoint', dir, '-p', policy, '--max-age', '1e3'],
    ['checkpoint', 'http://127.0.0.1:1/', '-p', policy],
    ['log', proof, '-p', policy],
  ];
  for (const args of cases) {
    const { exit, stdout, stderr } = await writVerify(args);
    assert.is(exit, 2, args.join(' '));
    assert.is(stdout, '', args.join(' '));
    assert.match(stderr, /^writ-verify: .+\nnext: .+\n$/);
  }
  assert.is((await report(['proof', '--unknown'])).error?.code, 'usage');
});

test('prints help and version with exit 0', async () => {
  const help = await writVerify(['--help']);
  assert.is(help.exit, 0);
  assert.match(help.stdout, 'consistency <old> <new>');
  const one = await writVerify(['log', '--help']);
  assert.match(one.stdout, '--state <FILE>');
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  assert.is((await writVerify(['--version'])).stdout, `writ-verify ${version}\n`);
});

test('reads standard input for `-`, once', async () => {
  const stdin = new Uint8Array(readFileSync(proof));
  const fromStdin = await writVerify(['proof', '-', '-p', policy, '-e', entry], { stdin });
  assert.is(fromStdin.exit, 0);
  const entryFromStdin = await writVerify(['proof', proof, '-p', policy, '--entry', '-'], {
    stdin: log.entries[42] ?? new Uint8Array(0),
  });
  assert.is(entryFromStdin.exit, 0);
});

test('keeps names that look like numbers as they were typed', async () => {
  writeFileSync(join(folder, '0e12'), readFileSync(proof));
  writeFileSync(join(folder, '007'), readFileSync(entry));
  const args = ['proof', '-p', policy, '--entry', '007', '--', '0e12'];
  const { exit, stderr } = await writVerify(args, { cwd: folder });
  assert.is(exit, 0, stderr);
});

test('explains every hash of the path', async () => {
  const { stdout } = await writVerify(['proof', proof, '-p', policy, '-e', entry, '--explain']);
  const steps = stdout.match(/^ok {2}path /gm) ?? [];
  assert.is(steps.length, log.inclusion(42n).length);
  assert.not.match(stdout, '\u001b');
});

test('lets no name of a stranger reach the terminal raw', async () => {
  const hostile = 'evil\u009b31m\u202e';
  const strange = signer(hostile, 1, 8);
  const strangers = new SmallLog(someEntries(2), hostile);
  const note = put('strange', strangers.note(2n, { signers: [strange] }));
  for (const args of [
    ['checkpoint', note, '-p', policy],
    ['key', formatVkey(strange)],
  ]) {
    const { stdout, stderr } = await writVerify(args);
    assert.match(stdout, '\\u009b31m\\u202e');
    assert.not.match(stdout + stderr, /[\u009b\u202e]/);
  }
});

test('proves an entry from the tiles, by index and by bytes, and writes the proof', async () => {
  const out = join(folder, 'made.tlog-proof');
  const byIndex = await report(['entry', '42', '--log', dir, '-p', policy, '--out', out]);
  assert.is(byIndex.exit, 0);
  assert.is((await writVerify(['proof', out, '-p', policy, '-e', entry])).exit, 0);
  const byBytes = await report(['entry', entry, '--log', dir, '-p', policy]);
  assert.is(byBytes.claim?.facts['index'], '42');
  const wrong = await report(['entry', entry, '--index', '41', '--log', dir, '-p', policy]);
  assert.is(wrong.exit, 1);
});

test('verifies consistency with a proof file, with tiles, and without for one size', async () => {
  const [old, now] = [put('old', log.note(99n)), put('new', log.note())];
  const lines = log.consistency(99n).map((hash) => `${formatBase64(hash)}\n`);
  const file = put('consistency', lines.join(''));
  assert.is((await report(['consistency', old, now, '-p', policy, '--proof', file])).exit, 0);
  assert.is((await report(['consistency', old, now, '-p', policy, '--log', dir])).exit, 0);
  assert.is((await report(['consistency', now, dir, '-p', policy])).exit, 0);
  assert.is((await report(['consistency', old, now, '-p', policy])).exit, 9);
  assert.is((await report(['consistency', now, old, '-p', policy, '--log', dir])).exit, 5);
  const short = put('short', lines.slice(1).join(''));
  assert.is((await report(['consistency', old, now, '-p', policy, '--proof', short])).exit, 1);
});

test('writes a fork proof that verifies by itself, for one size and for two', async () => {
  const cases: [Uint8Array, string[]][] = [
    [log.note(), []],
    [log.note(99n), ['--log', forkedDir]],
    [log.note(128n), ['--log', forkedDir]],
    [log.note(99n), ['--proof', putProof(99n)]],
  ];
  for (const [i, [note, how]] of cases.entries()) {
    const file = join(folder, `evidence-${i}`);
    const args = ['consistency', put('seen', note), forkedDir, '-p', policy, ...how];
    const got = await report([...args, '--evidence', file]);
    assert.is(got.exit, 6, JSON.stringify(got.error));
    assert.is(got.error?.detail['evidence'], file);
    openForkProof(new Uint8Array(readFileSync(file)));
    const checked = await report(['fork', file, '-p', policy]);
    assert.is(checked.exit, 0);
    assert.is(checked.claim?.facts['vkey'], formatVkey(logSigner));
  }
});

function putProof(size: bigint): string {
  const lines = other.consistency(size).map((hash) => `${formatBase64(hash)}\n`);
  return put('forked-proof', lines.join(''));
}

test('names the evidence after the log when no file is given, and leaves nothing else', async () => {
  const cwd = scratchFolder();
  const seen = put('seen', log.note());
  const { exit } = await report(['consistency', seen, forkedDir, '-p', policy], { cwd });
  assert.is(exit, 6);
  assert.equal(
    readdirSync(cwd).map((name) => /^fork-[0-9a-f]{8}\.fork-proof$/.test(name)),
    [true],
  );
});

test('still calls it a fork when the evidence cannot be written', async () => {
  const nowhere = join(folder, 'no', 'such', 'folder', 'evidence');
  const seen = put('seen', log.note());
  const got = await report(['consistency', seen, forkedDir, '-p', policy, '--evidence', nowhere]);
  assert.is(got.exit, 6);
  assert.match(got.error?.message ?? '', 'no proof was kept');
});

test('refuses a fork proof about a log that the policy does not list', async () => {
  const cwd = scratchFolder();
  const file = join(cwd, 'evidence');
  const seen = put('seen', log.note());
  await report(['consistency', seen, forkedDir, '-p', policy, '--evidence', file]);
  const foreign = put(
    'foreign.policy',
    `log ${formatVkey(signer('x.example', 1, 3))}\nquorum none\n`,
  );
  assert.is((await report(['fork', file, '-p', foreign])).exit, 7);
  const changed = readFileSync(file, 'utf8').replace('writ-fork-proof/v1', 'writ-fork-proof/v2');
  assert.is((await report(['fork', put('changed', changed)])).exit, 8);
});

test('audits a folder with its history, and refuses one checkpoint that does not fit', async () => {
  const audited = join(folder, 'audited');
  writeFiles(audited, log.files());
  for (const size of [0n, 1n, 128n, 299n, 300n])
    writeFileSync(join(audited, `checkpoint.${size}`), log.note(size, { signers: [logSigner] }));
  const good = await report(['log', audited, '-p', policy]);
  assert.is(good.exit, 0);
  assert.is(good.claim?.facts['historyChecked'], '5');
  writeFileSync(join(audited, 'checkpoint.200'), other.note(200n));
  const file = join(folder, 'history-evidence');
  const forked = await report(['log', audited, '-p', policy, '--evidence', file]);
  assert.is(forked.exit, 6);
  assert.match(forked.error?.message ?? '', /^checkpoint\.200: /);
  openForkProof(new Uint8Array(readFileSync(file)));
});

test('remembers what it saw of a log, and finds a rollback and a fork the next time', async () => {
  const audited = join(folder, 'watched');
  const state = join(folder, 'state.json');
  writeFiles(audited, log.files());
  const args = ['log', audited, '-p', policy, '--state', state];
  assert.is((await report(args)).exit, 0);
  assert.is((await report(args)).exit, 0);
  const saved = readFileSync(state, 'utf8');
  writeFiles(audited, new SmallLog(log.entries.slice(0, 200)).files());
  assert.is((await report(args)).exit, 5);
  writeFiles(audited, other.files());
  assert.is((await report([...args, '--evidence', join(folder, 'state-evidence')])).exit, 6);
  assert.is(readFileSync(state, 'utf8'), saved, 'a refused log changes nothing');
  writeFileSync(state, saved.replace('"version":1', '"version":2'));
  assert.is((await report(args)).exit, 8);
  writeFileSync(state, 'null');
  assert.is((await report(args)).exit, 8);
});

test('verifies a log whose policy asks for no witness', async () => {
  const alone = join(folder, 'alone');
  writeFiles(alone, log.files());
  writeFileSync(join(alone, 'checkpoint'), log.note(300n, { signers: [logSigner] }));
  assert.is((await report(['log', alone, '-p', noQuorum])).exit, 0);
  assert.is((await report(['log', alone, '-p', policy])).exit, 3);
});

test('explains keys and policies', async () => {
  const [witness] = witnessSigners;
  const vkey = witness === undefined ? '' : formatVkey(witness);
  const key = await report(['key', vkey]);
  assert.is(key.claim?.facts['type'], 'ed25519-cosignature');
  assert.is((await report(['key', put('vkey', `${vkey}\n`)])).exit, 0);
  const whole = await report(['key', policy]);
  assert.is(whole.claim?.facts['quorum'], '2 of (w1, w2, w3)');
  assert.is((await report(['key', vkey.replace('w1', 'w2')])).exit, 8);
});

test('says nothing when whoever reads the output stops reading', async () => {
  const line = `exec "$@" --explain | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await writVerify(['proof', proof, '-p', policy, '-e', entry], {
    wrapper: ['bash', '-c', line, 'bash'],
  });
  assert.is(stderr, '');
  assert.is(stdout, '0\n');
});

test('uses no colour and no cursor movement without a terminal', async () => {
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }, { FORCE_COLOR: '' }]) {
    const { stdout, stderr } = await writVerify(['log', dir, '-p', policy], { env });
    assert.not.match(stdout + stderr, '\u001b');
  }
});

test('takes a checkpoint as fresh by the clock of this machine', async () => {
  const note = log.note(300n, { timestampSeconds: BigInt(Math.floor(Date.now() / 1000)) });
  const file = put('fresh', note);
  assert.is((await report(['checkpoint', file, '-p', policy, '--max-age', '600'])).exit, 0);
  const old = put('aged', log.note(300n, { timestampSeconds: SIGNED_AT - 900_000_000n }));
  assert.is((await report(['checkpoint', old, '-p', policy, '--max-age', '600'])).exit, 5);
});

test('runs as well where only the bundle was copied to', async () => {
  const lone = join(scratchFolder(), 'lone.mjs');
  writeFileSync(lone, readFileSync(new URL('../writ-verify.js', import.meta.url)));
  const line = `exec "$0" "${lone}" "\${@:4}"`;
  const { exit } = await writVerify(['proof', proof, '-p', policy, '-e', entry], {
    wrapper: ['bash', '-c', line, process.execPath, 'ignored'],
  });
  assert.is(exit, 0);
});

test('keeps the empty entry and bytes that are no text apart', async () => {
  const raw = new SmallLog([new Uint8Array(0), utf8('x'), Uint8Array.of(0xff, 0)]);
  const rawDir = join(folder, 'raw');
  writeFiles(rawDir, raw.files());
  for (const [i, bytes] of raw.entries.entries()) {
    const got = await report(['entry', put('raw-entry', bytes), '--log', rawDir, '-p', policy]);
    assert.is(got.claim?.facts['index'], String(i));
  }
  assert.is((await report(['entry', '0', '--log', rawDir, '-p', policy, '--statement'])).exit, 8);
});

test.run();
