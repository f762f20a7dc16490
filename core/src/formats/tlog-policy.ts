// Trust policies: C2SP tlog-policy (https://c2sp.org/tlog-policy).
//
//   log example.com/log+de9e9cb4+AWWYf39t... https://log.example.com/
//   witness w1 w1.example+8d2f2a9c+BNSOzUFZ... https://w1.example/
//   group some 2 w1 w2 w3
//   quorum some

import { equalBytes, parseDecimal, parseUtf8 } from '../bytes.ts';
import { isLogError, LogError } from '../errors.ts';
import { KEY_TYPES, parseVkey, type VerifierKey } from './key.ts';

/** Room for 100 ML-DSA-44 keys. */
export const MAX_POLICY_BYTES: number = 512 * 1024;

export interface PolicyLog {
  readonly key: VerifierKey;
  readonly url?: string;
}
export interface PolicyWitness extends PolicyLog {
  readonly name: string;
}
/** k-of-n over witnesses and other groups. */
export interface PolicyGroup {
  readonly name: string;
  readonly threshold: number;
  readonly members: readonly string[];
}

/** Which logs to believe, and which witnesses must have cosigned. */
export interface TrustPolicy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: ReadonlyMap<string, PolicyWitness>;
  readonly groups: ReadonlyMap<string, PolicyGroup>;
  /** Name of a witness or group, or undefined for `quorum none`. */
  readonly quorum: string | undefined;
}

/** Parses a policy file. LogError policy-malformed or key-weak with the line. */
export function parsePolicy(bytes: Uint8Array): TrustPolicy {
  if (bytes.length > MAX_POLICY_BYTES)
    throw malformed(`a policy has at most ${MAX_POLICY_BYTES} bytes`, 1);
  const reader = new PolicyReader();
  const text = decodeOctets(bytes);
  if (text !== '' && !text.endsWith('\n'))
    throw malformed('the last line does not end in a newline', text.split('\n').length);
  for (const [i, line] of text.split('\n').entries()) reader.read(line, i + 1);
  return reader.finish();
}

/** One character for each octet: bytes above 0x7f are opaque and never normalised. */
function decodeOctets(bytes: Uint8Array): string {
  let text = '';
  let line = 1;
  for (const byte of bytes) {
    if (byte === 0x0a) line++;
    else if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f)
      throw malformed('the line has a control character', line);
    text += String.fromCharCode(byte);
  }
  return text;
}

class PolicyReader {
  readonly #logs: PolicyLog[] = [];
  readonly #witnesses = new Map<string, PolicyWitness>();
  readonly #groups = new Map<string, PolicyGroup>();
  readonly #members = new Set<string>();
  #quorum: { readonly name: string | undefined } | undefined;

  read(line: string, number: number): void {
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    const [keyword, ...args] = words;
    if (keyword === undefined || keyword.startsWith('#')) return;
    if (keyword === 'log') this.#readLog(args, number);
    else if (keyword === 'witness') this.#readWitness(args, number);
    else if (keyword === 'group') this.#readGroup(args, number);
    else if (keyword === 'quorum') this.#readQuorum(args, number);
    else throw malformed('expected log, witness, group or quorum', number);
  }

  finish(): TrustPolicy {
    if (this.#quorum === undefined) throw malformed('there is no quorum line', 1);
    return {
      logs: this.#logs,
      witnesses: this.#witnesses,
      groups: this.#groups,
      quorum: this.#quorum.name,
    };
  }

  #readLog(args: readonly string[], number: number): void {
    if (args.length < 1 || args.length > 2) throw malformed('expected: log <vkey> [<url>]', number);
    const key = readKey(args[0] ?? '', number);
    // A log may sign as its own ML-DSA-44 cosigner (tlog-checkpoint); 0x04 is for witnesses alone.
    if (key.type === 0x04) throw malformed('a log key has a log signature type', number);
    if (this.#logs.some((log) => sameKey(log.key, key)))
      throw malformed('this log key is listed already', number);
    this.#logs.push(withUrl({ key }, args[1]));
  }

  #readWitness(args: readonly string[], number: number): void {
    if (args.length < 2 || args.length > 3)
      throw malformed('expected: witness <name> <vkey> [<url>]', number);
    const name = this.#newName(args[0] ?? '', number);
    const key = readKey(args[1] ?? '', number);
    if (!KEY_TYPES[key.type].isCosignature)
      throw malformed('a witness key has a cosignature type', number);
    for (const witness of this.#witnesses.values()) {
      if (sameKey(witness.key, key)) throw malformed('this witness key is listed already', number);
    }
    this.#witnesses.set(name, withUrl({ name, key }, args[2]));
  }

  #readGroup(args: readonly string[], number: number): void {
    const [nameText = '', thresholdText = '', ...members] = args;
    if (members.length === 0)
      throw malformed('expected: group <name> all|any|<k> <member>...', number);
    const name = this.#newName(nameText, number);
    for (const member of members) {
      this.#requireDefined(member, number);
      if (this.#members.has(member)) throw malformed(`${member} is a group member already`, number);
      this.#members.add(member);
    }
    const threshold = readThreshold(thresholdText, members.length, number);
    this.#groups.set(name, { name, threshold, members });
  }

  #readQuorum(args: readonly string[], number: number): void {
    const [name] = args;
    if (name === undefined || args.length !== 1)
      throw malformed('expected: quorum <name>|none', number);
    if (this.#quorum !== undefined) throw malformed('there is a second quorum line', number);
    if (name !== 'none') this.#requireDefined(name, number);
    this.#quorum = { name: name === 'none' ? undefined : name };
  }

  #newName(name: string, number: number): string {
    if (name === 'none') throw malformed('the name none is reserved', number);
    if (this.#isDefined(name)) throw malformed(`the name ${name} is taken`, number);
    return name;
  }

  #requireDefined(name: string, number: number): void {
    if (!this.#isDefined(name))
      throw malformed(`${name} is not defined on an earlier line`, number);
  }

  #isDefined(name: string): boolean {
    return this.#witnesses.has(name) || this.#groups.has(name);
  }
}

function withUrl<T extends object>(item: T, url: string | undefined): T & { url?: string } {
  return url === undefined ? item : { ...item, url };
}

function readKey(octets: string, line: number): VerifierKey {
  // Names of the policy stay opaque octets; the name inside a vkey is UTF-8 (signed-note).
  const vkey = parseUtf8(Uint8Array.from(octets, (octet) => octet.charCodeAt(0)));
  if (vkey === undefined) throw malformed('the key is not valid UTF-8', line);
  try {
    return parseVkey(vkey);
  } catch (error) {
    if (!isLogError(error)) throw error;
    throw new LogError(
      error.code === 'key-weak' ? 'key-weak' : 'policy-malformed',
      `line ${line}: ${error.message}`,
      { line },
    );
  }
}

function sameKey(a: VerifierKey, b: VerifierKey): boolean {
  return equalBytes(a.publicKey, b.publicKey);
}

function readThreshold(text: string, members: number, line: number): number {
  if (text === 'all') return members;
  if (text === 'any') return 1;
  const value = parseDecimal(text);
  if (value === undefined || value < 1n || value > BigInt(members)) {
    throw malformed(`the threshold is all, any or 1 to ${members}`, line);
  }
  return Number(value);
}

/** True when the witnesses in `cosignedBy` (policy names) satisfy the quorum. */
export function isQuorumMet(policy: TrustPolicy, cosignedBy: ReadonlySet<string>): boolean {
  // Names refer to earlier lines only, so one pass in file order sees every group after its members.
  const met = new Set([...cosignedBy].filter((name) => policy.witnesses.has(name)));
  for (const { name, threshold, members } of policy.groups.values()) {
    if (members.filter((member) => met.has(member)).length >= threshold) met.add(name);
  }
  return policy.quorum === undefined || met.has(policy.quorum);
}

function malformed(message: string, line: number): LogError {
  return new LogError('policy-malformed', `line ${line}: ${message}`, { line });
}
