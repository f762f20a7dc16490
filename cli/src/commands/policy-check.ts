// writ policy check, explain and inverse: what a policy file says, before anybody signs it. Nothing here asks the network.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { formatHex, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { JsonValue } from '@writ/core/statements/jcs';
import { type Compiled, type CompiledPolicy, compile } from '@writ/policy/engine/compile';
import type { DriverManifest } from '@writ/policy/engine/driver-manifest';
import { readDriverPackage } from '@writ/policy/engine/driver-package';
import { explainPolicy } from '@writ/policy/engine/explain-policy';
import type { Finding } from '@writ/policy/engine/finding';
import { invertPolicy } from '@writ/policy/engine/inverse';
import { policySpecJson } from '@writ/policy/engine/policy-spec-schema';
import type { Answer, Context } from '../context.ts';
import { readInput, readJson, writeWhole } from '../files.ts';

const EXIT_REFUSED = 1;
/** Stands for the id that the policy has in a village: no digest that is shown depends on it but that of the IR. */
const NO_ID = '00000000-0000-8000-8000-000000000000';
const PACKAGE = '.writ-driver';

/** Compiles a file and tells every finding: exit code 1 where it could not be saved. */
export async function checkPolicy(context: Context): Promise<Answer> {
  const { compiled } = await compileFile(context);
  const { findings, severity, ok } = compiled;
  const verdict = ok
    ? `can be saved${severity === 'error' ? ', not enabled' : ''} (${severity})`
    : 'cannot be saved';
  const digests = ok ? { spec: compiled.digests.spec, semantic: compiled.digests.semantic } : {};
  return {
    exit: ok ? 0 : EXIT_REFUSED,
    lines: [...findings.map(lineOf), `${context.operand(0)} ${verdict}`],
    result: { ok, severity, findings, digests },
  };
}

/** Says in plain words what a file would do. LogError json-malformed where it is no policy. */
export async function explainFile(context: Context): Promise<Answer> {
  const { ir } = savable(await compileFile(context)).compiled;
  const lines = explainPolicy(ir);
  return { lines: lines.map(({ text }) => text), result: { lines } };
}

/** Makes the policy that undoes another. Its author has to look at what is listed before it is enabled. */
export async function invertFile(context: Context): Promise<Answer> {
  const { compiled, manifests } = savable(await compileFile(context));
  const inverse = invertPolicy(compiled.spec, manifests);
  if ('findings' in inverse) throw refused(context, inverse.findings);
  const { spec, needsInput, notes } = inverse;
  const text = `${JSON.stringify(policySpecJson(spec), null, 2)}\n`;
  const out = context.value('out');
  if (out !== undefined) await writeWhole(out, utf8(text));
  const look = needsInput.map((pointer) => `look at ${pointer}`);
  const shown = out === undefined ? text.trimEnd().split('\n') : [`${out} is disabled`, ...look];
  return { lines: [...shown, ...notes], result: { spec, needs_input: needsInput, notes } };
}

interface CompiledFile {
  readonly compiled: Compiled;
  readonly manifests: ReadonlyMap<string, DriverManifest>;
  readonly context: Context;
}

async function compileFile(context: Context): Promise<CompiledFile> {
  const document: JsonValue = await readJson(context.operand(0), 'policy');
  const manifests = await manifestsIn(context.value('drivers'));
  const compiled = compile(document, { policyId: NO_ID, version: 1, manifests });
  return { compiled, manifests, context };
}

/** The manifests of the packages in a folder, by digest. */
async function manifestsIn(folder: string | undefined): Promise<Map<string, DriverManifest>> {
  const manifests = new Map<string, DriverManifest>();
  if (folder === undefined) return manifests;
  const names = await readdir(folder).catch((error: unknown) => {
    throw new LogError('usage', `cannot read the folder ${folder}`, {}, error);
  });
  for (const name of names.filter((file) => file.endsWith(PACKAGE))) {
    const bytes = await readInput(join(folder, name), 'package');
    manifests.set(formatHex(sha256(bytes)), readDriverPackage(bytes).manifest);
  }
  return manifests;
}

function savable(file: CompiledFile): CompiledFile & { readonly compiled: CompiledPolicy } {
  const { compiled, manifests, context } = file;
  if (!compiled.ok) throw refused(context, compiled.findings);
  return { compiled, manifests, context };
}

function refused(context: Context, findings: readonly Finding[]): LogError {
  const worst = findings.filter(({ severity }) => severity === 'blocker');
  const said = (worst.length > 0 ? worst : findings).map(lineOf).join('; ');
  return new LogError('json-malformed', `${context.operand(0)}: ${said}`);
}

function lineOf({ severity, stage, code, path, message }: Finding): string {
  return `${severity}  ${path === '' ? '/' : path}  ${message} (${code}, ${stage})`;
}
