// What `writ-verify log` says about logs of statements, and what `writ-verify fault` and `writ-verify stream` make of
// files on disk.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { encodeStateRootFault, openStateRootFault } from '@writ/verifier/cli/state-root-fault';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type JsonReport, report } from './command.ts';
import {
  author,
  PUBLISHED,
  type RootFields,
  StatementLog,
  smallStatementLog,
} from './statement-world.ts';
import {
  failsWith,
  noQuorumText,
  policyText,
  SIGNED_AT,
  type Signing,
  SmallLog,
  scratchFolder,
  someEntries,
  writeFiles,
} from './world.ts';

const test = suite('audit of state roots');
const scratch = scratchFolder();
let folders = 0;

function newFolder(): string {
  const folder = join(scratch, String(folders++));
  mkdirSync(folder);
  return folder;
}

interface Written {
  readonly folder: string;
  readonly policy: string;
}

/** The log in a folder, with the checkpoints of its published trees. */
function write(log: StatementLog, published = PUBLISHED, signing: Signing = {}): Written {
  const folder = newFolder();
  const files = log.tree().files();
  files.set('checkpoint', log.tree().note(undefined, signing));
  for (const size of published) {
    files.set(`checkpoints/${size}`, log.tree(size).note());
    for (const [path, bytes] of log.tree(size).files())
      if (path.includes('.p/')) files.set(path, bytes);
  }
  writeFiles(folder, files);
  const policy = join(folder, 'trust.policy');
  writeFileSync(policy, policyText);
  return { folder, policy };
}

function audit({ folder, policy }: Written, ...more: readonly string[]): Promise<JsonReport> {
  return report(['log', folder, '-p', policy, ...more], { cwd: folder });
}

test('recomputes the index and accepts every state root of an honest log', async () => {
  const got = await audit(write(smallStatementLog()));
  assert.is(got.exit, 0, JSON.stringify(got.error));
  assert.is(got.claim?.facts['profile'], 'statements');
  assert.is(got.claim?.facts['streams'], '4');
  assert.is(got.claim?.facts['stateRoots'], '3');
  assert.ok(got.steps.some(({ name, ok }) => name === 'state roots' && ok));
});

test('knows by the first entry whether a log holds statements', async () => {
  const folder = newFolder();
  writeFiles(folder, new SmallLog(someEntries(300)).files());
  const policy = join(folder, 'trust.policy');
  writeFileSync(policy, policyText);
  const raw = await audit({ folder, policy });
  assert.is(raw.claim?.facts['profile'], 'raw');
  assert.is((await audit({ folder, policy }, '--profile', 'statements')).exit, 8);
  assert.is((await audit({ folder, policy }, '--profile', 'what')).exit, 2);
});

/** A log of three published trees whose second state root is as `fields` say. */
function withRoot(fields: RootFields): StatementLog {
  const log = new StatementLog();
  for (const wrong of [undefined, fields, undefined]) {
    log.note('a');
    log.note('b');
    log.stateRoot(wrong);
  }
  return log;
}

interface Found {
  readonly written: Written;
  readonly evidence: string;
}

/** Audits, and answers the evidence that was written. */
async function faultOf(
  log: StatementLog,
  published: readonly number[],
  reason: string,
): Promise<Found> {
  const written = write(log, published);
  const evidence = join(written.folder, 'found.state-root-fault');
  const got = await audit(written, '--evidence', evidence);
  assert.is(got.exit, 1, JSON.stringify(got.error ?? got.claim));
  assert.is(got.error?.code, 'state-root-invalid');
  assert.is(got.error?.detail['reason'], reason);
  assert.is(got.error?.detail['evidence'], evidence);
  return { written, evidence };
}

test('turns each wrong state root into a file that proves it', async () => {
  const time = Number(SIGNED_AT) + 1000;
  const cases: [string, RootFields][] = [
    ['size', { payload: { size: 4 } }],
    ['key', { signer: author }],
    ['time', { payload: { timeSeconds: time } }],
  ];
  for (const [reason, fields] of cases) {
    const { written, evidence } = await faultOf(withRoot(fields), [3, 6, 9], reason);
    const got = await report(['fault', evidence, '-p', written.policy]);
    assert.is(got.exit, 0, JSON.stringify(got.error));
    assert.is(got.claim?.facts['reason'], reason);
    assert.is(got.claim?.facts['index'], '5');
  }
});

test('a wrong index is proved by the file and the entries together', async () => {
  const lie = { payload: { index: new Uint8Array(32).fill(7) } };
  for (const published of [[3, 6, 9], []]) {
    const { written, evidence } = await faultOf(withRoot(lie), published, 'index');
    const alone = await report(['fault', evidence, '-p', written.policy]);
    assert.is(alone.exit, 9);
    const got = await report(['fault', evidence, '-p', written.policy, '--log', written.folder]);
    assert.is(got.exit, 0, JSON.stringify(got.error));
    assert.is(got.claim?.facts['computedStreams'], '3');
  }
  const { evidence } = await faultOf(withRoot({ payload: { streams: 9 } }), [3, 6, 9], 'index');
  assert.ok(readFileSync(evidence).length > 100);
});

test('a tree that ends with something else is a fault', async () => {
  const log = withRoot({});
  log.note('a');
  const { written, evidence } = await faultOf(log, [3, 6, 9], 'form');
  const got = await report(['fault', evidence, '-p', written.policy]);
  assert.is(got.claim?.facts['index'], '9');
});

test('a tree that ends with no statement at all is a fault too', async () => {
  const log = withRoot({});
  log.entries.push(utf8('junk'));
  const { written, evidence } = await faultOf(log, [3, 6, 9], 'form');
  assert.is((await report(['fault', evidence, '-p', written.policy])).exit, 0);
  log.entries.push(log.entries[8] ?? utf8('a state root'));
  const inside = await audit(write(log, [3, 6, 9]));
  assert.is(inside.error?.code, 'statement-malformed');
  assert.is(inside.error?.detail['index'], 9);
});

test('says where a stream has a gap', async () => {
  const log = new StatementLog();
  const first = log.note('a');
  log.note('a');
  log.entries.pop();
  log.statements.pop();
  log.push(first.bytes);
  log.stateRoot();
  const got = await audit(write(log, []));
  assert.is(got.error?.code, 'stream-incomplete');
  assert.is(got.error?.detail['index'], 1);
});

test('a file that shows no fault, or another one, is refused', async () => {
  const log = smallStatementLog();
  const noQuorum = parsePolicy(utf8(noQuorumText));
  const parts = (index: number) => ({
    checkpoint: log.tree().note(),
    leafIndex: index,
    entry: log.entries[index] ?? new Uint8Array(0),
    proof: log.tree().inclusion(BigInt(index)),
  });
  const computed = { root: new Uint8Array(32), streams: 1 };
  const wrong: Uint8Array[] = [
    encodeStateRootFault({ ...parts(11), reason: 'size', computed: null }),
    encodeStateRootFault({ ...parts(7), reason: 'form', computed: null }),
    encodeStateRootFault({ ...parts(2), reason: 'form', computed: null }),
    encodeStateRootFault({ ...parts(11), reason: 'index', computed: null }),
    encodeStateRootFault({ ...parts(11), reason: 'size', computed }),
    Uint8Array.of(0x80),
    Uint8Array.of(0xff),
  ];
  for (const bytes of wrong)
    await failsWith(() => openStateRootFault(bytes, noQuorum), 'state-root-fault-malformed');
  const said = encodeStateRootFault({ ...parts(11), reason: 'index', computed });
  assert.is(openStateRootFault(said, noQuorum).reason, 'index');
  const folder = write(log);
  const file = join(folder.folder, 'lie.state-root-fault');
  writeFileSync(file, said);
  const got = await report(['fault', file, '-p', folder.policy, '--log', folder.folder]);
  assert.is(got.error?.code, 'state-root-fault-malformed');
  for (let length = 0; length < said.length; length += 7)
    await failsWith(
      () => openStateRootFault(said.slice(0, length), noQuorum),
      'state-root-fault-malformed',
    );
});

test('a stream proof with a wrong state root is kept as evidence', async () => {
  const bad = new StatementLog();
  bad.note('a');
  bad.stateRoot({ payload: { timeSeconds: Number(SIGNED_AT) + 1000 } });
  const { folder, policy } = write(bad, []);
  const [file, evidence] = [join(folder, 'a.stream-proof'), join(folder, 'kept')];
  writeFileSync(file, bad.proofFile('audit/a'));
  const got = await report(['stream', file, '-p', policy, '--evidence', evidence]);
  assert.is(got.error?.code, 'state-root-invalid');
  assert.is(got.error?.detail['evidence'], evidence);
  const proved = await report(['fault', evidence, '-p', policy]);
  assert.is(proved.claim?.facts['reason'], 'time');
});

test('the command verifies stream proofs offline, and what was expected of them', async () => {
  const log = smallStatementLog();
  const { folder, policy } = write(log);
  const file = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const whole = file('b.stream-proof', log.proofFile('audit/b'));
  const page1 = file('b1.stream-proof', log.proofFile('audit/b', { limit: 3, size: 12 }));
  const page2 = file('b2.stream-proof', log.proofFile('audit/b', { from: 3 }));
  const absent = file('x.stream-proof', log.proofFile('audit/x'));
  const run = (...args: readonly string[]) => report(['stream', ...args, '-p', policy]);
  const all = await run(whole, '--expect', 'complete', '--stream', 'audit/b');
  assert.is(all.exit, 0, JSON.stringify(all.error));
  assert.is(all.claim?.facts['count'], '5');
  const joined = await run(page1, page2, '--expect', 'complete');
  assert.equal(joined.claim?.facts['statements'], all.claim?.facts['statements']);
  assert.is((await run(page1, '--expect', 'complete')).error?.code, 'stream-incomplete');
  assert.is((await run(page1, '--expect', 'present')).exit, 0);
  assert.is((await run(page2, page1)).exit, 1);
  assert.is((await run(absent)).claim?.facts['present'], false);
  assert.is((await run(absent, '--expect', 'absent')).exit, 0);
  assert.is((await run(absent, '--expect', 'present')).exit, 4);
  assert.is((await run(whole, '--expect', 'absent')).exit, 1);
  assert.is((await run(whole, '--expect', 'nothing')).exit, 2);
  assert.is((await run(whole, '--stream', 'audit/a')).exit, 1);
  assert.is((await run(policy)).exit, 8);
});

test.run();
