// The description and the running application say the same: every documented route and status happens, and
// nothing happens that is not documented.

import { readFileSync } from 'node:fs';
import { concatBytes, formatHex } from '@writ/core/bytes';
import { ERROR_CODES, LogError } from '@writ/core/errors';
import { leafHash } from '@writ/core/merkle/hash';
import { sha256 } from '@writ/core/sha256';
import { ERROR_STATUS } from '@writ/log-server/http/errors';
import { ROUTES } from '@writ/log-server/http/routes';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AppWorld, appWorld, COSE, post, SEQUENCE } from './app-world.ts';
import { BLOB_ANSWERS, OPENINGS, readOpening } from './blob-answers.ts';
import { POLICY_ANSWERS } from './policy-answers.ts';
import { sealedOf } from './private-world.ts';
import { change, constitution, moveOf, statementOf } from './village-statements.ts';
import { addEntries, noteStatement } from './world.ts';

interface Described {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { content?: Readonly<Record<string, unknown>> }>>;
  readonly parameters?: readonly { name: string; in: string; required: boolean }[];
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}

const test = suite('openapi');

/** A world in which every answer can be provoked, and what provokes it. */
type Provoke = (world: AppWorld) => Promise<Response>;
const fails = (world: AppWorld, code: LogError['code']): void => {
  const refuse = (): never => {
    throw new LogError(code, 'provoked');
  };
  Object.assign(world.log, { add: refuse, addMany: refuse });
};
const breakLog = (world: AppWorld): void => {
  const fail = (): never => {
    throw new Error('provoked');
  };
  const parts = ['readEntry', 'readTile', 'readBundle', 'proveInclusion', 'proveConsistency'];
  for (const name of [...parts, 'findLeaf', 'streamHead', 'add', 'addMany'])
    Object.assign(world.log, { [name]: fail });
  world.log.store.readCheckpoints = fail;
};
const breakPublisher = (world: AppWorld): void => {
  Object.defineProperty(world.publisher, 'published', {
    get: () => {
      throw new Error('provoked');
    },
  });
};
const submit: Provoke = ({ request }) => request('/add', post(noteStatement(0, null), COSE));
const batch: Provoke = ({ request }) =>
  request('/add-batch', post(noteStatement(0, null), SEQUENCE));
const failing =
  (code: LogError['code'], then: Provoke): Provoke =>
  (world) => {
    fails(world, code);
    return then(world);
  };
const broken =
  (path: string): Provoke =>
  (world) => {
    breakLog(world);
    return world.request(path);
  };
const get =
  (path: string, headers: Record<string, string> = {}): Provoke =>
  ({ request }) =>
    request(path, { headers });
const LEAF = '/leaf/0000000000000000000000000000000000000000000000000000000000000000';

const FOUNDED = statementOf(
  'village/north',
  { kind: 'village-create', name: 'North', constitution: constitution() },
  'ada',
  undefined,
);
const CHANGE = change(1);
/** A village with one policy. */
const VILLAGE = [
  FOUNDED,
  statementOf('village/north', CHANGE, 'ben', { seq: 0, statementId: leafHash(FOUNDED) }),
];
const SPEC_DIGEST = formatHex(
  sha256(CHANGE.kind === 'policy-change' ? CHANGE.spec : new Uint8Array(0)),
);

/** The answers that every route of a village has. */
function villageAnswers(operation: string, path: string): Readonly<Record<string, Provoke>> {
  return {
    [`${operation} 200`]: get(path),
    [`${operation} 400`]: get(`${path}?x=1`),
    [`${operation} 404`]: get(path.replace('north', 'south')),
    [`${operation} 429`]: limited(path),
    [`${operation} 500`]: brokenPublisher(path),
  };
}

/** The village has had all the requests of this minute. */
function limited(path: string): Provoke {
  return ({ log, request }) => {
    Object.assign(log.ledger?.requests ?? {}, {
      take: () => {
        throw new LogError('rate-limited', 'provoked', { retryAfterSeconds: 7 });
      },
    });
    return request(path);
  };
}

/** What provokes each documented answer, by operation and status. */
const ANSWERS: Readonly<Record<string, Provoke>> = {
  'addEntry 200': submit,
  'addEntry 202': ({ request }) => request('/add?wait=1', post(noteStatement(0, null), COSE)),
  'addEntry 400': ({ request }) => request('/add', post('x', COSE)),
  'addEntry 403': ({ request }) =>
    request(
      '/add',
      post(noteStatement(0, null, { stream: 'audit/x', text: 'y' }).with(-1, 0), COSE),
    ),
  'addEntry 408': failing('request-timeout', submit),
  'addEntry 409': ({ request }) =>
    request('/add', post(noteStatement(1, new Uint8Array(32)), COSE)),
  'addEntry 413': ({ request }) => request('/add', post(new Uint8Array(65_536), COSE)),
  'addEntry 415': ({ request }) => request('/add', post('x')),
  'addEntry 422': ({ request }) =>
    request('/add', post(sealedOf('village/x', CHANGE, 'ada', undefined).bytes, COSE)),
  'addEntry 429': failing('rate-limited', submit),
  'addEntry 500': (world) => {
    breakLog(world);
    return submit(world);
  },
  'addEntry 503': failing('overloaded', submit),
  'addEntry 507': failing('storage-full', submit),
  'addBatch 200': batch,
  'addBatch 400': ({ request }) => request('/add-batch', post('x', SEQUENCE)),
  'addBatch 413': ({ request }) => request('/add-batch', post(new Uint8Array(9_000_000), SEQUENCE)),
  'addBatch 415': ({ request }) => request('/add-batch', post('x')),
  'addBatch 500': (world) => {
    breakLog(world);
    return batch(world);
  },
  'addBatch 408': failing('request-timeout', rawBatch),
  'addBatch 429': failing('rate-limited', rawBatch),
  'addBatch 503': failing('overloaded', rawBatch),
  'addBatch 507': failing('storage-full', rawBatch),
  'checkpoint 200': get('/checkpoint?x=1'),
  'checkpoint 304': get('/checkpoint', { 'if-none-match': '*' }),
  'checkpoint 404': async () => appWorld('raw').request('/checkpoint'),
  'checkpoint 500': brokenPublisher('/checkpoint'),
  'tile 200': get('/tile/0/000.p/1'),
  'tile 400': get('/tile/0/0'),
  'tile 404': get('/tile/0/777'),
  'tile 500': broken('/tile/0/000.p/1'),
  'entry 200': get('/entries/0'),
  'entry 400': get('/entries/x'),
  'entry 404': get('/entries/9'),
  'entry 500': broken('/entries/0'),
  'entryProof 200': get('/entries/0/proof'),
  'entryProof 400': get('/entries/x/proof'),
  'entryProof 404': get('/entries/9/proof'),
  'entryProof 500': broken('/entries/0/proof'),
  'inclusion 200': get('/proof/inclusion/0/1'),
  'inclusion 400': get('/proof/inclusion/1/1'),
  'inclusion 404': get('/proof/inclusion/1/99'),
  'inclusion 500': broken('/proof/inclusion/0/1'),
  'consistency 200': get('/proof/consistency/1/2'),
  'consistency 400': get('/proof/consistency/2/1'),
  'consistency 404': get('/proof/consistency/1/99'),
  'consistency 500': broken('/proof/consistency/1/2'),
  'leaf 200': async (world) => {
    world.log.findLeaf = () => 0;
    return world.request(LEAF);
  },
  'leaf 400': get('/leaf/x'),
  'leaf 404': get(LEAF),
  'leaf 500': broken(LEAF),
  'streamHead 200': async (world) => {
    await submit(world);
    return world.request('/streams/audit/one/head');
  },
  'streamHead 400': get('/streams/x/head'),
  'streamHead 404': get('/streams/audit/none/head'),
  'streamHead 429': limited('/streams/village/north/head'),
  'streamHead 500': broken('/streams/audit/one/head'),
  'stream 200': get('/streams/village/north'),
  'stream 400': get('/streams/village/north?from=9'),
  'stream 404': async () => appWorld('raw').request('/streams/village/north'),
  'stream 429': limited('/streams/village/north'),
  'stream 500': brokenPublisher('/streams/village/north'),
  'streamFollow 200': get('/streams/village/north/follow'),
  'streamFollow 400': get('/streams/village/north/follow?since=99'),
  'streamFollow 404': async () => appWorld('raw').request('/streams/village/north/follow'),
  'streamFollow 429': limited('/streams/village/north/follow'),
  'streamFollow 500': brokenPublisher('/streams/village/north/follow'),
  ...villageAnswers('villageLatest', '/villages/north/policy/latest'),
  'villageLatest 304': get('/villages/north/policy/latest', { 'if-none-match': '*' }),
  ...villageAnswers('villageUpdates', '/villages/north/policy/updates'),
  ...villageAnswers('villagePolicy', `/villages/north/policies/${SPEC_DIGEST}`),
  ...villageAnswers('villageMembers', '/villages/north/members'),
  ...villageAnswers('villageQuarantine', '/villages/north/quarantine'),
  ...villageAnswers('villageDenials', '/villages/north/denials'),
  ...villageAnswers('villageAudit', '/villages/north/audit'),
  'villageOpening 200': readOpening,
  'villageOpening 400': get(`${OPENINGS}x`),
  'villageOpening 404': get(`${OPENINGS}${SPEC_DIGEST}`),
  'villageOpening 429': limited(`${OPENINGS}${SPEC_DIGEST}`),
  'villageOpening 500': brokenPublisher(`${OPENINGS}${SPEC_DIGEST}`),
  ...BLOB_ANSWERS,
  ...POLICY_ANSWERS,
  'history 200': get('/checkpoints'),
  'history 400': get('/checkpoints?x=1'),
  'history 500': broken('/checkpoints'),
  'historyNote 200': get('/checkpoints/0'),
  'historyNote 400': get('/checkpoints/x'),
  'historyNote 404': get('/checkpoints/9'),
  'historyNote 500': broken('/checkpoints/0'),
  'index 200': get('/'),
  'index 400': get('/?x=1'),
  'policy 200': get('/policy'),
  'policy 400': get('/policy?x=1'),
  'livez 200': get('/livez'),
  'livez 400': get('/livez?x=1'),
  'readyz 200': get('/readyz'),
  'readyz 400': get('/readyz?x=1'),
  'readyz 500': brokenPublisher('/readyz'),
  'readyz 503': async (world) => {
    world.log.stop('provoked');
    return world.request('/readyz');
  },
  'metrics 200': get('/metrics'),
  'metrics 400': get('/metrics?x=1'),
  'metrics 500': brokenPublisher('/metrics'),
  'openapi 200': get('/openapi.json'),
  'openapi 400': get('/openapi.json?x=1'),
};

/** A batch in the raw profile, whose log refuses as that of `world` does. */
function rawBatch({ log }: AppWorld): Promise<Response> {
  const raw = appWorld('raw');
  fails(raw, errorOf(log));
  return raw.request('/add-batch', post(Uint8Array.of(0x41, 0x61), SEQUENCE));
}

/** The code that the replaced `add` throws. */
function errorOf(log: AppWorld['log']): LogError['code'] {
  try {
    void log.add(new Uint8Array(1));
  } catch (error) {
    if (error instanceof LogError) return error.code;
  }
  throw new Error('add was not replaced');
}

function brokenPublisher(path: string): Provoke {
  return (world) => {
    breakPublisher(world);
    return world.request(path);
  };
}

async function preparedWorld(): Promise<AppWorld> {
  const world = appWorld('statements');
  await addEntries(world.log, 3);
  for (const entry of VILLAGE) await world.log.add(entry, moveOf(entry));
  await world.publisher.publishNow();
  return world;
}

async function readDocument(): Promise<Document> {
  const { request } = appWorld('statements');
  return JSON.parse(await (await request('/openapi.json')).text());
}

/** The same for every test: it follows from the table of routes alone. */
const DOCUMENT = readDocument();
const describe = (): Promise<Document> => DOCUMENT;

test('the description is OpenAPI 3.1 and lists every route of the table', async () => {
  const { openapi, paths } = await describe();
  assert.match(openapi, /^3\.1\./);
  const described = Object.values(paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  assert.equal(described.sort(), Object.keys(ROUTES).sort());
});

test('the page about the interface has a row for each route, and no other', () => {
  const page = readFileSync(new URL('../../../spec/http-api.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `((?:GET|POST|PUT) \S+)` \|/gm)].map(([, row]) => row);
  const routes = Object.values(ROUTES).map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  assert.equal(rows.sort(), routes.sort());
});

test('every parameter in a path is described, and no other', async () => {
  const { paths } = await describe();
  for (const [path, methods] of Object.entries(paths)) {
    const names = [...path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => name);
    for (const { parameters = [] } of Object.values(methods)) {
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      assert.equal(
        inPath.map(({ name }) => name),
        names,
        path,
      );
      assert.ok(inPath.every(({ required }) => required));
    }
  }
});

test('every documented answer is provoked by this test, but faults that cannot happen', async () => {
  const { paths } = await describe();
  const documented = Object.values(paths).flatMap((methods) =>
    Object.values(methods).flatMap(({ operationId, responses }) =>
      Object.keys(responses).map((status) => `${operationId} ${status}`),
    ),
  );
  // A batch of statements carries these verdicts item by item; constant pages have nothing that could fail.
  const unprovoked = documented.filter((answer) => ANSWERS[answer] === undefined);
  assert.equal(unprovoked.sort(), [
    'addBatch 403',
    'addBatch 409',
    'addBatch 422',
    'index 500',
    'livez 500',
    'openapi 500',
    'policy 500',
  ]);
  for (const answer of Object.keys(ANSWERS)) assert.ok(documented.includes(answer), answer);
});

for (const [answer, provoke] of Object.entries(ANSWERS)) {
  test(`${answer} happens with a documented content type`, async () => {
    const [operation = '', status = ''] = answer.split(' ');
    const response = await provoke(await preparedWorld());
    assert.is(String(response.status), status);
    const { paths } = await describe();
    const described = Object.values(paths)
      .flatMap((methods) => Object.values(methods))
      .find(({ operationId }) => operationId === operation);
    const types = Object.keys(described?.responses[status]?.content ?? {});
    const type = response.headers.get('content-type');
    if (types.length === 0) assert.is(await response.text(), '');
    else
      assert.ok(
        types.some((documented) => type?.startsWith(documented)),
        `${type} in ${types}`,
      );
  });
}

test('every error code has a status that says whose fault it is', () => {
  for (const code of Object.keys(ERROR_CODES)) {
    const status = Object.entries(ERROR_STATUS).find(([name]) => name === code)?.[1] ?? 0;
    assert.ok(status >= 400 && status < 600, code);
  }
});

test('items of a batch that exceed no limit of the body still have their own', async () => {
  const { request } = await preparedWorld();
  const many = concatBytes(...Array.from({ length: 1001 }, () => Uint8Array.of(0xf6)));
  assert.is((await request('/add-batch', post(many, SEQUENCE))).status, 413);
});

test.run();
