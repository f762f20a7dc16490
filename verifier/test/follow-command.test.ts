import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeStreamProof } from '@writ/core/streams/stream-proof';
import { decodeEvidence, encodeEvidence } from '@writ/verifier/follow/evidence';
import { FollowError } from '@writ/verifier/follow/fault';
import { followVillage } from '@writ/verifier/follow/follow';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { report, writVerify } from './command.ts';
import {
  change,
  constitution,
  INBOX_STREAM,
  keyOf,
  START,
  VILLAGE,
  VILLAGE_STREAM,
  VillageLog,
} from './village-log.ts';
import { noQuorumText, policy, policyText, scratchFolder } from './world.ts';

const test = suite('explain and evidence');
const folder = scratchFolder();
const file = (name: string): string => join(folder, name);

function write(name: string, bytes: Uint8Array | string): string {
  writeFileSync(file(name), bytes);
  return file(name);
}

function grid(quarantine: boolean): VillageLog {
  const log = new VillageLog();
  log.publish(START);
  const law = quarantine ? constitution(2) : constitution(2, { quarantine: null });
  const create = { kind: 'village-create', name: 'North', constitution: law } as const;
  log.add(VILLAGE_STREAM, create, keyOf('ada'));
  log.add(VILLAGE_STREAM, change(1), keyOf('ben'));
  const proposal = log.states.get(VILLAGE_STREAM)?.head.id ?? new Uint8Array(0);
  log.publish(START + 10);
  log.add(VILLAGE_STREAM, { kind: 'approve', proposal }, keyOf('cid'));
  if (quarantine) log.add(INBOX_STREAM, change(2), keyOf('outsider'));
  log.publish(START + 20);
  return log;
}

const trust = write('trust.policy', policyText);
const log = grid(false);
const page = write('north.follow-page', log.page({ stream: VILLAGE_STREAM, from: 0 }));

test('explain says who, under which constitution and by which rule', async () => {
  const { exit, claim } = await report(['explain', page, '--policy', trust]);
  assert.is(exit, 0);
  assert.match(claim?.text ?? '', /number 2 of village\/north-grid, a approve by cid with key/);
  assert.match(claim?.text ?? '', /the change is in force/);
  assert.is(claim?.facts['member'], 'cid');
  assert.equal(claim?.facts['constitution'], { version: '1', seq: '0', index: '1' });
  assert.is(claim?.facts['logTime'], String(START + 10));
  const first = await report(['explain', page, '--policy', trust, '--seq', '1']);
  assert.is(first.claim?.facts['result'], 'proposed');
  const missing = await report(['explain', page, '--policy', trust, '--seq', '9']);
  assert.is(missing.exit, 4);
});

test('explain says of a stream proof no more than it shows', async () => {
  const { proof } = log.streamProof({ stream: VILLAGE_STREAM, from: 1 });
  const path = write('north.stream-proof', encodeStreamProof(proof));
  const { claim } = await report(['explain', path, '--policy', trust]);
  assert.match(claim?.text ?? '', /which rule admitted it only an evidence file/);
  const absent = log.streamProof({ stream: 'village/nowhere', from: 0 }).proof;
  const gone = write('gone.stream-proof', encodeStreamProof(absent));
  assert.match(
    (await report(['explain', gone, '--policy', trust])).claim?.text ?? '',
    /there is no village\/nowhere/,
  );
});

test('evidence is made of pages, and checked by itself or under a policy', async () => {
  const out = file('a.evidence');
  const made = await report(['evidence', 'make', page, '--policy', trust, '--seq', '2', '-o', out]);
  assert.is(made.exit, 0, made.error?.message);
  const alone = await report(['evidence', 'check', out]);
  assert.is(alone.exit, 0);
  assert.match(
    alone.claim?.text ?? '',
    /^by the policy in the file, which nothing proves: number 2/,
  );
  assert.match(String(alone.claim?.facts['trust']), /^UNPROVEN/);
  assert.equal(alone.claim?.facts['policyInFile'], policyText.trimEnd().split('\n'));
  const own = await report(['evidence', 'check', out, '--policy', trust]);
  assert.is(own.claim?.facts['trust'], 'the policy given is the one in the file');
  const other = write('other.policy', noQuorumText);
  const differs = await report(['evidence', 'check', out, '--policy', other]);
  assert.match(String(differs.claim?.facts['trust']), /the one in the file is another/);
  const explained = await report(['explain', out, '--policy', trust]);
  assert.is(explained.claim?.facts['member'], 'cid');
});

test('evidence of a village with an inbox takes both pages', async () => {
  const open = grid(true);
  const village = write('v.follow-page', open.page({ stream: VILLAGE_STREAM, from: 0 }));
  const short = ['evidence', 'make', village, '--policy', trust, '--out', file('b.evidence')];
  assert.is((await report(short)).exit, 9);
  assert.is((await report(['explain', village, '--policy', trust])).exit, 9);
  const inbox = write(
    'i.follow-page',
    open.page({ stream: INBOX_STREAM, from: 0, since: open.size }),
  );
  const made = await report([...short.slice(0, 3), inbox, ...short.slice(3)]);
  assert.is(made.exit, 0, made.error?.message);
  assert.is((await report(['evidence', 'check', file('b.evidence')])).exit, 0);
});

test('evidence of a fault says what the log did', async () => {
  const bad = grid(false);
  bad.force(bad.sign(VILLAGE_STREAM, change(2), keyOf('stranger')));
  bad.publish(START + 30);
  const env = {
    read: (path: string) => Promise.resolve(bad.read(path)),
    nowSeconds: () => BigInt(START + 40),
  };
  const store = { load: () => Promise.resolve(undefined), save: () => Promise.resolve(true) };
  const error = await followVillage(env, store, policy, VILLAGE).catch((reason: unknown) => reason);
  if (!(error instanceof FollowError) || error.evidence === undefined) throw error;
  const path = write(error.evidence.name, error.evidence.bytes);
  const { claim, exit } = await report(['evidence', 'check', path, '--policy', trust]);
  assert.is(exit, 0);
  assert.match(claim?.text ?? '', /statement-refused: the key belongs to no member of the village/);
  assert.is(claim?.facts['rule'], 'constitution.members');
  const honest = { ...decodeEvidence(error.evidence.bytes), pages: [readFileSync(page)] };
  const slander = write('slander.evidence', encodeEvidence(honest));
  const refuted = await report(['evidence', 'check', slander, '--policy', trust]);
  assert.is(refuted.error?.code, 'evidence-malformed');
  assert.is(refuted.exit, 8);
});

test('explain shows what is behind a seal, when its opening is at hand', async () => {
  const vector = new URL('../../../test-vectors/evidence/valid/private.json', import.meta.url);
  const { input }: { input: { policy: string; evidence: string } } = JSON.parse(
    readFileSync(vector, 'utf8'),
  );
  const path = write('private.evidence', Buffer.from(input.evidence, 'hex'));
  const own = write('private.policy', input.policy);
  const { claim, error } = await report(['explain', path, '--policy', own, '--seq', '1']);
  assert.is(error, null);
  assert.match(claim?.text ?? '', /number 1 of village\/north-grid, a policy-change by ben/);
  const statement = JSON.stringify(claim?.facts['statement']);
  assert.match(statement, '"payload":{"kind":"sealed","commitment":');
  assert.match(statement, '"opened":{"kind":"policy-change"');
  assert.match(statement, 'version 1');
  const clear = await report(['explain', page, '--policy', trust, '--seq', '1']);
  assert.not.match(JSON.stringify(clear.claim?.facts['statement']), '"opened"');
});

test('evidence is refused when a byte is changed, cut off or added', async () => {
  const bytes = readFileSync(file('a.evidence'));
  const changed = Uint8Array.from(bytes);
  for (const at of [0, 5, 40, 700, 1500, bytes.length - 40]) {
    changed[at] = (changed[at] ?? 0) ^ 1;
    const { exit } = await writVerify([
      'evidence',
      'check',
      write('c', changed),
      '-p',
      trust,
      '-q',
    ]);
    // A change of the policy in the file is seen by nobody but the reader of the report.
    assert.ok(exit !== 0 || (at > 20 && at < 700), `byte ${at}`);
    changed[at] = (changed[at] ?? 0) ^ 1;
  }
  for (const cut of [bytes.subarray(0, -1), Buffer.concat([bytes, bytes.subarray(0, 1)])])
    assert.is((await writVerify(['evidence', 'check', write('c', cut), '-q'])).exit, 8);
});

test('wrong words and files are wrong use', async () => {
  for (const args of [
    ['evidence', 'burn', page],
    ['evidence', 'check'],
    ['evidence', 'make', page, '--policy', trust],
    ['evidence', 'make', '--policy', trust, '--out', file('x'), '--village', '../x'],
    ['explain', trust, '--policy', trust],
  ])
    assert.is((await writVerify(args)).exit, 2, args.join(' '));
});

test.run();
