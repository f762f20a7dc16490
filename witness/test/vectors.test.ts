// Requests out of vector files, spoken with a real server: the repository's own, and conversations that other
// implementations made. Their folder is named by WRIT_VECTORS; only where that is not set are they left out, by
// name, and where WRIT_REQUIRE_ALL is set that fails too.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { utf8 } from '@writ/core/bytes';
import { formatVkey, keyId, parseVkey } from '@writ/core/formats/key';
import { originHash } from '@writ/witness/heads';
import { startWitness } from '@writ/witness/server';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openCosignatures, post, testEnv, testSigner } from './world.ts';

const test = suite('conversations with a witness');
const folder = process.env['WRIT_VECTORS'] ?? '';

/**
 * The signature of this case ends in a base64 digit with pad bits. A lax decoder finds a wrong signature
 * (403), a strict one no signature line at all (400).
 */
const LAX_BASE64 = [400, 403];

interface Step {
  readonly desc: string;
  readonly body: Uint8Array;
  readonly status: readonly number[];
  readonly response?: string;
  readonly sizeAfter?: string;
}

function vectors(file: string, run: (content: string) => void): void {
  const path = join(folder, file);
  if (folder !== '' && existsSync(path)) run(readFileSync(path, 'utf8'));
  else if (folder !== '' || process.env['WRIT_REQUIRE_ALL'] === '1')
    test(`${file} is there`, () => assert.unreachable(`WRIT_VECTORS does not lead to ${path}`));
  else console.log(`skipped: ${file} (WRIT_VECTORS is not set)`);
}

interface RequestVector {
  readonly description: string;
  readonly input: { readonly body: string } | { readonly body_base64: string };
  readonly expect: { readonly valid: boolean };
}

const ownVectors = fileURLToPath(new URL('../../../test-vectors/add-checkpoint', import.meta.url));

test('every malformed request of our own vectors is answered 400, every other one is read', async () => {
  const files = readdirSync(ownVectors, { recursive: true, encoding: 'utf8' });
  const steps = files
    .filter((name) => name.endsWith('.json'))
    .map((name): Step => {
      const text = readFileSync(join(ownVectors, name), 'utf8');
      const { description, input, expect }: RequestVector = JSON.parse(text);
      const body =
        'body' in input
          ? utf8(input.body)
          : Uint8Array.from(Buffer.from(input.body_base64, 'base64'));
      // Read as far as the origin, which this witness does not know.
      return { desc: description, body, status: [expect.valid ? 404 : 400] };
    });
  for (const status of [400, 404])
    assert.ok(steps.filter((step) => step.status.includes(status)).length >= 5);
  await converse([formatVkey(testSigner('another.example/log', 0x01, 9))], 'w.example/1', steps);
});

async function converse(
  vkeys: readonly string[],
  name: string,
  steps: readonly Step[],
): Promise<void> {
  const keys = [testSigner(name, 0x04, 7), testSigner(name, 0x06, 8)];
  const env = testEnv();
  const logs = vkeys.map(parseVkey);
  const witness = await startWitness({ keys, logs, memory: true, port: 0, env });
  try {
    for (const [i, step] of steps.entries()) {
      const title = `step ${i + 1}: ${step.desc}`;
      const reply = await post(witness.url, step.body);
      assert.ok(step.status.includes(reply.status), `${title}: ${reply.status} ${reply.body}`);
      if (reply.status === 200) openCosignatures(witness.vkeys, step.body, reply.body);
      if (reply.status === 409) assert.is(reply.type, 'text/x.tlog.size', title);
      if (step.response !== undefined) assert.is(reply.body, step.response, title);
      if (step.sizeAfter === undefined) continue;
      const origin = originHash(logs[0]?.name ?? '');
      const stored = await fetch(`${witness.url}/${origin}/checkpoint`);
      const size = stored.ok ? (await stored.text()).split('\n')[1] : '0';
      assert.is(size, step.sizeAfter, title);
    }
  } finally {
    await witness.close();
  }
}

vectors('reference-generated/witness-conversations.json', (content) => {
  for (const { log_vkeys, origin, steps } of JSON.parse(content)) {
    test(`the generated conversation of ${origin} is answered as the document says`, async () => {
      const list: Step[] = steps.map(
        (step: Record<string, string> & { status: number[] }): Step => ({
          desc: step['desc'] ?? '',
          body: Uint8Array.from(Buffer.from(step['body_base64'] ?? '', 'base64')),
          status: step.status,
          ...(step['response_body'] === undefined ? {} : { response: step['response_body'] }),
          ...(step['stored_size_after'] === undefined
            ? {}
            : { sizeAfter: step['stored_size_after'] }),
        }),
      );
      assert.ok(list.length > 30);
      await converse(log_vkeys, 'w.example/1', list);
    });
  }
});

/** The vkey of a log that is given by origin and raw Ed25519 key. */
function vkeyOf(name: string, keyHex: string): string {
  const publicKey = Uint8Array.from(Buffer.from(keyHex, 'hex'));
  return formatVkey({ name, publicKey, type: 0x01, id: keyId(name, 0x01, publicKey) });
}

vectors('witness-add-checkpoint/sunlight-add-checkpoint.json', (content) => {
  test('the add-checkpoint table of Sunlight is answered with its statuses', async () => {
    const { log_origin, log_ed25519_public_key_hex, witness_name_in_responses, steps } =
      JSON.parse(content);
    const list: Step[] = steps.map((step: { name: string; body: string; status: number }) => ({
      desc: step.name,
      body: utf8(step.body),
      status: step.name === 'invalid signature' ? LAX_BASE64 : [step.status],
    }));
    assert.ok(list.length > 10);
    const vkey = vkeyOf(log_origin, log_ed25519_public_key_hex);
    await converse([vkey], witness_name_in_responses, list);
  });
});

vectors('torchwood-litewitness/litewitness.txt', (content) => {
  test('the requests of the litewitness script are answered with its statuses', async () => {
    const requests = content.matchAll(/```\n(.*?)```\nHTTP (\d+)\n\[Asserts\]\nbody ([^\n]*)/gs);
    const list = [...requests].map(([, body = '', status = '', assertion = '']): Step => {
      const conflict = /^== "(\d+)\\n"/.exec(assertion)?.[1];
      // This script is older than the document's 404 for an unknown log.
      const isUnknownLog = assertion.includes('unknown log');
      return {
        desc: assertion,
        body: utf8(body),
        status: assertion.includes('invalid signature')
          ? LAX_BASE64
          : [isUnknownLog ? 404 : Number(status)],
        ...(conflict === undefined ? {} : { response: `${conflict}\n` }),
      };
    });
    assert.is(list.length, 9);
    const key = /add-sigsum-log -key=([0-9a-f]{64})/.exec(content)?.[1] ?? '';
    const origin = /^(sigsum\.org\/v1\/tree\/.*2)$/m.exec(content)?.[1] ?? '';
    await converse([vkeyOf(origin, key)], 'example.com/witness', list);
  });
});

test.run();
