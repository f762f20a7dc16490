import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findVectors, splitArguments } from '../exam.mjs';
import { withRepository } from './scratch-repository.mjs';

const exam = suite('exam');

exam('takes the folder that was named and looks nowhere else', () => {
  withRepository({ 'vectors/run_exam.py': '', 'repo/a': '' }, (root) => {
    assert.is(findVectors(undefined, undefined, `${root}/repo`), `${root}/vectors`);
    assert.is(findVectors(`${root}/vectors`, '/gone', `${root}/repo`), `${root}/vectors`);
    assert.is(findVectors(undefined, `${root}/repo`, `${root}/repo`), undefined);
  });
});

exam('hands other options on to the runner', () => {
  const args = ['--only', 'cbor', '--vectors', 'here'];
  assert.equal(splitArguments(args), { vectors: 'here', rest: ['--only', 'cbor'] });
  assert.equal(splitArguments(['--only', 'cbor']).rest, ['--only', 'cbor']);
  assert.throws(() => splitArguments(['--vectors']), /needs a folder/);
});

exam.run();
