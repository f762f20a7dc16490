import { concatBytes, utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { signText } from '@writ/core/formats/cosignature';
import { createSigner, type SignerKey, verifierOf } from '@writ/core/formats/key';
import { formatNote } from '@writ/core/formats/note';
import {
  openReport,
  REPORT_HEADER,
  type ReconciliationReport,
  signReport,
} from '@writ/core/streams/reconciliation-report';
import { reconcile } from '@writ/policy/engine/reconcile';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { localAt, OPTIONS, remoteAt } from './facts.ts';

const NODE = createSigner('node-17.example', 0x01, new Uint8Array(32).fill(7));
const OTHER = createSigner('node-17.example', 0x01, new Uint8Array(32).fill(8));
const REPORT = reconcile(localAt(4), remoteAt(7, 4), OPTIONS);
const SIGNED = signReport(REPORT, NODE);

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isLogError(error) ? error.code : String(error);
  }
  return 'accepted';
}

function noteOf(text: string, signer: SignerKey = NODE): Uint8Array {
  return formatNote({ text, signatures: [signText(signer, text, 0n)] });
}

const report = suite('reconciliation report');

report('reads back what was signed', () => {
  assert.equal(openReport(SIGNED, [verifierOf(NODE)]), REPORT);
});

report('has the same bytes whenever the same is signed', () => {
  const again = reconcile(localAt(4), remoteAt(7, 4), OPTIONS);
  assert.equal(signReport(again, NODE), SIGNED);
});

report('is not believed under another key', () => {
  assert.is(
    codeOf(() => openReport(SIGNED, [verifierOf(OTHER)])),
    'note-unverified',
  );
  assert.is(
    codeOf(() => openReport(SIGNED, [])),
    'note-unverified',
  );
});

report('is refused with any byte cut, added or flipped', () => {
  const keys = [verifierOf(NODE)];
  for (const end of [0, 1, 24, 200, SIGNED.length - 1])
    assert.is.not(
      codeOf(() => openReport(SIGNED.slice(0, end), keys)),
      'accepted',
    );
  assert.is.not(
    codeOf(() => openReport(concatBytes(SIGNED, utf8('x')), keys)),
    'accepted',
  );
  for (let i = 0; i < SIGNED.length; i += 7) {
    const mutant = SIGNED.slice();
    mutant[i] = (mutant[i] ?? 0) ^ 1;
    assert.is.not(
      codeOf(() => openReport(mutant, keys)),
      'accepted',
      `byte ${i}`,
    );
  }
});

const json = JSON.stringify(REPORT);
const BAD: readonly (readonly [title: string, text: string])[] = [
  ['another header', `writ-reconciliation/v2\n{}\n`],
  ['no JSON', `${REPORT_HEADER}\n`],
  ['a third line', `${REPORT_HEADER}\n{}\n{}\n`],
  ['an empty object', `${REPORT_HEADER}\n{}\n`],
  ['JSON that is not canonical', `${REPORT_HEADER}\n${json}\n`],
  ['an array', `${REPORT_HEADER}\n[]\n`],
];
for (const [title, text] of BAD) {
  report(`refuses ${title}, signed or not`, () => {
    assert.is(
      codeOf(() => openReport(noteOf(text), [verifierOf(NODE)])),
      'json-malformed',
    );
  });
}

report('refuses members that are missing, unknown or of another kind', () => {
  for (const change of [
    { class: 'fine' },
    { timeSeconds: -1 },
    { timeSeconds: 1.5 },
    { edits: {} },
    { local: null },
    { selectedHead: { seq: 1, id: 'x', index: 2 } },
    { more: 1 },
    { village: undefined },
  ]) {
    const forged: ReconciliationReport = JSON.parse(JSON.stringify({ ...REPORT, ...change }));
    const bytes = signReport(forged, NODE);
    assert.is(
      codeOf(() => openReport(bytes, [verifierOf(NODE)])),
      'json-malformed',
    );
  }
});

report('is signed by keys for notes alone', () => {
  const witness = createSigner('w.example', 0x04, new Uint8Array(32).fill(9));
  assert.throws(() => signReport(REPORT, witness), RangeError);
});

report('is not handed out when its key fails to sign', () => {
  for (const bytes of [new Uint8Array(64), new Uint8Array(0), OTHER.signRaw(new Uint8Array(1))]) {
    const broken: SignerKey = { ...NODE, signRaw: () => bytes };
    assert.is(
      codeOf(() => signReport(REPORT, broken)),
      'note-bad-signature',
    );
  }
});

report.run();
