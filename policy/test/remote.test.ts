// What a node does for the log when it is asked (spec/policy-api.md section 7): whose drafts, with whose packages, and
// nothing but trying.

import { formatBase64, parseBase64, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { createSigner, type SignerKey } from '@writ/core/formats/key';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import { encodePayload, type Payload } from '@writ/core/statements/kinds';
import { signStatement } from '@writ/core/statements/statement';
import type { VillageState } from '@writ/core/streams/village-state';
import type { InForce } from '@writ/policy/agent/put-in-force';
import { type DryRunParts, dryRun, tryingPort } from '@writ/policy/agent/remote-dry-run';
import { type DryRunSubject, dryRunSubject } from '@writ/policy/agent/remote-subject';
import type { DriverCall } from '@writ/policy/engine/driver-manifest';
import { type DryRunRequest, formatNodeAnswer } from '@writ/policy/engine/transcript';
import { readNodeAnswer } from '@writ/policy/engine/transcript-schema';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ENGINE_MANIFESTS,
  makeVillage,
  policy,
  policyId,
  snapshotOf,
  verify,
} from './engine-village.ts';
import { answerTo, RecordingDrivers } from './engine-world.ts';
import { HOST_ID, HYPERVISOR, inventoryOf } from './sample-policies.ts';
import { CONSTITUTION, FOUNDER, VILLAGE } from './villages.ts';

const ID = policyId(1);
const BEN = createSigner('ben', 0x01, new Uint8Array(32).fill(8));
const RULE = CONSTITUTION.rules.policy;
/** Ben is a member who may not author policies. */
const TWO = {
  members: [
    ...CONSTITUTION.members,
    { name: 'ben', roles: ['reader'], weight: 1, keys: [BEN.publicKey] },
  ],
};
/** Ada and ben write policies, and both have to approve. */
const STRICT = {
  members: [
    ...CONSTITUTION.members,
    { name: 'ben', roles: ['admin'], weight: 1, keys: [BEN.publicKey] },
  ],
  rules: { ...CONSTITUTION.rules, policy: { ...RULE, quorum: { kind: 'count', k: 2 } as const } },
};

function inForceOf(
  law: object = {},
  documents: ReadonlyMap<string, JsonValue> = new Map(),
): InForce {
  const made = makeVillage(documents, { law, witnessedSeconds: 1_800_000_000 });
  return {
    snapshot: snapshotOf(made),
    verified: verify(made.saved),
    manifests: ENGINE_MANIFESTS,
    missing: new Map(),
  };
}

function stateOf(inForce: InForce): VillageState | null {
  return inForce.verified.state;
}

function draftBy(signer: SignerKey, payload?: Payload, stream = `village/${VILLAGE}`): string {
  const spec = utf8(formatCanonicalJson(policy()));
  const change: Payload = payload ?? { kind: 'policy-change', policy: ID, version: 1, spec };
  const fields = {
    ...{ kind: change.kind, issuer: 'ada', stream, seq: 5, previous: new Uint8Array(32) },
    ...{ issuedAtSeconds: 0, payload: encodePayload(change) },
  };
  const sign = (message: Uint8Array): Uint8Array => signer.signRaw(message);
  return formatBase64(signStatement(fields, { publicKey: signer.publicKey, sign }));
}

function request(fields: Partial<DryRunRequest> = {}): DryRunRequest {
  return {
    ...{ id: '0'.repeat(32), kind: 'dry-run', host: HOST_ID, policy: ID, version: null },
    ...{ draft: null, opening: null, deadline_ms: 0 },
    ...fields,
  };
}

const subject = suite('whose policy is tried');
const none = async (): Promise<undefined> => undefined;

async function reasonOf(asked: Partial<DryRunRequest>, law: object = TWO): Promise<string> {
  const found = await dryRunSubject(request(asked), stateOf(inForceOf(law)), none);
  return 'code' in found ? `${found.code}: ${found.reason}` : '';
}

subject('a draft counts where a member who may author policies signed it', async () => {
  const found = await dryRunSubject(
    request({ draft: draftBy(FOUNDER) }),
    stateOf(inForceOf(TWO)),
    none,
  );
  assert.ok(!('code' in found) && found.mayBringPackage, JSON.stringify(found));
});

subject(
  'a draft of somebody else, of something else, or with a bit flipped does not count',
  async () => {
    const stranger = createSigner('eve', 0x01, new Uint8Array(32).fill(9));
    assert.match(await reasonOf({ draft: draftBy(stranger) }), /^draft-refused: no member/);
    assert.match(await reasonOf({ draft: draftBy(BEN) }), /^draft-refused: no member/);
    assert.match(
      await reasonOf({ draft: draftBy(FOUNDER), policy: policyId(2) }),
      /another policy/,
    );
    const other = draftBy(FOUNDER, undefined, 'village/south-quay');
    assert.match(await reasonOf({ draft: other }), /another stream/);
    assert.match(
      await reasonOf({ draft: 'no base64!' }),
      /^draft-refused: the draft is not base64/,
    );
    assert.match(await reasonOf({ draft: '' }), /^draft-refused/);
    const bytes = parseBase64(draftBy(FOUNDER)) ?? new Uint8Array();
    for (const at of [bytes.length - 1, bytes.length - 70, 40]) {
      const flipped = Uint8Array.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      assert.match(await reasonOf({ draft: formatBase64(flipped) }), /^draft-refused/);
    }
  },
);

subject('one of several who have to agree does not choose a package alone', async () => {
  const found = await dryRunSubject(
    request({ draft: draftBy(FOUNDER) }),
    stateOf(inForceOf(STRICT)),
    none,
  );
  assert.ok(!('code' in found) && !found.mayBringPackage);
});

subject('a version counts where it is the one in force', async () => {
  const inForce = inForceOf({}, new Map([[ID, policy()]]));
  const spec = utf8(formatCanonicalJson(policy()));
  const find = async (): Promise<Uint8Array> => spec;
  const found = await dryRunSubject(request({ version: 1 }), stateOf(inForce), find);
  assert.ok(!('code' in found) && found.version === 1);
  for (const asked of [{ version: 2 }, { version: 1, policy: policyId(2) }]) {
    const refused = await dryRunSubject(request(asked), stateOf(inForce), find);
    assert.is('code' in refused && refused.code, 'policy-unknown');
  }
});

subject.run();

const trying = suite('a dry run for the log');

function partsOf(drivers: RecordingDrivers, more: Partial<DryRunParts> = {}): DryRunParts {
  const fetched = {
    call: drivers.call.bind(drivers),
    manifest: async (): Promise<never> => {
      throw new LogError('not-found', 'no such package');
    },
  };
  return {
    ...{ village: VILLAGE, node: 'ups-17', drivers: tryingPort(fetched), inForce: inForceOf() },
    hosts: [{ id: HOST_ID, driver: 'example.hypervisor', connection: {} }],
    inventory: () => inventoryOf('vm:101', 'vm:102'),
    refresh: async () => undefined,
    ...{ nowMs: () => 1_800_000_000_000, isOver: () => false },
    ...more,
  };
}

function subjectOf(document: JsonValue, mayBringPackage = false): DryRunSubject {
  return { spec: utf8(formatCanonicalJson(document)), version: 1, mayBringPackage };
}

const TWO_TARGETS = { selector: { mode: 'list', value: '101, 102' } };

trying('tries each target and calls nothing', async () => {
  const drivers = new RecordingDrivers();
  const actions = [{ capability_id: 'vm.lifecycle', verb: 'shutdown' }];
  const made = await dryRun(
    partsOf(drivers),
    request({ version: 1 }),
    subjectOf(policy({ actions }, TWO_TARGETS)),
  );
  if ('code' in made) throw new Error(made.reason);
  assert.equal(drivers.calls, []);
  assert.equal(
    drivers.dryRuns.map(({ call }) => call.target),
    ['vm:101', 'vm:102'],
  );
  assert.equal([made.results.length, made.driver, made.structural], [2, HYPERVISOR, false]);
  assert.equal(readNodeAnswer(formatNodeAnswer(made)), JSON.parse(JSON.stringify(made)));
});

trying('even a caller that lies about it cannot make it a real call', async () => {
  const drivers = new RecordingDrivers();
  const { drivers: port } = partsOf(drivers);
  const call: DriverCall = {
    ...{ capability: 'vm.lifecycle', verb: 'shutdown', target: 'vm:101', params: {} },
    dryRun: false,
  };
  const [active] = inForceOf({}, new Map([[ID, policy()]])).snapshot.active;
  if (active === undefined) throw new Error('the policy is not active');
  await port.tryOut(HOST_ID, active.driver, call);
  assert.equal([drivers.calls.length, drivers.dryRuns.length], [0, 1]);
});

trying('what a driver does not keep of its contract is structural, and an error', async () => {
  const drivers = new RecordingDrivers();
  drivers.answer = (call) =>
    call.target === 'vm:101'
      ? {
          failure: {
            ...{ code: 'driver-answer-malformed', severity: 'error', message: 'no' },
            outcome: 'unknown',
          },
        }
      : { answer: answerTo(call, { preconditions: [{ check: 'on', ok: false, details: null }] }) };
  const made = await dryRun(
    partsOf(drivers),
    request({ version: 1 }),
    subjectOf(policy({}, TWO_TARGETS)),
  );
  if ('code' in made) throw new Error(made.reason);
  assert.equal([made.structural, made.severity], [true, 'error']);
  assert.equal(
    made.results.map(({ ok, severity, rule }) => [ok, severity, rule]),
    [
      [false, 'error', 'answer-malformed'],
      [false, 'error', null],
    ],
  );
  readNodeAnswer(formatNodeAnswer(made));
});

trying('answers that are too large for a transcript are cut, and still count', async () => {
  const drivers = new RecordingDrivers();
  drivers.answer = (call) => ({
    answer: answerTo(call, {
      plan: { kind: 'cli', preview: ['x'.repeat(600_000)] },
      severity: call.target === 'vm:102' ? 'warn' : 'info',
    }),
  });
  const made = await dryRun(
    partsOf(drivers),
    request({ version: 1 }),
    subjectOf(policy({}, TWO_TARGETS)),
  );
  if ('code' in made) throw new Error(made.reason);
  assert.equal([made.results.length, made.results_cut], [1, 1]);
  assert.ok(made.severity !== 'info');
  readNodeAnswer(formatNodeAnswer(made));
});

trying('a package that no policy in force names is not fetched for one of several', async () => {
  const document = policy({}, { driver: `sha256:${'c3'.repeat(32)}` });
  const drivers = new RecordingDrivers();
  const refused = await dryRun(partsOf(drivers), request({ draft: '' }), subjectOf(document));
  assert.match(
    'code' in refused ? `${refused.code} ${refused.reason}` : '',
    /^driver-unavailable no policy in force/,
  );
  const tried = await dryRun(partsOf(drivers), request({ draft: '' }), subjectOf(document, true));
  assert.match('code' in tried ? tried.reason : '', /no such package/);
  assert.equal(drivers.dryRuns, []);
});

trying('says why where there is nothing to try', async () => {
  const drivers = new RecordingDrivers();
  const foreign = await dryRun(partsOf(drivers), request({ host: ID }), subjectOf(policy()));
  assert.is('code' in foreign && foreign.code, 'policy-unknown');
  const broken = await dryRun(partsOf(drivers), request(), subjectOf(policy({ actions: [] })));
  assert.match('code' in broken ? broken.reason : '', /does not compile/);
  const late = await dryRun(
    partsOf(drivers, { isOver: () => true }),
    request({ version: 1 }),
    subjectOf(policy()),
  );
  assert.is('code' in late && late.code, 'failed');
});

trying.run();
