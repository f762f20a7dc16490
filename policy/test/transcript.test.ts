// What nodes answer (spec/policy-api.md section 7): read strictly, and no transcript that contradicts itself.

import { utf8 } from '@writ/core/bytes';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import {
  formatNodeAnswer,
  type InventoryAnswer,
  MAX_NODE_ANSWER_BYTES,
  type NodeFailure,
  nodeAnswerId,
  type Transcript,
  transcriptFacts,
  transcriptSeverity,
} from '@writ/policy/engine/transcript';
import { readNodeAnswer, readNodeRequest } from '@writ/policy/engine/transcript-schema';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('answers of nodes');
const DRIVER = 'ab'.repeat(32);
const ORIGIN = { village: 'north', node: 'a', host: '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11' };

const RESULT: Transcript['results'][number] = {
  ...{ action: 0, target_id: 'vm:101', capability: 'vm.lifecycle', verb: 'shutdown' },
  ...{ driver: DRIVER, ok: true, severity: 'info', rule: null, idempotency_key: 'k' },
  preconditions: [{ check: 'permission', ok: true, details: null }],
  plan: { kind: 'api', preview: ['POST /shutdown', { path: '/x' }] },
  effects: { summary: 'off', per_target: [{ id: 'vm:101', from: 'running', to: 'stopped' }] },
  reason: null,
};

function transcript(changes: Partial<Transcript> = {}): Transcript {
  return {
    ...{ format: 'writ-transcript/v1', ...ORIGIN, version: 3 },
    policy: '3f2d9e0a-51c7-4d3b-8a64-7b1e9c0d5f21',
    ...{ semantic_digest: '11'.repeat(32), ir_digest: '22'.repeat(32), driver: DRIVER },
    ...{ severity: 'info', structural: false, started_ms: 5, ended_ms: 9 },
    used_inventory: { refreshed: true, ts: 4, stale: false, reason: null, override: null },
    ...{ findings: [], results: [RESULT], results_cut: 0 },
    ...changes,
  };
}

const INVENTORY: InventoryAnswer = {
  ...{ format: 'writ-inventory/v1', ...ORIGIN, ts: 7, stale: true, reason: 'a part is old' },
  refreshed: false,
  items: [
    {
      id: 'vm:101',
      type: 'vm',
      name: 'web',
      label: 'VM 101',
      labels: { tier: 'web' },
      state: null,
    },
  ],
  items_cut: 2,
};
const FAILURE: NodeFailure = {
  ...{ format: 'writ-node-failure/v1', ...ORIGIN, code: 'busy', reason: 'later' },
};
const ANSWERS = [transcript(), INVENTORY, FAILURE];

/** The answer as JSON, to be spoilt. */
function jsonOf(answer: object): Record<string, JsonValue> {
  const value: Record<string, JsonValue> = JSON.parse(JSON.stringify(answer));
  return value;
}

const canonical = (value: JsonValue): Uint8Array => utf8(formatCanonicalJson(value));
const refuses = (bytes: Uint8Array, message = ''): void => {
  assert.throws(
    () => readNodeAnswer(bytes),
    (error: Error & { code?: string }) =>
      error.code === 'response-malformed' && error.message.includes(message),
    message,
  );
};

test('every answer reads back as it was written, and its id is that of its bytes', () => {
  for (const answer of ANSWERS) {
    const bytes = formatNodeAnswer(answer);
    assert.equal(readNodeAnswer(bytes), answer);
    assert.match(nodeAnswerId(bytes), /^[0-9a-f]{64}$/);
    assert.equal(formatNodeAnswer(readNodeAnswer(bytes)), bytes);
  }
});

test('an answer that is cut short, goes on, or has another spelling is refused', () => {
  for (const answer of ANSWERS) {
    const bytes = formatNodeAnswer(answer);
    for (let end = 0; end < bytes.length; end += 7) refuses(bytes.subarray(0, end));
    refuses(new Uint8Array([...bytes, 0x20]), 'canonical');
    refuses(utf8(JSON.stringify(answer, null, 1)), 'canonical');
  }
});

test('no flipped bit makes a reader throw anything but a refusal', () => {
  for (const answer of ANSWERS) {
    const bytes = formatNodeAnswer(answer);
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const at = Math.floor(bit / 8);
      const spoilt = bytes.with(at, (bytes[at] ?? 0) ^ (2 ** (bit % 8)));
      try {
        readNodeAnswer(spoilt);
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && error.code === 'response-malformed');
      }
    }
  }
});

test('every member is needed, and no other is allowed', () => {
  for (const answer of ANSWERS) {
    for (const name of Object.keys(answer)) {
      const { [name]: _, ...rest } = jsonOf(answer);
      refuses(canonical(rest));
    }
    refuses(canonical({ ...jsonOf(answer), extra: 1 }));
  }
});

test('values of another kind are refused and named', () => {
  const wrong: readonly (readonly [string, JsonValue])[] = [
    ['host', 'host-1'],
    ['village', 'a/b'],
    ['policy', 'x'],
    ['version', 0],
    ['severity', 'blocker'],
    ['driver', 'zz'],
    ['started_ms', -1],
    ['results', {}],
    ['results_cut', 0.5],
    ['format', 'writ-transcript/v2'],
  ];
  for (const [name, value] of wrong)
    refuses(canonical({ ...jsonOf(transcript()), [name]: value }), name);
});

test('a transcript whose severity is not the worst of its parts is refused', () => {
  const bad = { ...RESULT, ok: false, severity: 'error', reason: 'no route' } as const;
  refuses(formatNodeAnswer(transcript({ results: [bad] })), 'severity');
  refuses(formatNodeAnswer(transcript({ severity: 'warn' })), 'severity');
  const finding = { code: 'inventory-stale', severity: 'warn', stage: 'preflight' } as const;
  const findings = [{ ...finding, path: '/targets', message: 'old' }];
  refuses(formatNodeAnswer(transcript({ findings })), 'severity');
  assert.is(transcriptSeverity({ findings, results: [bad] }), 'error');
  // What found no room may be worse than all that did.
  const cut = transcript({ severity: 'error', results_cut: 4 });
  assert.equal(readNodeAnswer(formatNodeAnswer(cut)), cut);
});

test('a broken driver cannot be told as a sound one', () => {
  const broken = { ...RESULT, ok: false, severity: 'error', rule: 'answer-malformed' } as const;
  const results = [{ ...broken, reason: 'x' }];
  refuses(formatNodeAnswer(transcript({ results, severity: 'error' })), 'structural');
  refuses(formatNodeAnswer(transcript({ structural: true })), 'structural');
  const told = transcript({ results, severity: 'error', structural: true });
  assert.equal(readNodeAnswer(formatNodeAnswer(told)), told);
});

test('results of another driver, results that are there twice, and an end before the start are refused', () => {
  const other = { ...RESULT, driver: 'cd'.repeat(32) };
  refuses(formatNodeAnswer(transcript({ results: [other] })), 'driver');
  refuses(formatNodeAnswer(transcript({ results: [RESULT, RESULT] })), 'twice');
  refuses(formatNodeAnswer(transcript({ started_ms: 10 })), 'ended_ms');
});

test('targets that are there twice or have another type than their id are refused', () => {
  const [item] = INVENTORY.items;
  if (item === undefined) throw new Error('no item');
  refuses(formatNodeAnswer({ ...INVENTORY, items: [item, item] }), 'twice');
  refuses(formatNodeAnswer({ ...INVENTORY, items: [{ ...item, type: 'host' }] }), 'type');
  refuses(formatNodeAnswer({ ...INVENTORY, items: [{ ...item, id: 'vm:007' }] }), 'id');
  refuses(formatNodeAnswer({ ...INVENTORY, ts: null }), 'ts');
});

test('an answer of more than 4 MiB is neither written nor read', () => {
  const results = Array.from({ length: 1100 }, (_, i) => ({
    ...RESULT,
    target_id: `vm:${i}`,
    effects: { summary: 'x'.repeat(4000), per_target: [] },
  }));
  assert.throws(() => formatNodeAnswer(transcript({ results })), /at most/);
  refuses(new Uint8Array(MAX_NODE_ANSWER_BYTES + 1), 'bytes');
});

test('any JSON is an answer or refused with one code', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const document: JsonValue = JSON.parse(JSON.stringify(value));
      refuses(canonical(document));
    }),
  );
});

test('the gates are told what the transcript says, at the time that the log gives it', () => {
  const facts = transcriptFacts('id', transcript({ driver: null, results: [] }), 77);
  assert.equal(facts, {
    ...{ id: 'id', semanticDigest: '11'.repeat(32), driver: '', severity: 'info' },
    ...{ isStructural: false, timeMs: 77 },
  });
});

test('a request is of a version or of a draft, and of nothing else', () => {
  const base = { id: 'ab'.repeat(16), host: ORIGIN.host, deadline_ms: 9 };
  const policy = '3f2d9e0a-51c7-4d3b-8a64-7b1e9c0d5f21';
  const dry = { ...base, kind: 'dry-run', policy, version: 1, draft: null, opening: null };
  assert.equal(readNodeRequest(dry), dry);
  const draft = { ...dry, version: null, draft: 'AA==' };
  assert.equal(readNodeRequest(draft), draft);
  const inventory = { ...base, kind: 'inventory' };
  assert.equal(readNodeRequest(inventory), inventory);
  const wrong = [
    { ...dry, draft: 'AA==' },
    { ...dry, version: null },
    { ...dry, opening: 'AA==' },
    { ...dry, kind: 'execute' },
    { ...inventory, verb: 'shutdown' },
    { ...inventory, id: 'x' },
    null,
    [],
  ];
  for (const request of wrong) assert.throws(() => readNodeRequest(request), /node: /);
});

test.run();
