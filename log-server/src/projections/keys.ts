// Keys of the rows. Villages, nodes and UUIDs have no slash, so no key is in the way of another.

const DIGITS = 16;

/** Where the projection stands. */
export const CURSOR = 'm/cursor';

export const policiesOf = (village: string): string => `p/${village}/`;
export const policyKey = (village: string, policy: string): string =>
  `${policiesOf(village)}${policy}`;

export const versionKey = (village: string, policy: string, version: number): string =>
  `v/${village}/${policy}/${padded(version)}`;

/** Policies in force with this meaning, for this host: one row each. */
export const meaningsOf = (village: string, hash: string, host: string): string =>
  `s/${village}/${hash}/${host}/`;

export const executionsOf = (village: string, policy: string): string => `e/${village}/${policy}/`;
export const executionKey = (village: string, policy: string, index: number): string =>
  `${executionsOf(village, policy)}${padded(index)}`;

/** From an intent without an end to its execution. */
export const openIntentKey = (stream: string, intent: string): string => `x/${stream}/${intent}`;

/** By node: what one records must not push out what another did. */
export const dryRunsOf = (village: string, policy: string, node: string): string =>
  `d/${village}/${policy}/${node}/`;
export const dryRunKey = (village: string, policy: string, node: string, index: number): string =>
  `${dryRunsOf(village, policy, node)}${padded(index)}`;

/** The hosts of a village, each as the node tells that serves it. */
export const hostsOf = (village: string): string => `h/${village}/`;
export const hostKey = (village: string, host: string): string => `${hostsOf(village)}${host}`;

/** All nodes that list a host. */
export const claimsOf = (village: string, host: string): string => `c/${village}/${host}/`;
export const claimKey = (village: string, host: string, node: string): string =>
  `${claimsOf(village, host)}${node}`;

/** What a node listed last. */
export const listedKey = (village: string, node: string): string => `n/${village}/${node}`;

function padded(number: number): string {
  return String(number).padStart(DIGITS, '0');
}
