// Signatures that are checked while the next statements are judged: the verdict is that of checking each at once.

import { isLogError } from '@writ/core/errors';
import { decodeFollowPage } from '@writ/core/streams/follow-page';
import { type Followed, VillageReading } from '@writ/verifier/follow/reading';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  change,
  constitution,
  keyOf,
  START,
  VILLAGE,
  VILLAGE_STREAM,
  VillageLog,
} from './village-log.ts';
import { policy } from './world.ts';

const test = suite('signatures of many statements');
const LIMITS = {
  statementsPerDay: 1000,
  proposalsOpen: 4,
  specBytes: 1000,
  requestsPerMinute: 1000,
};

function founded(): VillageLog {
  const log = new VillageLog();
  log.publish(START);
  const law = constitution(1, { quarantine: null, limits: LIMITS });
  const create = { kind: 'village-create', name: 'North', constitution: law } as const;
  log.add(VILLAGE_STREAM, create, keyOf('ada'));
  return log;
}

/** A statement of Ben that the rules admit and he did not sign. */
function forge(log: VillageLog, version: number): void {
  const bytes = log.sign(VILLAGE_STREAM, change(version), keyOf('ben'));
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  assert.ok(log.offer(bytes).admitted);
}

function readingOf(log: VillageLog): VillageReading {
  const reading = new VillageReading({ village: VILLAGE, policy });
  for (let want = reading.want; want !== undefined; want = reading.want)
    reading.add(log.page({ ...want, limit: 500 }));
  return reading;
}

async function codeOf(finish: () => Followed | Promise<Followed>): Promise<string> {
  try {
    return `${(await finish()).news.length} statements`;
  } catch (error) {
    return isLogError(error) ? error.code : String(error);
  }
}

async function verdictOf(log: VillageLog): Promise<string> {
  const now = await codeOf(() => readingOf(log).finish());
  assert.is(await codeOf(() => readingOf(log).finishAsync()), now);
  return now;
}

test('all of them hold, and both ways give the same bytes', async () => {
  const log = founded();
  for (let version = 1; version <= 300; version++)
    log.add(VILLAGE_STREAM, change(version), keyOf('ben'));
  log.publish(START + 10);
  assert.is(
    decodeFollowPage(log.page({ stream: VILLAGE_STREAM, from: 0, limit: 500 })).places.length,
    301,
  );
  assert.is(await verdictOf(log), '301 statements');
  const [a, b] = [readingOf(log).finish(), await readingOf(log).finishAsync()];
  assert.equal(a.next, b.next);
  assert.equal(a.news, b.news);
});

test('one that does not hold is found wherever it is', async () => {
  for (const forged of [1, 255, 256, 257, 290]) {
    const log = founded();
    for (let version = 1; version <= 290; version++)
      if (version === forged) forge(log, version);
      else log.add(VILLAGE_STREAM, change(version), keyOf('ben'));
    log.publish(START + 10);
    assert.is(await verdictOf(log), 'statement-bad-signature', String(forged));
  }
});

test('a reading without its pages is the mistake of the caller', async () => {
  const reading = new VillageReading({ village: VILLAGE, policy });
  assert.match(await codeOf(() => reading.finish()), 'RangeError');
  assert.match(await codeOf(() => reading.finishAsync()), 'RangeError');
});

test('the first statement that is wrong decides, whatever is wrong with it', async () => {
  const forgedFirst = founded();
  forge(forgedFirst, 1);
  forgedFirst.force(forgedFirst.sign(VILLAGE_STREAM, change(2), keyOf('stranger')));
  forgedFirst.publish(START + 10);
  assert.is(await verdictOf(forgedFirst), 'statement-bad-signature');
  const refusedFirst = founded();
  refusedFirst.force(refusedFirst.sign(VILLAGE_STREAM, change(1), keyOf('stranger')));
  refusedFirst.publish(START + 10);
  assert.is(await verdictOf(refusedFirst), 'statement-refused');
});

test.run();
