// A real log, a reader that follows a village of it, and an auditor who replays its tiles: the same bytes after
// every entry of random histories.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { formatHex, parseHex, utf8 } from '@writ/core/bytes';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import type { Payload } from '@writ/core/statements/kinds';
import type { StreamStates } from '@writ/core/streams/reduce';
import { Replay } from '@writ/core/streams/replay';
import { encodeStreamState } from '@writ/core/streams/state-codec';
import { Dice } from '@writ/e2e/harness/dice';
import { openCheckpoint } from '@writ/verifier/checkpoint';
import { followVillage } from '@writ/verifier/follow/follow';
import type { SavedVillage } from '@writ/verifier/follow/reading';
import { replayLog } from '@writ/verifier/follow/replay-log';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  INBOX,
  LAW,
  LOG_KEY,
  POLICY_ID,
  POLICY_TEXT,
  policy,
  STREAM,
  VILLAGE,
  Watched,
} from './watched-log.ts';

const ATTEMPTS = 120;

const test = suite('a log and those who watch it');

/** What somebody tries next. */
function attempt(dice: Dice, states: StreamStates): readonly [string, string, Payload] {
  const village = states.get(STREAM);
  const inbox = states.get(INBOX);
  if (village?.family !== 'village') throw new RangeError('no village');
  const version = (village.policies.get(POLICY_ID)?.version ?? 0) + 1;
  const spec = utf8(formatCanonicalJson({ notes: dice.word() }));
  const change = { kind: 'policy-change', policy: POLICY_ID, version, spec } as const;
  const member = ['ada', 'ben', 'cid'][dice.between(0, 2)] ?? 'ada';
  const [open] = [...village.proposals].slice(-1);
  const waiting = inbox?.family === 'inbox' ? [...inbox.proposals].slice(-1) : [];
  switch (dice.between(0, 5)) {
    case 0:
      return ['outsider', dice.oneIn(4) ? STREAM : INBOX, change];
    case 1: {
      const [found] = waiting;
      if (found === undefined) return [member, STREAM, change];
      const kind = dice.oneIn(4) ? 'quarantine-reject' : 'quarantine-approve';
      const proposal = parseHex(found[0]) ?? new Uint8Array(0);
      return [member, STREAM, { kind, proposal, digest: found[1].digest }];
    }
    case 2:
    case 3: {
      if (open === undefined) return [member, STREAM, change];
      const kind = dice.oneIn(5) ? 'reject' : 'approve';
      return [member, STREAM, { kind, proposal: parseHex(open[0]) ?? new Uint8Array(0) }];
    }
    default:
      return [member, STREAM, change];
  }
}

function bytesOf(states: Pick<StreamStates, 'get'>): string {
  return [STREAM, INBOX]
    .map((stream) => {
      const state = states.get(stream);
      return state === undefined ? '' : formatHex(encodeStreamState(state));
    })
    .join(' ');
}

test('agree byte for byte', async () => {
  const dice = new Dice(process.env['WRIT_SEED'] ?? 'follow-server');
  const watched = await Watched.start();
  const { service, clock } = watched;
  try {
    const replay = new Replay({ logKey: LOG_KEY.publicKey });
    let saved: SavedVillage | undefined;
    const store = {
      load: () => Promise.resolve(saved),
      save: (_: unknown, next: SavedVillage) => {
        saved = next;
        return Promise.resolve(true);
      },
    };
    const env = {
      read: (path: string) => watched.read(path),
      nowSeconds: () => BigInt(Math.floor(clock.nowMs / 1000)),
    };
    const create = { kind: 'village-create', name: 'North', constitution: LAW } as const;
    assert.ok(await watched.submit('ada', STREAM, create));
    let taken = 1;
    for (let i = 0; i < ATTEMPTS; i++) {
      if (i > 0) taken += (await watched.submit(...attempt(dice, watched.states))) ? 1 : 0;
      if (dice.oneIn(4)) continue;
      clock.nowMs += 1000 * dice.between(0, dice.oneIn(5) ? 700 : 20);
      await service.publisher.publishNow();
      const size = service.publisher.published?.size ?? 0;
      while (replay.size < size)
        replay.add({ index: replay.size, bytes: service.log.readEntry(replay.size) });
      const { state, inbox } = await followVillage(env, store, policy, VILLAGE, { pageLimit: 20 });
      const followed = new Map();
      if (state !== null) followed.set(STREAM, state);
      if (inbox !== null) followed.set(INBOX, inbox);
      const truth = bytesOf(watched.states);
      assert.is(bytesOf(followed), truth, `${dice.seed}: the reader at ${size}`);
      assert.is(bytesOf(replay.states), truth, `${dice.seed}: the replay at ${size}`);
    }
    assert.ok(taken > ATTEMPTS / 3, `only ${taken} were taken`);
    const note = service.publisher.published?.note ?? new Uint8Array(0);
    const checkpoint = openCheckpoint(note, policy);
    const whole = await replayLog(env, checkpoint, { everyStateRoot: true });
    assert.is(bytesOf(whole.states), bytesOf(watched.states));
  } finally {
    await service.close();
  }
});

test('evidence is made from the log and checked without it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'writ-follow-'));
  const watched = await Watched.start();
  const [trust, file] = [join(folder, 'trust.policy'), join(folder, 'a.evidence')];
  try {
    await writeFile(trust, POLICY_TEXT);
    const create = { kind: 'village-create', name: 'North', constitution: LAW } as const;
    assert.ok(await watched.submit('ada', STREAM, create));
    await watched.service.publisher.publishNow();
    const { url } = watched.service;
    const where = ['--log', url, '--online', '--village', VILLAGE];
    await writVerify('evidence', 'make', ...where, '--policy', trust, '--seq', '0', '-o', file);
  } finally {
    await watched.service.close();
  }
  const explained = JSON.parse(await writVerify('explain', file, '--policy', trust, '--json'));
  assert.is(explained.claim.facts.member, 'ada');
  assert.is(explained.claim.facts.result, 'created');
  await rm(folder, { recursive: true });
});

const execute = promisify(execFile);

/** Runs the bundle, which has to end with exit code 0. */
async function writVerify(...args: readonly string[]): Promise<string> {
  const bundle = fileURLToPath(new URL('../../../verifier/dist/writ-verify.js', import.meta.url));
  const { stdout } = await execute(process.execPath, [bundle, ...args]);
  return stdout;
}

test.run();
