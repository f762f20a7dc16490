import { utf8 } from '@writ/core/bytes';
import type { JsonValue } from '@writ/core/statements/jcs';
import { checkAnswer, checkInventoryItems } from '@writ/policy/engine/answer-check';
import {
  checkConnection,
  redactConnection,
  secretFilter,
} from '@writ/policy/engine/connection-secrets';
import { DriverError, mapDriverError } from '@writ/policy/engine/driver-failure';
import { allowedAddresses, parseAddress } from '@writ/policy/engine/driver-network';
import { driverKey, executionKey } from '@writ/policy/engine/idempotency-key';
import { readManifest } from '@writ/policy/engine/manifest';
import {
  buildAnswer,
  isNoChange,
  minimalPlan,
  planPreview,
  unsupportedDryRun,
} from '@writ/policy/engine/plan-preview';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LAMP, TURN_ON } from './driver-world.ts';

const answers = suite('driver answers');
const KEY = driverKey(TURN_ON, ['verb', 'target_id']);
const PARTS = { ok: true, key: KEY, plan: planPreview('api', ['on']), summary: 'on' };
const json = fc.jsonValue({ maxDepth: 4 });

answers('idempotency key stable over time', () => {
  // Written down once; a change of this value breaks the windows of every node that is updated.
  assert.is(KEY, 'dcaca695f461b0b84d0333f61bb9e346b4b4beaf12029c0ff31714582e809a0b');
  assert.is(driverKey({ ...TURN_ON, params: { other: 1 } }, ['verb', 'target_id']), KEY);
});

answers('two things that differ have two keys, whatever the names of their parameters', () => {
  const seen = new Set<string>();
  const calls = [
    TURN_ON,
    { ...TURN_ON, verb: 'turn-off' },
    { ...TURN_ON, target: 'outlet:2' },
    { ...TURN_ON, capability: 'lamp.blink' },
    { ...TURN_ON, params: { a: null } },
    { ...TURN_ON, params: { a: '1' } },
    { ...TURN_ON, params: { a: 1 } },
    { ...TURN_ON, params: { b: 1 } },
    { ...TURN_ON, params: { a: 1, b: 1 } },
  ];
  for (const call of calls) seen.add(driverKey(call, ['params.a', 'params.b']));
  assert.is(seen.size, calls.length);
  for (const [host, hint] of [
    ['h1', null],
    ['h2', null],
    ['h1', 'hint'],
    ['h1', ''],
  ] as const)
    seen.add(executionKey(host, TURN_ON, [], hint));
  assert.is(seen.size, calls.length + 4);
});

answers('a key does not depend on the order of parameters or of key fields', () => {
  const fields = fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), json);
  fc.assert(
    fc.property(fields, (params) => {
      const call: typeof TURN_ON = { ...TURN_ON, params: JSON.parse(JSON.stringify(params)) };
      const backwards = Object.fromEntries(Object.entries(call.params).reverse());
      const names = Object.keys(params).map((name) => `params.${name}`);
      assert.is(
        driverKey(call, names),
        driverKey({ ...call, params: backwards }, [...names].reverse()),
      );
    }),
  );
});

answers('what buildAnswer makes is an answer', () => {
  const checked = checkAnswer(buildAnswer(TURN_ON, PARTS), TURN_ON, KEY);
  assert.ok('answer' in checked);
  const failed = buildAnswer(TURN_ON, {
    ...PARTS,
    preconditions: [{ check: 'plugged in', ok: false, details: 'it is not' }],
  });
  assert.is(failed.ok, false);
  assert.is(failed.reason, 'it is not');
  assert.ok('answer' in checkAnswer(failed, TURN_ON, KEY));
});

answers('whatever a driver sends is an answer or a mismatch, never an exception', () => {
  const sound: JsonValue = JSON.parse(JSON.stringify(buildAnswer(TURN_ON, PARTS)));
  fc.assert(
    fc.property(fc.anything(), fc.string(), json, (anything, name, value) => {
      assert.ok('problem' in checkAnswer(anything, TURN_ON, KEY));
      assert.ok('problem' in checkAnswer({ ...Object(sound), [`x${name}`]: value }, TURN_ON, KEY));
      checkInventoryItems(anything);
      checkInventoryItems([anything]);
    }),
  );
  const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const deep = { ...Object(sound), plan: { kind: 'api', preview: [JSON.parse(nested)] } };
  assert.ok('problem' in checkAnswer(deep, TURN_ON, KEY));
});

answers('names of the prototype chain do no harm', () => {
  const text = JSON.stringify(buildAnswer(TURN_ON, PARTS)).replace(
    '{',
    '{"__proto__":{"ok":true},',
  );
  assert.ok('problem' in checkAnswer(JSON.parse(text), TURN_ON, KEY));
});

answers('an inventory has canonical ids, each once', () => {
  const item = { id: 'outlet:1', name: 'one', label: 'One', labels: { room: 'a' }, state: 'on' };
  const read = checkInventoryItems([item]);
  assert.equal('items' in read && read.items, [{ ...item, type: 'outlet' }]);
  for (const bad of [
    [item, item],
    [{ ...item, id: 'outlet' }],
    [{ ...item, id: 'lamp:1' }],
    [{ ...item, type: 'vm' }],
    [{ ...item, labels: { room: 1 } }],
    [{ ...item, extra: 1 }],
    {},
  ])
    assert.ok('problem' in checkInventoryItems(bad), JSON.stringify(bad));
});

answers('only two known, equal states are "no change"', () => {
  assert.ok(isNoChange(buildAnswer(TURN_ON, { ...PARTS, from: 'on', to: 'on' })));
  assert.not(isNoChange(buildAnswer(TURN_ON, { ...PARTS, from: 'off', to: 'on' })));
  assert.not(isNoChange(buildAnswer(TURN_ON, PARTS)));
  for (const destructive of [[], ['turn-on']]) {
    const answer = unsupportedDryRun(TURN_ON, { destructive }, KEY);
    assert.not(isNoChange(answer));
    assert.is(answer.severity, destructive.length > 0 ? 'error' : 'warn');
    assert.ok('answer' in checkAnswer(answer, TURN_ON, KEY));
  }
});

answers('a preview is short, and says what it leaves out', () => {
  const plan = planPreview('cli', Array(100).fill('x'.repeat(2000)));
  assert.is(plan.preview.length, 64);
  assert.is(plan.preview.at(-1), '… and 37 more');
  assert.is(String(plan.preview[0]).length, 1001);
  assert.equal(minimalPlan({ ...TURN_ON, params: { b: 2, a: 'x' } }).preview, [
    'lamp.power turn-on outlet:1 a="x" b=2',
  ]);
});

answers('whatever was thrown has a code', () => {
  fc.assert(
    fc.property(fc.anything(), (thrown) => typeof mapDriverError(thrown).code === 'string'),
  );
  assert.is(mapDriverError(new DriverError('target-unknown', 'x')).code, 'target-unknown');
  const hostile = new Proxy(new Error('x'), {
    get: () => {
      throw new Error('no');
    },
  });
  assert.is(mapDriverError(hostile).code, 'driver-failed');
});

const SCHEMA: JsonValue = {
  type: 'object',
  additionalProperties: false,
  properties: {
    user: { type: 'string' },
    key: { type: 'string', secret: true },
    list: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        properties: { name: { type: 'string' }, pin: { type: 'string', secret: true } },
      },
    },
  },
};

answers('secrets are kept out of texts in each way in which messages show them', () => {
  const connection = {
    user: 'op',
    key: 'first line\nsecond "line"',
    list: [{ name: 'a', pin: 'p&ss wörd' }],
  };
  assert.equal(checkConnection(SCHEMA, connection), []);
  const clean = secretFilter(SCHEMA, connection);
  for (const text of [
    connection.key,
    'got first line',
    JSON.stringify(connection),
    `https://x/?p=${encodeURIComponent('p&ss wörd')}`,
  ])
    assert.not.match(clean(text), /first line|second|p&ss|p%26ss/);
  assert.is(clean('the user op'), 'the user op');
  // Cut by somebody who did not know the secrets.
  assert.is(clean('got first li'), 'got [secret]');
  assert.is(clean('got fir'), 'got fir');
  const windows = { ...connection, key: 'first line\r\nsecond line' };
  assert.is(secretFilter(SCHEMA, windows)('first line; second line'), '[secret]; [secret]');
  assert.equal(redactConnection(SCHEMA, { ...connection, kee: 'typo' }), {
    user: 'op',
    key: '[secret]',
    list: [{ name: 'a', pin: '[secret]' }],
    kee: '[secret]',
  });
  assert.is(checkConnection(SCHEMA, { key: 'ab' })[0]?.pointer, '/key');
});

answers(
  'the declared network is filled in from the connection, and from nothing else in it',
  () => {
    const { manifest } = readManifest(
      utf8(`${LAMP}network: ['api.example.org:443', 'connection:/address']\n`),
    );
    if (manifest === undefined) throw new Error('no manifest');
    assert.equal(
      allowedAddresses(manifest, { address: 'Lamp.Example:22', token: 'evil.example:1' }),
      ['api.example.org:443', 'lamp.example:22'],
    );
    assert.equal(allowedAddresses(manifest, { address: '*' }), ['api.example.org:443']);
    const cases = [
      ['https://Example.org/x', 'example.org:443'],
      ['http://10.0.0.1:8080', '10.0.0.1:8080'],
      ['https://[::1]/', '[::1]:443'],
      ['example.org:22', 'example.org:22'],
      ['example.org', undefined],
      ['example.org:0', undefined],
      ['example.org:65536', undefined],
      ['ftp://example.org', undefined],
      ['a b:1', undefined],
    ] as const;
    for (const [text, address] of cases) assert.is(parseAddress(text), address, text);
  },
);

answers(
  'a manifest is read or refused in bounded time, whatever is in it, and every pointer resolves',
  () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2000, unit: 'grapheme' }), (text) => {
        const { findings } = readManifest(utf8(text.toWellFormed()));
        assert.ok(findings.length > 0);
      }),
    );
    const hostile = [
      '- '.repeat(30_000),
      '[',
      '{'.repeat(60_000),
      '? '.repeat(30_000),
      `a: &a [${'*a,'.repeat(10_000)}]`,
      `{${Array.from({ length: 9000 }, (_, i) => `k${i}: 1`).join(',')}}`,
      `a: "${'\\u0041'.repeat(10_000)}"`,
      `a: |\n${' x\n'.repeat(20_000)}`,
      `${' '.repeat(60_000)}a: 1`,
      'a:\n'.repeat(20_000),
    ];
    for (const text of hostile) {
      const start = performance.now();
      assert.ok(readManifest(utf8(text)).findings.length > 0);
      assert.ok(performance.now() - start < 1000, text.slice(0, 20));
    }
    assert.equal(readManifest(new Uint8Array([0xff, 0xfe])).findings[0]?.code, 'manifest-yaml');
  },
);

answers.run();
