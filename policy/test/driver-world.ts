// Driver packages for tests: written on the spot, or those of this repository.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import type { JsonValue } from '@writ/core/statements/jcs';
import { packDriverFolder } from '@writ/policy/agent/driver-folder';
import { type CallResult, DriverHost } from '@writ/policy/agent/driver-host';
import { verifiedDriverDigest } from '@writ/policy/engine/driver-digest';
import type { DriverAnswer, DriverCall } from '@writ/policy/engine/driver-manifest';
import {
  type DriverPackage,
  openDriverPackage,
  packDriver,
} from '@writ/policy/engine/driver-package';

export const PACKAGES: string = fileURLToPath(new URL('../driver-packages', import.meta.url));

export const LAMP = `id: org.example.lamp
name: Lamps
version: 1.0.0
min_core_version: 1.0.0
category: smart-home
driver: { entrypoint: driver.js, language: javascript }
schema:
  connection:
    type: object
    additionalProperties: false
    properties:
      address: { type: string }
      token: { type: string, secret: true }
capabilities:
  - id: lamp.power
    verbs: [turn-on, turn-off]
    targets: [outlet]
    dry_run: required
    destructive: [turn-off]
    invertible: { turn-on: turn-off, turn-off: turn-on }
    idempotency: { key_fields: [verb, target_id] }
  - id: lamp.blink
    verbs: [blink]
    targets: [outlet]
    dry_run: not_supported
    destructive: [blink]
defaults: { memory_mb: 128 }
`;

/** Source of a function that makes a sound answer, for drivers that are written in tests. */
export const ANSWER = `
const answer = (call, context, changes = {}) => ({
  ok: true,
  severity: 'info',
  idempotency_key: context.idempotencyKey,
  preconditions: [],
  plan: { kind: 'api', preview: ['switch'] },
  effects: { summary: 'switches', per_target: [{ id: call.target, from: 'off', to: 'on' }] },
  reason: null,
  ...changes,
});
`;

export const TURN_ON: DriverCall = {
  capability: 'lamp.power',
  verb: 'turn-on',
  target: 'outlet:1',
  params: {},
  dryRun: false,
};

/** A package with one file, `driver.js`. */
export function lampPackage(source: string, manifest = LAMP): Uint8Array {
  return packDriver(utf8(manifest), new Map([['driver.js', utf8(source)]]));
}

/** A package under its own digest. */
export function openPackage(bytes: Uint8Array): DriverPackage {
  return openDriverPackage(bytes, verifiedDriverDigest(formatHex(sha256(bytes))));
}

export async function builtPackage(name: string): Promise<DriverPackage> {
  return openPackage(await packDriverFolder(join(PACKAGES, name)));
}

/** Runs `run` with a driver whose `driver.call` has `body`, in a scratch folder that is gone afterwards. */
export async function withLamp<T>(
  body: string,
  run: (host: DriverHost) => Promise<T>,
  { manifest = LAMP, connection = {} }: { manifest?: string; connection?: JsonValue } = {},
): Promise<T> {
  const source = `${ANSWER}
    export const driver = { async call(call, context) { ${body} } };`;
  return withHost(openPackage(lampPackage(source, manifest)), connection, run);
}

export async function withHost<T>(
  opened: DriverPackage,
  connection: JsonValue,
  run: (host: DriverHost) => Promise<T>,
): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'writ-test-'));
  try {
    const host = await DriverHost.open(opened, connection, { scratch });
    return await run(host).finally(() => host.close());
  } finally {
    await rm(scratch, { recursive: true });
  }
}

/** The code of the failure, or `answer`. */
export function codeOf(result: CallResult): string {
  return 'failure' in result ? result.failure.code : 'answer';
}

/** The answer. Throws where there is a failure. */
export function answerOf(result: CallResult): DriverAnswer {
  if ('failure' in result) throw new Error(`${result.failure.code}: ${result.failure.message}`);
  return result.answer;
}
