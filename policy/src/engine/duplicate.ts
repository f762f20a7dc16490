// Which policy says the same as another one (spec/policy-engine.md section 5): in one village and for one host, two
// policies with one semantic digest are duplicates, whatever they are called and whether they are enabled.

export interface KnownPolicy {
  readonly policyId: string;
  readonly hostId: string;
  readonly semanticDigest: string;
}

export interface DuplicatePolicy {
  readonly policyId: string;
}

/**
 * The policy among those of the same village that `candidate` repeats; null: none. A policy does not repeat itself. Of
 * several, the one with the smallest id, so that everyone names the same.
 */
export function findDuplicate(
  candidate: KnownPolicy,
  village: Iterable<KnownPolicy>,
): DuplicatePolicy | null {
  let found: KnownPolicy | null = null;
  for (const policy of village) {
    const isSame =
      policy.semanticDigest === candidate.semanticDigest &&
      policy.hostId === candidate.hostId &&
      policy.policyId !== candidate.policyId;
    if (isSame && (found === null || policy.policyId < found.policyId)) found = policy;
  }
  return found === null ? null : { policyId: found.policyId };
}
