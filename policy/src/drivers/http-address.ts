// Which addresses a web hook may go to: none that the outside world must not reach through a node (spec/drivers.md
// section 10).

import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { DriverError } from '../engine/driver-failure.ts';

/** All of IPv6 that is handed out for the public internet (RFC 4291 section 2.5.4); the rest hides IPv4 or is reserved. */
const GLOBAL_IPV6 = '2000::/3';
/** Addresses that are not on the public internet: RFC 6890 and its like. */
const NOT_PUBLIC: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
];

/** True for an address of the public internet. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  if (family === 4) return !PRIVATE.check(address, 'ipv4');
  return GLOBAL.check(address, 'ipv6') && !PRIVATE.check(address, 'ipv6');
}

/**
 * The one address to connect to for `hostname`. Every address that the name has must be allowed, so that no
 * answer of a name server chooses: public ones, and those in `listed`, which are CIDR ranges of the connection.
 * DriverError permission-denied, target-unreachable.
 */
export async function pinAddress(
  hostname: string,
  listed: readonly string[],
): Promise<{ address: string; family: number }> {
  const name = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const allowed = blockListOf(listed);
  const found =
    isIP(name) === 0 ? await lookup(name, { all: true }) : [{ address: name, family: isIP(name) }];
  const [first] = found;
  if (first === undefined) throw new DriverError('target-unreachable', `${name} has no address`);
  for (const { address, family } of found) {
    const isListed = allowed.check(address, family === 6 ? 'ipv6' : 'ipv4');
    if (!isListed && !isPublicAddress(address))
      throw new DriverError(
        'permission-denied',
        `${name} has the address ${address}, which is not public: list it in private_addresses if it is meant`,
      );
  }
  return first;
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', length = ''] = range.split('/');
    const family = isIP(network);
    const bits = Number(length === '' ? (family === 6 ? 128 : 32) : length);
    if (family === 0 || !Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32))
      throw new DriverError('request-invalid', `${range} is no range of addresses`);
    list.addSubnet(network, bits, family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

const PRIVATE: BlockList = blockListOf(NOT_PUBLIC);
const GLOBAL: BlockList = blockListOf([GLOBAL_IPV6]);
