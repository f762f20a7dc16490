// The configuration of a node: one YAML file (spec/node.md section 2). Unknown members are refused; secrets are named
// by file or environment variable and never stand in the file.

import { controlCharacterAt, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { JsonValue } from '@writ/core/statements/jcs';
import { MAX_HOST_NAME_SIZE, MAX_HOSTS } from '@writ/core/statements/kinds/node-reports';
import { parseStreamId } from '@writ/core/statements/stream-id';
import * as z from 'zod';
import { parseDuration } from '../engine/duration.ts';
import { readManifestYaml } from '../engine/manifest-yaml.ts';

/** A host whose targets this node may act on. */
export interface HostConfig {
  readonly id: string;
  readonly name: string;
  /** Id of the driver that may use the connection; the package itself a policy names by digest. */
  readonly driver: string;
  /** Digests in hexadecimal of the packages that may use it; left out: whichever a policy in force names. */
  readonly packages?: readonly string[] | undefined;
  /** With secrets as references, see `withSecrets`. */
  readonly connection: JsonValue;
  /** Seconds between full discoveries. */
  readonly full_discovery?: number | undefined;
}

export interface NutConfig {
  readonly host: string;
  readonly port: number;
  /** Empty: every UPS of the server. */
  readonly ups: readonly string[];
  readonly user?: string | undefined;
  readonly password?: SecretRef | undefined;
  /** Seconds. */
  readonly poll: number;
}

export interface PrometheusConfig {
  readonly url: string;
  readonly queries: readonly {
    readonly metric: string;
    readonly query: string;
    readonly label: string | null;
    readonly subject: { readonly kind: 'host' | 'vm' | 'integration'; readonly id: string };
  }[];
  readonly poll: number;
}

/** Where a secret is; never the secret itself. */
export type SecretRef = { readonly file: string } | { readonly env: string };

export interface SenderConfig {
  readonly name: string;
  readonly secret: SecretRef;
  readonly may: readonly ('webhook' | 'samples' | 'events')[];
}

/** A node's configuration with its defaults. Durations are seconds. */
export interface NodeConfig {
  readonly village: string;
  readonly node: string;
  readonly log: string;
  /** Paths, relative to the file. */
  readonly trust_policy: string;
  readonly key: string;
  readonly data: string;
  readonly pull_every: number;
  readonly hide_targets: boolean;
  /** Whether the log may ask for dry runs and lists of targets. */
  readonly remote_requests: boolean;
  readonly listen?: { readonly host: string; readonly port: number } | undefined;
  readonly hosts: readonly HostConfig[];
  readonly nut: readonly NutConfig[];
  readonly prometheus: readonly PrometheusConfig[];
  readonly senders: readonly SenderConfig[];
  readonly limits: {
    readonly calls: number;
    readonly waiting: number;
    readonly events: number;
    readonly call_timeout?: number | undefined;
  };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const DRIVER_ID = /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/;

const seconds = z.string().transform((text, context) => {
  const value = parseDuration(text);
  if (value !== undefined && value > 0) return value;
  context.addIssue('must be a duration such as 5s or 10m');
  return z.NEVER;
});

const secretRef: z.ZodType<SecretRef> = z.union(
  [
    z.strictObject({ file: z.string().min(1).max(4096) }),
    z.strictObject({ env: z.string().min(1).max(256) }),
  ],
  { error: 'must be {file: PATH} or {env: NAME}: secrets do not stand in this file' },
);

const port = z.number().int().min(1).max(65_535);

const host = z.strictObject({
  id: z.string().regex(UUID, 'must be a UUID in lower case'),
  name: z.string().refine(isHostName, `must be one line of 1 to ${MAX_HOST_NAME_SIZE} bytes`),
  // A policy names the package by digest; this is what the host lets at its connection at all.
  driver: z.string().max(200).regex(DRIVER_ID, 'must be the id of a driver, such as org.writ.ssh'),
  packages: z
    .array(z.string().regex(/^[0-9a-f]{64}$/, 'must be the digest of a package in hexadecimal'))
    .min(1)
    .max(64)
    .optional(),
  connection: z.json(),
  full_discovery: seconds.optional(),
});

const nut = z.strictObject({
  host: z.string().min(1).max(255).default('127.0.0.1'),
  port: port.default(3493),
  ups: z.array(z.string().max(128)).max(256).default([]),
  user: z.string().max(128).optional(),
  password: secretRef.optional(),
  poll: seconds.default(5),
});

const query = z.strictObject({
  metric: z.string().min(1).max(200),
  query: z.string().min(1).max(4096),
  label: z.string().max(128).nullable().default(null),
  subject: z.strictObject({
    kind: z.enum(['host', 'vm', 'integration']),
    id: z.string().min(1).max(200),
  }),
});

const prometheus = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  queries: z.array(query).min(1).max(256),
  poll: seconds.default(15),
});

const sender = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/),
  secret: secretRef,
  /** What it may send. */
  may: z.array(z.enum(['webhook', 'samples', 'events'])).min(1),
});

const config: z.ZodType<NodeConfig> = z.strictObject({
  village: z.string().refine(isVillage, 'must be the id of a village'),
  node: z.string().refine(isNode, 'must be the name of a node'),
  log: z.url({ protocol: /^https?$/ }),
  trust_policy: z.string().min(1),
  key: z.string().min(1),
  data: z.string().min(1),
  pull_every: seconds.default(30),
  hide_targets: z.boolean().default(false),
  remote_requests: z.boolean().default(true),
  /** Where /livez, /readyz, /metrics and /events are. */
  listen: z.strictObject({ host: z.string().default('127.0.0.1'), port }).optional(),
  hosts: z.array(host).max(MAX_HOSTS).default([]),
  nut: z.array(nut).max(64).default([]),
  prometheus: z.array(prometheus).max(64).default([]),
  senders: z.array(sender).max(256).default([]),
  limits: z
    .strictObject({
      calls: z.number().int().min(1).max(1000).default(10),
      waiting: z.number().int().min(1).max(100_000).default(256),
      events: z.number().int().min(1).max(1_000_000).default(10_000),
      call_timeout: seconds.optional(),
    })
    .prefault({}),
});

/** Reads the file. LogError config-invalid that names the member and says what is wrong. */
export function readNodeConfig(bytes: Uint8Array): NodeConfig {
  const yaml = readManifestYaml(bytes);
  if ('findings' in yaml) invalid(yaml.findings[0]?.message.replace('manifest', 'file') ?? '');
  const read = config.safeParse(yaml.value);
  if (!read.success) {
    const [issue] = read.error.issues;
    invalid(`${issue?.path.join('.') || 'the file'}: ${issue?.message ?? ''}`);
  }
  checkOnce(
    'hosts',
    read.data.hosts.map(({ id }) => id),
  );
  checkOnce(
    'senders',
    read.data.senders.map(({ name }) => name),
  );
  const i = read.data.nut.findIndex(({ user, password }) => password !== undefined && !user);
  if (i >= 0) invalid(`nut.${i}.user: a password needs one`);
  return read.data;
}

/** How a secret is looked up. */
export interface SecretSources {
  readonly file: (path: string) => Promise<string>;
  readonly env: (name: string) => string | undefined;
}

const MAX_DEPTH = 16;

/**
 * `value` with every `{file: PATH}` and `{env: NAME}` in it replaced by what is there, without a line end behind it.
 * LogError config-invalid for one that is not there or empty.
 */
export async function withSecrets(
  value: JsonValue,
  sources: SecretSources,
  depth = 0,
): Promise<JsonValue> {
  if (depth > MAX_DEPTH) invalid('a connection is nested too deeply');
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value) items.push(await withSecrets(item, sources, depth + 1));
    return items;
  }
  const members = Object.entries(value);
  const [only] = members;
  if (members.length === 1 && only !== undefined && typeof only[1] === 'string') {
    if (only[0] === 'file') return lookUp(only[1], await sources.file(only[1]));
    if (only[0] === 'env') return lookUp(only[1], sources.env(only[1]));
  }
  const found: [string, JsonValue][] = [];
  for (const [name, member] of members)
    found.push([name, await withSecrets(member, sources, depth + 1)]);
  return Object.fromEntries(found);
}

function lookUp(name: string, text: string | undefined): string {
  const value = text?.replace(/\r?\n$/, '');
  if (value === undefined || value === '') invalid(`the secret ${name} is not there, or empty`);
  return value;
}

function checkOnce(member: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) invalid(`${member}: ${twice} is there twice`);
}

// The log refuses a statement with another name, and everything behind it.
function isHostName(text: string): boolean {
  const { length } = utf8(text);
  return (
    length >= 1 &&
    length <= MAX_HOST_NAME_SIZE &&
    controlCharacterAt(text) < 0 &&
    !/[\n\t]/.test(text)
  );
}

function isVillage(text: string): boolean {
  return parseStreamId(`village/${text}`)?.family === 'village';
}

function isNode(text: string): boolean {
  return parseStreamId(`node/v/${text}`)?.family === 'node';
}

function invalid(message: string): never {
  throw new LogError('config-invalid', message);
}
