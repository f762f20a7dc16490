// How large the logs are out of which growth is shown.

/** 10^4 to 10^6 entries, and with `--grow` 10^7. */
export function growthSizes(): readonly number[] {
  const sizes = [10_000, 100_000, 1_000_000];
  return process.argv.includes('--grow') ? [...sizes, 10_000_000] : sizes;
}

/** For logs that take every statement over HTTP: 10^4, and with `--grow` 10^5. */
export function servedSizes(): readonly number[] {
  return process.argv.includes('--grow') ? [10_000, 100_000] : [10_000];
}
