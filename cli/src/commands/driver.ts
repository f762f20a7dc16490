// writ driver pack and push: from a folder to a package, and into the blob store of a log.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { packDriverFolder } from '@writ/policy/agent/driver-folder';
import { originAt } from '@writ/policy/agent/log-client';
import { MAX_PACKAGE_SIZE, readDriverPackage } from '@writ/policy/engine/driver-package';
import type { Answer, Context } from '../context.ts';
import { readInput, writeWhole } from '../files.ts';

/** Packs a folder. The same files give the same bytes everywhere. */
export async function packDriver(context: Context): Promise<Answer> {
  const bytes = await packDriverFolder(context.operand(0));
  const { manifest } = readDriverPackage(bytes);
  const out = context.value('out') ?? `${manifest.id}-${manifest.version}.writ-driver`;
  await writeWhole(out, bytes);
  return answerOf(
    bytes,
    [`${out}: ${manifest.id} ${manifest.version}, ${bytes.length} bytes`],
    out,
  );
}

/** Sends a package to the log; the request is signed by --key, which the authors file of the log has to list. */
export async function pushDriver(context: Context): Promise<Answer> {
  const path = context.operand(0);
  const bytes = await readInput(path, 'package');
  if (bytes.length > MAX_PACKAGE_SIZE)
    throw new LogError('usage', `a package has at most ${MAX_PACKAGE_SIZE} bytes`);
  const { manifest } = readDriverPackage(bytes);
  const [log, policy, key] = [await context.log(), await context.policy(), await context.key()];
  const origin = originAt(log.url, policy);
  if (origin === undefined)
    throw new LogError('usage', '--policy does not say which log is at this address');
  const digest = formatHex(sha256(bytes));
  await log.putBlob(digest, bytes, { key, origin });
  return answerOf(
    bytes,
    [`${manifest.id} ${manifest.version} is in the blob store of ${origin}`],
    path,
  );
}

function answerOf(bytes: Uint8Array, lines: readonly string[], path: string): Answer {
  const digest = `sha256:${formatHex(sha256(bytes))}`;
  const pin = `name it in policies: "targets": {"driver": "${digest}", …}`;
  return { lines: [...lines, pin], result: { path, digest, size: bytes.length } };
}
