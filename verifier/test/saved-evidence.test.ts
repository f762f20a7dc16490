// What an evidence file takes from the memory of its maker convicts nobody.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import { HexMap } from '@writ/core/streams/hex-map';
import { encodeStreamState } from '@writ/core/streams/state-codec';
import type { VillageState } from '@writ/core/streams/village-state';
import { encodeEvidence } from '@writ/verifier/follow/evidence';
import { type News, VillageReading } from '@writ/verifier/follow/reading';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { report } from './command.ts';
import {
  change,
  constitution,
  keyOf,
  START,
  VILLAGE,
  VILLAGE_STREAM,
  VillageLog,
} from './village-log.ts';
import { policy, policyText, scratchFolder } from './world.ts';

const test = suite('evidence with a state that was saved');
const folder = scratchFolder();
const trust = join(folder, 'trust.policy');
writeFileSync(trust, policyText);

/** Makes another state of the one that was saved, which `first` began. */
type Forgery = (state: VillageState, first: News) => VillageState;

/** What `writ-verify` makes of the evidence of a maker who makes up the state it had before the last change. */
async function accused(forge: Forgery, fault: string | null) {
  const log = new VillageLog();
  log.publish(START);
  const law = constitution(1, { quarantine: null });
  log.add(VILLAGE_STREAM, { kind: 'village-create', name: 'N', constitution: law }, keyOf('ada'));
  log.add(VILLAGE_STREAM, change(1), keyOf('ben'));
  log.publish(START + 10);
  const reading = new VillageReading({ village: VILLAGE, policy });
  reading.add(log.page({ stream: VILLAGE_STREAM, from: 0 }));
  const { state, next, checkpoint, news } = reading.finish();
  const [first] = news;
  assert.ok(state && first);
  log.add(VILLAGE_STREAM, change(2), keyOf('ben'));
  log.publish(START + 20);
  const forged = forge(state, first);
  const since = Number(checkpoint.size);
  const path = join(folder, 'made-up.evidence');
  const evidence = {
    village: VILLAGE,
    about: null,
    policy: utf8(policyText),
    clock: null,
    saved: { checkpoint: next.checkpoint, state: encodeStreamState(forged), inbox: null },
    pages: [log.page({ stream: VILLAGE_STREAM, from: forged.head.seq + 1, since })],
    fault,
  };
  writeFileSync(path, encodeEvidence(evidence));
  const ran = await report(['evidence', 'check', path, '--policy', trust]);
  assert.is(ran.exit, 0, ran.error?.message);
  const explained = await report(['explain', path, '--policy', trust]);
  assert.is(explained.claim?.facts['saved'], ran.claim?.facts['saved']);
  assert.is(explained.claim?.facts['shows'], ran.claim?.facts['shows']);
  return ran.claim?.facts ?? {};
}

const noMembers: Forgery = (state) => ({ ...state, keys: HexMap.of([]) });
const onlyFounded: Forgery = (state, { statement: { seq, id }, leafIndex: index }) => {
  return { ...state, head: { seq, id, index } };
};

test('is said to be the word of its maker', async () => {
  const facts = await accused((state) => state, null);
  assert.match(String(facts['saved']), /^UNPROVEN/);
});

test('shows no fault of a log that did none', async () => {
  for (const [forge, fault] of [
    [noMembers, 'statement-refused'],
    [onlyFounded, 'state-root-invalid'],
  ] as const) {
    const facts = await accused(forge, fault);
    assert.match(String(facts['saved']), /^UNPROVEN/);
    assert.match(String(facts['shows']), /^a fault of the log if the maker had the state/, fault);
  }
});

test.run();
