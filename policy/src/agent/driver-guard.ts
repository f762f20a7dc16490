// The wall inside of a driver process (spec/drivers.md section 5). It runs before the driver does and replaces what
// Node offers for reaching other machines and other processes.
//
// It stops everything that a driver does through Node's documented interfaces, and so every library. It is no answer to
// code that was written to find Node's internals: what a node trusts with its network is decided by the signature on
// the policy that names the package, and by the container or user the node runs as.
//
// Imports nothing but Node: these files are all that a driver process can read beside its package.

import dgram from 'node:dgram';
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import v8 from 'node:v8';

type LookupAnswer = (error: Error | null, found?: unknown, family?: number) => void;

/** Lets this process connect to `addresses` (`name:port`) over TCP and to nothing else, and resolve only their names. */
export function guardNetwork(addresses: readonly string[]): void {
  const allowed = new Set(addresses);
  const names = new Set(addresses.map((address) => address.slice(0, address.lastIndexOf(':'))));
  /** Name → addresses that the system resolved it to, in this process. */
  const resolved = new Map<string, Set<string>>();
  const lookup = guardedLookup(names, resolved);
  guardConnect(allowed, lookup, resolved);
  guardDns(lookup);
  replace(net.Server.prototype, 'listen', refuser('listening'));
  replace(dgram, 'createSocket', refuser('UDP'));
  replace(dgram, 'Socket', refuser('UDP'));
  close(dgram, 'dgram', ['_createSocketHandle']);
  close(net, 'net', ['_createServerHandle', 'BoundSocket']);
  syncBuiltinESMExports();
}

/** Modules that open files which the permission model does not ask about. */
const CLOSED_MODULES: readonly string[] = ['node:sqlite', 'node:trace_events'];

/**
 * Takes away what reaches other processes of the same user (signals, debugging, priorities, Node's own bindings), and
 * the ways to files past the permission model: SQLite opens any, and flags of V8 have it write traces anywhere.
 */
export function guardProcess(): void {
  const signals = ['kill', '_kill', '_debugProcess', '_debugEnd', 'binding', '_linkedBinding'];
  close(process, 'process', signals);
  close(os, 'os', ['setPriority']);
  close(v8, 'v8', ['setFlagsFromString', 'setHeapSnapshotNearHeapLimit']);
  for (const name of CLOSED_MODULES) {
    const module: object | undefined = process.getBuiltinModule(name);
    if (module !== undefined) close(module, name, Object.keys(module));
  }
  syncBuiltinESMExports();
}

/** Replaces those of `names` that `owner` has by what refuses. */
function close(owner: object, title: string, names: readonly string[]): void {
  for (const name of names) if (name in owner) replace(owner, name, refuser(`${title}.${name}`));
}

function guardedLookup(
  names: ReadonlySet<string>,
  resolved: Map<string, Set<string>>,
): typeof dns.lookup {
  const original: (name: string, options: object, answer: LookupAnswer) => void = dns.lookup;
  const lookup = (name: unknown, options: unknown, callback?: unknown): void => {
    const answer = asFunction(callback ?? options);
    const wanted = String(name).toLowerCase();
    if (net.isIP(wanted) === 0 && !names.has(wanted)) {
      process.nextTick(answer, refusal(`resolving ${wanted}`));
      return;
    }
    const settings =
      typeof options === 'object' && options !== null
        ? options
        : typeof options === 'number'
          ? { family: options }
          : {};
    original(wanted, settings, (error, found, family) => {
      const known = resolved.get(wanted) ?? new Set<string>();
      for (const address of addressesIn(found)) known.add(address);
      resolved.set(wanted, known);
      answer(error, found, family);
    });
  };
  return Object.assign(lookup, { __promisify__: dns.lookup.__promisify__ });
}

function guardConnect(
  allowed: ReadonlySet<string>,
  lookup: typeof dns.lookup,
  resolved: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  const original = net.Socket.prototype.connect;
  function connect(this: net.Socket, ...args: unknown[]): net.Socket {
    const { options, callback } = connectArguments(args);
    const host = String(options['host'] ?? 'localhost').toLowerCase();
    const isAddress = net.isIP(host) !== 0;
    const shown = `${host.includes(':') ? `[${host}]` : host}:${options['port']}`;
    const isNamed = typeof options['path'] !== 'string' && allowed.has(shown);
    const isPinned = isAddress && isPinnedAddress(host, String(options['port']), allowed, resolved);
    if (!isNamed && !isPinned) {
      const error = refusal(`connecting to ${options['path'] ?? shown}`);
      process.nextTick(() => this.destroy(error));
      return this;
    }
    // Whatever looks the name up, only what the system itself says counts.
    const chosen = typeof options['lookup'] === 'function' ? options['lookup'] : lookup;
    const checked = (name: string, settings: object, answer: LookupAnswer): void => {
      Reflect.apply(chosen, undefined, [
        name,
        settings,
        (error: Error | null, found: unknown, family: number) => {
          const known = resolved.get(host) ?? new Set<string>();
          const isForeign = addressesIn(found).some((address) => !known.has(address));
          if (error === null && !isAddress && isForeign)
            answer(refusal(`an address that ${host} does not have`));
          else answer(error, found, family);
        },
      ]);
    };
    return Reflect.apply(original, this, [
      { ...options, host, lookup: checked, path: undefined },
      callback,
    ]);
  }
  replace(net.Socket.prototype, 'connect', connect);
}

/** True for an address that an allowed name was resolved to before, on the port that is allowed for the name. */
function isPinnedAddress(
  address: string,
  port: string,
  allowed: ReadonlySet<string>,
  resolved: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  for (const [name, addresses] of resolved)
    if (addresses.has(address) && allowed.has(`${name}:${port}`)) return true;
  return false;
}

function guardDns(lookup: typeof dns.lookup): void {
  const promised = (name: string, options: object = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const isAll = 'all' in options && options.all === true;
      const answer: LookupAnswer = (error, found, family) => {
        if (error !== null) reject(error);
        else resolve(isAll ? found : { address: found, family });
      };
      Reflect.apply(lookup, undefined, [name, options, answer]);
    });
  for (const module of [dns, dns.promises]) {
    for (const name of Object.keys(module))
      if (/^(?:resolve|reverse|setServers|Resolver|lookupService)/.test(name))
        replace(module, name, refuser(`dns.${name}`));
  }
  replace(dns, 'lookup', lookup);
  replace(dns.promises, 'lookup', promised);
}

function connectArguments(args: readonly unknown[]): {
  options: { readonly [name: string]: unknown };
  callback: unknown;
} {
  // Node itself passes [options, callback] as one array.
  const [first, ...rest] = Array.isArray(args[0]) ? args[0] : args;
  const callback = rest.find((item) => typeof item === 'function');
  if (typeof first === 'object' && first !== null) return { options: { ...first }, callback };
  if (typeof first === 'string' && Number.isNaN(Number(first)))
    return { options: { path: first }, callback };
  const host = typeof rest[0] === 'string' ? rest[0] : undefined;
  return { options: { port: first, host }, callback };
}

function addressesIn(found: unknown): string[] {
  if (typeof found === 'string') return [found];
  if (!Array.isArray(found)) return [];
  return found.flatMap((item: unknown) =>
    typeof item === 'object' && item !== null && 'address' in item ? [String(item.address)] : [],
  );
}

function asFunction(value: unknown): LookupAnswer {
  if (typeof value !== 'function') throw new TypeError('a lookup needs a callback');
  return (...args) => {
    Reflect.apply(value, undefined, args);
  };
}

/** Not an arrow function: some of what it replaces is a class. */
function refuser(what: string): () => never {
  return function refuse(): never {
    throw refusal(what);
  };
}

function refusal(what: string): Error {
  const error = new Error(`${what} is not among what the manifest of this driver declares`);
  return Object.assign(error, { code: 'ERR_ACCESS_DENIED' });
}

function replace(owner: object, name: string, value: unknown): void {
  Object.defineProperty(owner, name, { value, writable: false, configurable: false });
}
