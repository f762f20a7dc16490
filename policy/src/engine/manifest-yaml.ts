// The YAML of a manifest: the plain part of YAML 1.2 and nothing that surprises (spec/drivers.md section 2).

import { parseUtf8 } from '@writ/core/bytes';
import type { JsonValue } from '@writ/core/statements/jcs';
import { isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Finding } from './finding.ts';

/** Largest manifest in bytes. */
export const MAX_MANIFEST_SIZE: number = 64 * 1024;
/** Deepest nesting of maps and lists. */
export const MAX_MANIFEST_DEPTH = 16;
/** Most values in a manifest. */
export const MAX_MANIFEST_NODES = 2048;
/** Most members of one map; the parser compares each with each. */
export const MAX_MAP_MEMBERS = 256;

export type ReadYaml = { readonly value: JsonValue } | { readonly findings: readonly Finding[] };

/** The value in `bytes`, or why it is none: too large, not UTF-8, not YAML, or with anchors, aliases, tags. */
export function readManifestYaml(bytes: Uint8Array): ReadYaml {
  if (bytes.length > MAX_MANIFEST_SIZE)
    return refused(`the manifest is larger than ${MAX_MANIFEST_SIZE} bytes`);
  const text = parseUtf8(bytes);
  if (text === undefined) return refused('the manifest is not valid UTF-8');
  const limit = limitBefore(text);
  if (limit !== undefined) return refused(limit);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    strict: true,
    uniqueKeys: true,
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter: lines,
  });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined)
    return refused(`line ${lines.linePos(problem.pos[0]).line}: ${firstLine(problem.message)}`);
  const surprise = surpriseIn(document.contents, lines);
  if (surprise !== undefined) return refused(surprise);
  return jsonOf(document.toJS({ maxAliasCount: 0 }));
}

/**
 * What the parser must not see, found by counting characters: it recurses for each level, and the members of a
 * map cost it the square of their number. Counts too much (inside of texts), never too little.
 */
function limitBefore(text: string): string | undefined {
  let depth = 0;
  let members = 0;
  for (const [i, line] of text.split('\n').entries()) {
    const at = `line ${i + 1}`;
    if (line.includes('\r') || line.includes('\t')) return `${at}: has a tab or a carriage return`;
    if (/^(?:%|---|\.\.\.)/.test(line))
      return `${at}: a manifest is one document without directives`;
    const indent = line.length - line.trimStart().length;
    // Each "- ", "? " and ": " at the start of a line opens a level.
    const opened = /^(?:[-?:] +)*/.exec(line.trimStart())?.[0].length ?? 0;
    if (indent + opened > MAX_MANIFEST_DEPTH * 4) return `${at}: is nested too deeply`;
    for (const character of line) {
      if (character === '[' || character === '{') depth++;
      else if (character === ']' || character === '}') depth--;
      else if (character === ',' || character === ':') members++;
      if (depth > MAX_MANIFEST_DEPTH) return `${at}: is nested too deeply`;
    }
  }
  return members > MAX_MANIFEST_NODES ? `has more than ${MAX_MANIFEST_NODES} values` : undefined;
}

function surpriseIn(contents: unknown, lines: LineCounter): string | undefined {
  if (!isNode(contents)) return 'the manifest is empty';
  let found: string | undefined;
  let nodes = 0;
  const say = (range: readonly number[] | null | undefined, what: string): symbol => {
    found = `line ${lines.linePos(range?.[0] ?? 0).line}: ${what}`;
    return visit.BREAK;
  };
  visit(contents, {
    Alias: (_key, node) => say(node.range, 'aliases are not allowed'),
    Node: (_key, node, path) => {
      nodes++;
      if (nodes > 2 * MAX_MANIFEST_NODES) return say(node.range, 'has too many values');
      if ('anchor' in node && node.anchor !== undefined)
        return say(node.range, 'anchors are not allowed');
      // The parser notes a tag only where one is written.
      if ('tag' in node && node.tag !== undefined) return say(node.range, 'tags are not allowed');
      if (path.length > 3 * MAX_MANIFEST_DEPTH) return say(node.range, 'is nested too deeply');
      if (isMap(node) && node.items.length > MAX_MAP_MEMBERS)
        return say(node.range, `a map has at most ${MAX_MAP_MEMBERS} members`);
      return undefined;
    },
    Pair: (_key, pair) =>
      isScalar(pair.key) && typeof pair.key.value === 'string'
        ? undefined
        : say(isNode(pair.key) ? pair.key.range : null, 'names are texts'),
  });
  return found;
}

function jsonOf(value: unknown): ReadYaml {
  const json = asJson(value);
  return json === undefined
    ? refused('has a number that JSON cannot hold, such as .inf, or text that is not Unicode')
    : { value: json };
}

function asJson(value: unknown): JsonValue | undefined {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'string') return value.isWellFormed() ? value : undefined;
  if (typeof value !== 'object') return undefined;
  if (Array.isArray(value)) {
    const items = value.map(asJson);
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  const members: [string, JsonValue][] = [];
  for (const [name, item] of Object.entries(value)) {
    const json = asJson(item);
    if (json === undefined || !name.isWellFormed()) return undefined;
    members.push([name, json]);
  }
  return Object.fromEntries(members);
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200).toWellFormed();
}

function refused(message: string): ReadYaml {
  return {
    findings: [{ code: 'manifest-yaml', severity: 'blocker', stage: 'schema', path: '', message }],
  };
}
