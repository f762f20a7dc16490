// Driver packages: one file, one spelling, known by its digest (spec/drivers.md section 3).
//
// Deterministic CBOR (spec/cbor.md): { "files": { path: bytes }, "format": "writ-driver-v1", "manifest": bytes }. The
// same folder always gives the same file, and no file can be read in two ways.

import { formatHex } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import { CborMap, type CborValue } from '@writ/core/cbor/value';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { isVerifiedDriverDigest, type VerifiedDriverDigest } from './driver-digest.ts';
import type { DriverManifest } from './driver-manifest.ts';
import { MANIFEST_FILE, readManifest } from './manifest.ts';
import { isPackagePath } from './package-path.ts';

/** Largest package in bytes. */
export const MAX_PACKAGE_SIZE: number = 10 * 1024 * 1024;
/** Most files beside the manifest. */
export const MAX_PACKAGE_FILES = 256;

const FORMAT = 'writ-driver-v1';

export interface DriverPackage {
  /** SHA-256 of the file in hexadecimal. */
  readonly digest: string;
  readonly manifest: DriverManifest;
  /** Path → content. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * The package of a manifest and its files, as bytes. LogError json-malformed for a manifest that is not sound,
 * request-invalid for paths and sizes that a package cannot have.
 */
export function packDriver(
  manifest: Uint8Array,
  files: ReadonlyMap<string, Uint8Array>,
): Uint8Array {
  const read = readManifest(manifest);
  if (read.manifest === undefined) throw manifestError(read.findings);
  checkFiles(read.manifest, files);
  const bytes = encodeCbor(
    new CborMap([
      ['files', new CborMap([...files])],
      ['format', FORMAT],
      ['manifest', manifest],
    ]),
  );
  if (bytes.length > MAX_PACKAGE_SIZE) throw tooLarge();
  return bytes;
}

/**
 * Opens a package to run it. `expected` comes from a verified policy; bytes of another digest are not looked at.
 * LogError hash-mismatch, cbor-malformed, json-malformed (the manifest), request-invalid.
 */
export function openDriverPackage(
  bytes: Uint8Array,
  expected: VerifiedDriverDigest,
): DriverPackage {
  if (!isVerifiedDriverDigest(expected))
    throw new TypeError('expected is not a digest out of a verified policy');
  if (bytes.length > MAX_PACKAGE_SIZE) throw tooLarge();
  const digest = formatHex(sha256(bytes));
  if (digest !== expected.hex)
    throw new LogError('hash-mismatch', 'the driver package is not the one that the policy names', {
      expected: expected.hex,
      got: digest,
    });
  return { digest, ...readDriverPackage(bytes) };
}

/** What is in a package, for those who show or publish it and do not run it. Errors as openDriverPackage. */
export function readDriverPackage(bytes: Uint8Array): Omit<DriverPackage, 'digest'> {
  if (bytes.length > MAX_PACKAGE_SIZE) throw tooLarge();
  const value = decodeCbor(bytes);
  if (!(value instanceof CborMap) || value.entries.length !== 3 || value.get('format') !== FORMAT)
    throw malformed(`a package is a map of files, format ("${FORMAT}") and manifest`);
  const manifestBytes = value.get('manifest');
  if (!(manifestBytes instanceof Uint8Array)) throw malformed('manifest is a byte string');
  const files = filesOf(value.get('files'));
  const read = readManifest(manifestBytes);
  if (read.manifest === undefined) throw manifestError(read.findings);
  checkFiles(read.manifest, files);
  return { manifest: read.manifest, files };
}

function filesOf(value: CborValue | undefined): Map<string, Uint8Array> {
  if (!(value instanceof CborMap)) throw malformed('files is a map');
  const files = new Map<string, Uint8Array>();
  for (const [path, content] of value.entries) {
    if (typeof path !== 'string' || !(content instanceof Uint8Array))
      throw malformed('files maps texts to byte strings');
    files.set(path, content);
  }
  return files;
}

function checkFiles(manifest: DriverManifest, files: ReadonlyMap<string, Uint8Array>): void {
  if (files.size > MAX_PACKAGE_FILES)
    throw malformed(`a package has at most ${MAX_PACKAGE_FILES} files`);
  const folded = new Set<string>();
  for (const path of files.keys()) {
    if (!isPackagePath(path) || path === MANIFEST_FILE)
      throw malformed(
        `${JSON.stringify(path.slice(0, 80))} is not the path of a file in a package`,
      );
    // A folder that is also a file, or two names that some file systems take for one.
    for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1))
      if (files.has(path.slice(0, end)))
        throw malformed(`${path.slice(0, end)} is file and folder`);
    if (folded.has(path.toLowerCase())) throw malformed(`${path} is there in two spellings`);
    folded.add(path.toLowerCase());
  }
  if (!files.has(manifest.driver.entrypoint))
    throw malformed(`the entrypoint ${manifest.driver.entrypoint} is not in the package`);
}

function manifestError(
  findings: readonly { readonly path: string; readonly message: string }[],
): LogError {
  const [first] = findings;
  return new LogError('json-malformed', `the manifest is not sound: ${first?.message ?? ''}`, {
    path: first?.path ?? '',
    findings: findings.length,
  });
}

function malformed(message: string): LogError {
  return new LogError('request-invalid', `driver package: ${message}`);
}

function tooLarge(): LogError {
  return malformed(`a package has at most ${MAX_PACKAGE_SIZE} bytes`);
}
