// The YAML of a manifest: the plain part of YAML 1.2 and nothing that surprises (spec/drivers.md section 2).

import { parseUtf8 } from '@writ/core/bytes';
import type { JsonValue } from '@writ/core/statements/jcs';
import type { Finding } from './finding.ts';
import { parsePlainYaml } from './plain-yaml.ts';
import { YamlRefusal } from './yaml-cursor.ts';

/** Largest manifest in bytes. */
export const MAX_MANIFEST_SIZE: number = 64 * 1024;
/** Deepest nesting of maps and lists. */
export const MAX_MANIFEST_DEPTH = 16;
/** Most values in a manifest. */
export const MAX_MANIFEST_NODES = 2048;
/** Most members of one map. */
export const MAX_MAP_MEMBERS = 256;

/** Control characters but the end of a line, and the mark of a byte order: readers differ in what they make of them. */
const INVISIBLE = /[^\n\P{Cc}]|\u{feff}/u;
/** A directive, or the end of a document. */
const OTHER_DOCUMENT = /^(?:%|---|\.\.\.)/m;

const LIMITS = {
  depth: MAX_MANIFEST_DEPTH,
  values: MAX_MANIFEST_NODES,
  members: MAX_MAP_MEMBERS,
};

export type ReadYaml = { readonly value: JsonValue } | { readonly findings: readonly Finding[] };

/** The value in `bytes`, or why it is none: too large, not UTF-8, not YAML, or with anchors, aliases, tags. */
export function readManifestYaml(bytes: Uint8Array): ReadYaml {
  if (bytes.length > MAX_MANIFEST_SIZE)
    return refused(`the manifest is larger than ${MAX_MANIFEST_SIZE} bytes`);
  const text = parseUtf8(bytes);
  if (text === undefined) return refused('the manifest is not valid UTF-8');
  const invisible = text.search(INVISIBLE);
  if (invisible >= 0)
    return refused(`${lineAt(text, invisible)}: has a tab or another control character`);
  const other = text.search(OTHER_DOCUMENT);
  if (other >= 0)
    return refused(`${lineAt(text, other)}: a manifest is one document without directives`);
  try {
    return { value: parsePlainYaml(text, LIMITS) };
  } catch (error) {
    if (error instanceof YamlRefusal) return refused(`line ${error.line}: ${error.message}`);
    throw error;
  }
}

function lineAt(text: string, at: number): string {
  return `line ${text.slice(0, at).split('\n').length}`;
}

function refused(message: string): ReadYaml {
  return {
    findings: [{ code: 'manifest-yaml', severity: 'blocker', stage: 'schema', path: '', message }],
  };
}
