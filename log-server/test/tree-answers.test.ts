// Answers that are kept for one checkpoint.

import { utf8 } from '@writ/core/bytes';
import type { CheckpointRecord } from '@writ/log-server/storage/port';
import { type TaggedAnswer, TreeAnswers } from '@writ/log-server/streams/tree-answers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('answers of one checkpoint');

function recordOf(number: number): CheckpointRecord {
  return {
    number,
    size: number,
    root: new Uint8Array(32),
    note: new Uint8Array(0),
    publishedAtMs: 0,
    cause: 'growth',
    quorumMet: true,
    logKeyIds: [],
    witnesses: [],
    softwareVersion: '',
  };
}

function made(text: string): () => Promise<TaggedAnswer> {
  return () => Promise.resolve({ etag: text, body: utf8(text) });
}

test('are made once, and forgotten with their checkpoint', async () => {
  const answers = new TreeAnswers();
  const [old, now] = [recordOf(1), recordOf(2)];
  assert.is((await answers.of(old, 'a', made('one'))).etag, 'one');
  assert.is((await answers.of(old, 'a', made('two'))).etag, 'one');
  assert.is((await answers.of(now, 'a', made('two'))).etag, 'two');
  assert.is(answers.known(old, 'a'), undefined);
  assert.is((await answers.of(old, 'a', made('late'))).etag, 'late');
  assert.is(answers.known(now, 'a')?.etag, 'two');
});

test('of an older checkpoint are not kept in place of newer ones', async () => {
  const answers = new TreeAnswers();
  const [old, now] = [recordOf(1), recordOf(2)];
  const slow = answers.of(old, 'a', async () => {
    await answers.of(now, 'a', made('new'));
    return { etag: 'old', body: utf8('old') };
  });
  assert.is((await slow).etag, 'old');
  assert.is(answers.known(now, 'a')?.etag, 'new');
});

test('take no more room than they may', async () => {
  const answers = new TreeAnswers(10);
  const record = recordOf(1);
  await answers.of(record, 'a', made('123456'));
  await answers.of(record, 'large', made('12345678901'));
  assert.is(answers.known(record, 'large'), undefined);
  assert.is(answers.known(record, 'a')?.etag, '123456');
  await answers.of(record, 'b', made('12345'));
  assert.is(answers.known(record, 'a'), undefined);
  assert.is(answers.known(record, 'b')?.etag, '12345');
});

test.run();
