// What a node says of its hosts (spec/node-records.md section 3): a statement whenever they, or the packages that
// policies pin for them, are others than in the one before.
//
//   <prefix>h   SHA-256 of the newest statement's payload

import { formatHex, parseHex } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { encodePayload } from '@writ/core/statements/kinds';
import { MAX_HOST_TYPES, type NodeHosts } from '@writ/core/statements/kinds/node-reports';
import type { Journal } from './journal.ts';
import type { HostConfig } from './node-config.ts';
import { listingOf } from './node-inventory.ts';
import type { Instant, Outbox } from './outbox.ts';
import type { InForce } from './put-in-force.ts';
import { decodeRow, encodeRow, textOf } from './record-row.ts';

/** The hosts of the configuration, each with the package that lists its targets. */
export function hostsRecord(inForce: InForce, hosts: readonly HostConfig[]): NodeHosts {
  return {
    kind: 'node-hosts',
    hosts: hosts.map(({ id, name, driver }) => {
      const listing = listingOf(inForce, { id, driver });
      const types = listing?.manifest.capabilities.flatMap(({ targets }) => targets) ?? [];
      return {
        id,
        name,
        driver: listing === undefined ? null : (parseHex(listing.driver.hex) ?? null),
        types: [...new Set(types)].slice(0, MAX_HOST_TYPES),
      };
    }),
  };
}

/** Records `hosts` unless the newest record says the same. True when there is a new one. */
export function recordHosts(
  journal: Journal,
  outbox: Outbox,
  hosts: NodeHosts,
  now: Instant,
): Promise<boolean> {
  const key = `${outbox.prefix}h`;
  const digest = formatHex(sha256(encodePayload(hosts)));
  return journal.run((tx) => {
    const bytes = tx.get(key);
    const before =
      bytes === undefined
        ? undefined
        : decodeRow(key, bytes, ['digest'], (of) => textOf(of('digest'), 'digest'));
    if (before === digest || (before === undefined && hosts.hosts.length === 0)) return false;
    // Without room it is tried again with the next state.
    if (outbox.append(tx, hosts, now, 'ordinary').kind === 'refused') return false;
    tx.put(key, encodeRow({ digest }));
    return true;
  });
}
