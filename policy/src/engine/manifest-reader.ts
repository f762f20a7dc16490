// Reads values whose shape nobody vouches for, and notes everything that is wrong with them, with a JSON Pointer.

import type { JsonValue } from '@writ/core/statements/jcs';
import type { Finding } from './finding.ts';
import { formatPointer, nearestPointer } from './json-pointer.ts';
import { membersOf } from './params-schema.ts';

/** Most findings about one manifest; what comes after them adds nothing. */
export const MAX_MANIFEST_FINDINGS = 64;

export type ManifestFindingCode =
  | 'manifest-yaml'
  | 'manifest-member-missing'
  | 'manifest-member-unknown'
  | 'manifest-value'
  | 'manifest-duplicate'
  | 'manifest-core-version'
  | 'manifest-target-type'
  | 'manifest-params-schema'
  | 'manifest-key-field'
  | 'manifest-inverse'
  | 'manifest-network';

export class ManifestReader {
  readonly findings: Finding[] = [];
  #document: JsonValue | undefined;

  say(code: ManifestFindingCode, path: string, message: string): void {
    if (this.findings.length >= MAX_MANIFEST_FINDINGS) return;
    // A pointer always resolves in the document; that of a missing member is its parent's.
    const resolved = nearestPointer(this.#document, path);
    this.findings.push({ code, severity: 'blocker', stage: 'schema', path: resolved, message });
  }

  /** The members of a closed object; empty where it is none. The first one that is read is the document. */
  object(
    value: JsonValue | undefined,
    path: string,
    names: { readonly required: readonly string[]; readonly optional: readonly string[] },
  ): ReadonlyMap<string, JsonValue> {
    if (path === '') this.#document = value;
    const members = value === undefined ? undefined : membersOf(value);
    if (members === undefined) {
      if (value !== undefined) this.say('manifest-value', path, `${shown(path)} is a map`);
      return new Map();
    }
    const known = [...names.required, ...names.optional];
    for (const name of members.keys())
      if (!known.includes(name))
        this.say(
          'manifest-member-unknown',
          `${path}${formatPointer(name)}`,
          `there is no member ${name.slice(0, 64)} here; there are: ${known.join(', ')}`,
        );
    for (const name of names.required)
      if (!members.has(name))
        this.say('manifest-member-missing', path, `${shown(path)} lacks ${name}`);
    return members;
  }

  /** A text of a form; empty where it is missing, which has been said, or wrong, which is said here. */
  text(
    value: JsonValue | undefined,
    path: string,
    form: RegExp | ((text: string) => boolean),
    what: string,
  ): string {
    if (value === undefined) return '';
    const isGood = (text: string): boolean =>
      text.length <= 1024 && (form instanceof RegExp ? form.test(text) : form(text));
    if (typeof value === 'string' && isGood(value)) return value;
    this.say('manifest-value', path, `${shown(path)} is ${what}`);
    return '';
  }

  /** One of `choices`; the first where it is missing or wrong. */
  choice<T extends string>(
    value: JsonValue | undefined,
    path: string,
    choices: readonly [T, ...T[]],
  ): T {
    const found = choices.find((choice) => choice === value);
    if (found === undefined && value !== undefined)
      this.say('manifest-value', path, `${shown(path)} is one of ${choices.join(', ')}`);
    return found ?? choices[0];
  }

  /** A whole number between `low` and `high`, both allowed. */
  integer(value: JsonValue, path: string, low: number, high: number): number {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= low && value <= high)
      return value;
    this.say('manifest-value', path, `${shown(path)} is a whole number from ${low} to ${high}`);
    return low;
  }

  /** The items of a list without repetition. */
  list(
    value: JsonValue | undefined,
    path: string,
    least: number,
    most: number,
  ): readonly JsonValue[] {
    if (value === undefined) return [];
    if (!Array.isArray(value) || value.length < least || value.length > most) {
      this.say('manifest-value', path, `${shown(path)} is a list of ${least} to ${most} items`);
      return [];
    }
    for (const [i, item] of value.entries())
      if (typeof item === 'string' && value.indexOf(item) !== i)
        this.say('manifest-duplicate', `${path}/${i}`, `${item.slice(0, 64)} is there twice`);
    return value;
  }
}

function shown(path: string): string {
  return path === '' ? 'the manifest' : path.slice(1).replaceAll('/', '.');
}
