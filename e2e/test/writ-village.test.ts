import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Ran, WritWorld } from './writ-world.ts';

const EXAMPLE = fileURLToPath(
  new URL('../../../examples/village/constitution.json', import.meta.url),
);

interface State {
  world: WritWorld;
}

const village = suite<State>('writ in a village that decides together');

village.before.each(async (state) => {
  state.world = await WritWorld.start(['ada', 'ben', 'cleo', 'eve']);
});

village.after.each(async ({ world }) => {
  await world.close();
});

/** Code, or refusal, of a command that has to fail. */
async function refusal(run: Promise<Ran>): Promise<string> {
  const { exit, json } = await run;
  assert.is.not(exit, 0);
  return json.error.detail.refusal ?? json.error.code;
}

async function found(world: WritWorld): Promise<void> {
  await world.done('ada', 'village', 'create', 'north-quay', await world.constitution());
}

/** The constitution in force as a file, changed by `change`. */
async function changed(
  world: WritWorld,
  // biome-ignore lint/suspicious/noExplicitAny: JSON as a user edits it
  change: (law: any) => void,
): Promise<string> {
  const file = world.path('law.json');
  await world.done('ada', 'village', 'show', '--out', file);
  const law = JSON.parse(await readFile(file, 'utf8'));
  change(law);
  return world.write('law.json', law);
}

village('a file of the constitution in force amends nothing', async ({ world }) => {
  await found(world);
  const file = await changed(world, (law) => {
    law.members.reverse();
    law.members[0].keys.reverse();
  });
  const { status, changes } = await world.done(
    'ada',
    ...['village', 'amend', file, '--propose', '--reason', 'none'],
  );
  assert.equal([status, changes], ['unchanged', []]);
});

village('an amendment is shown, then proposed, then approved', async ({ world }) => {
  await found(world);
  const file = await changed(world, (law) => {
    law.members.push(world.member('cleo', ['author']));
    law.limits.proposalsOpen = 5;
  });
  const shown = await world.done('ada', 'village', 'amend', file);
  assert.equal([shown.status, shown.class, shown.version], ['preview', 'constitution', 1]);
  assert.equal(
    shown.changes.map(({ pointer, kind }: { pointer: string; kind: string }) => [kind, pointer]),
    [
      ['changed', '/limits/proposalsOpen'],
      ['added', '/members/cleo'],
    ],
  );
  assert.equal((await world.done('ada', 'village', 'proposals')).proposals, []);
  assert.is(await refusal(world.writ('ada', 'village', 'amend', file, '--propose')), 'usage');

  const propose = ['village', 'amend', file, '--propose', '--reason', 'cleo joins'];
  assert.is(await refusal(world.writ('cleo', ...propose)), 'author-not-member');
  const { proposal, status } = await world.done('ada', ...propose);
  assert.is(status, 'open');
  const { proposals } = await world.done('ben', 'village', 'proposals', proposal);
  const [{ approvals, missing, mayApprove, waitsFor, changes }] = proposals;
  assert.equal(
    { approvals, missing, mayApprove, waitsFor },
    {
      approvals: ['ada'],
      missing: [{ kind: 'approvals', count: 1 }],
      mayApprove: ['ben'],
      waitsFor: 'approval',
    },
  );
  assert.equal(changes, shown.changes);
  assert.is((await world.done('ben', 'policy', 'approve', proposal)).status, 'activated');
  const { members } = await world.done('eve', 'village', 'members');
  assert.equal(
    members.map(({ name }: { name: string }) => name),
    ['ada', 'ben', 'cleo'],
  );
});

village('what could never work is refused before anything is sent', async ({ world }) => {
  await found(world);
  const cases = [
    // biome-ignore lint/suspicious/noExplicitAny: JSON as a user edits it
    [(law: any) => law.rules.policy.approvers.push('auditor'), 'role-unheld'],
    // biome-ignore lint/suspicious/noExplicitAny: JSON as a user edits it
    [(law: any) => Object.assign(law.rules.members.quorum, { k: 3 }), 'quorum-unreachable'],
    // biome-ignore lint/suspicious/noExplicitAny: JSON as a user edits it
    [(law: any) => law.members[1].keys.push(law.members[0].keys[0]), 'key-shared'],
    // biome-ignore lint/suspicious/noExplicitAny: JSON as a user edits it
    [(law: any) => law.members.push({ ...law.members[0], keys: [] }), 'member-twice'],
  ] as const;
  for (const [change, code] of cases) {
    const file = await changed(world, change);
    assert.is(await refusal(world.writ('ada', 'village', 'amend', file)), code);
  }
});

village('what was looked at is not proposed over another constitution', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const mine = await changed(world, (law) => {
    law.recordDenials = true;
  });
  const other = await world.write('other.json', {
    ...JSON.parse(await readFile(mine, 'utf8')),
    staleness: { mode: 'freeze', maxSeconds: 60 },
  });
  const amend = ['--propose', '--reason', 'both'];
  let isMeanwhile = false;
  world.lie = async (path, honest) => {
    if (!path.startsWith('/add') || isMeanwhile) return honest();
    isMeanwhile = true;
    await world.done('ada', 'village', 'amend', other, ...amend);
    return honest();
  };
  const late = await world.writ('ada', 'village', 'amend', mine, ...amend);
  assert.match(late.json.error.message, 'amended meanwhile');
  const { constitution } = await world.done('ada', 'village', 'show');
  assert.equal([constitution.version, constitution.law.staleness.mode], [2, 'freeze']);
});

village('a proposal can be rejected, and taken back by its author alone', async ({ world }) => {
  await found(world);
  const propose = async (version: number): Promise<string> => {
    const file = await world.write('lab.json', { version });
    return (await world.done('ada', 'policy', 'propose', file)).proposal;
  };
  const first = await propose(1);
  assert.is((await world.done('ben', 'policy', 'reject', first)).status, 'rejected');
  assert.is(await refusal(world.writ('ben', 'policy', 'approve', first)), 'proposal-closed');

  const second = await propose(2);
  assert.is(await refusal(world.writ('ben', 'policy', 'withdraw', second)), 'author-not-proposer');
  assert.is((await world.done('ada', 'policy', 'withdraw', second)).status, 'withdrawn');
  assert.is(
    await refusal(world.writ('ben', 'policy', 'withdraw', '0'.repeat(64))),
    'proposal-unknown',
  );
});

village('a policy is switched off, and on again as a new version', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const off = ['policy', 'disable', 'lab', '--reason', 'moved out'];
  assert.is(await refusal(world.writ('ada', ...off)), 'not-found');
  const file = await world.write('lab.json', { version: 1 });
  await world.done('ada', 'policy', 'propose', file);
  assert.is((await world.done('ada', ...off)).status, 'activated');
  const state = async (): Promise<unknown[]> => {
    const { policies } = await world.done('ada', 'village', 'show');
    return [policies[0].version, policies[0].spec === null];
  };
  assert.equal(await state(), [2, true]);
  await world.done('ada', 'policy', 'propose', file);
  assert.equal(await state(), [3, false]);
});

village('a proposal shows what it would change in a policy', async ({ world }) => {
  await found(world);
  const propose = async (spec: object): Promise<string> => {
    const file = await world.write('lab.json', spec);
    return (await world.done('ada', 'policy', 'propose', file)).proposal;
  };
  await world.done('ben', 'policy', 'approve', await propose({ at: '20:30', hosts: ['a'] }));
  const open = await propose({ at: '21:00', hosts: ['a'] });
  const { proposals } = await world.done('ben', 'village', 'proposals', open);
  assert.equal(proposals[0].changes, [
    { pointer: '/at', kind: 'changed', before: '20:30', after: '21:00' },
  ]);
});

village('one ends one’s own key at once, and another’s with the others', async ({ world }) => {
  const members = ['ada', 'ben', 'cleo'].map((name) => world.member(name, ['author']));
  await world.done('ada', 'village', 'create', 'north-quay', await world.constitution({ members }));
  const revoke = (key: string): string[] => ['key', 'revoke', key, '--reason', 'lost'];

  const asked = await world.done('ada', ...revoke(world.vkey('cleo')));
  assert.equal([asked.member, asked.status, asked.missing.length], ['cleo', 'open', 1]);
  const { proposals } = await world.done('ada', 'village', 'proposals');
  assert.match(proposals[0].subject, 'of cleo');
  await world.done('ben', 'policy', 'approve', asked.proposal);
  const file = await world.write('lab.json', {});
  assert.is(await refusal(world.writ('cleo', 'policy', 'propose', file)), 'key-revoked');
  assert.is(await refusal(world.writ('ada', ...revoke(world.vkey('cleo')))), 'key-revoked');

  // By its key id: the last key but one of the members who can amend is not to be revoked.
  const { keyId } = await world.done('ben', 'key', 'show', world.path('ben.key'));
  assert.is(await refusal(world.writ('ben', ...revoke(keyId))), 'quorum-unreachable');
  await world.done('ben', 'key', 'rotate', '--out', world.path('ben-2.key'));
  const own = await world.done('ben', ...revoke(keyId));
  assert.equal([own.member, own.status], ['ben', 'revoked']);
  assert.is(await refusal(world.writ('ada', ...revoke(world.vkey('eve')))), 'not-found');
  assert.is(await refusal(world.writ('ada', ...revoke('5f0c'))), 'usage');
});

village('the example of a constitution founds a village', async ({ world }) => {
  const text = await readFile(EXAMPLE, 'utf8');
  const untouched = await world.writ('ada', 'village', 'create', 'north-quay', EXAMPLE);
  assert.is(untouched.json.error.code, 'key-malformed');
  const file = world.path('village.json');
  const law = JSON.parse(
    text.replaceAll(/what `writ key show (\w+)\.key` prints/g, (_, name: string) =>
      world.vkey(name),
    ),
  );
  await world.write('village.json', law);
  await world.done('ada', 'village', 'create', 'north-quay', file);

  const spec = await world.write('lab.json', { version: 1 });
  const { proposal } = await world.done('ada', 'policy', 'propose', spec);
  assert.is((await world.done('ben', 'policy', 'approve', proposal)).status, 'activated');
  law.limits.statementsPerDay = 500;
  await world.write('village.json', law);
  const amend = ['village', 'amend', file, '--propose', '--reason', 'calmer'];
  const { proposal: amendment, missing } = await world.done('ben', ...amend);
  assert.equal(missing, [{ kind: 'role', role: 'auditor', count: 1 }]);
  assert.is((await world.done('cleo', 'policy', 'approve', amendment)).status, 'activated');
});

village.run();
