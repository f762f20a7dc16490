// Paths inside of a driver package (spec/drivers.md section 3).

/** Longest path of a file in a package. */
export const MAX_PACKAGE_PATH = 120;

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/**
 * True for a relative path of plain names, joined by `/`: no segment begins with a dot, so none of them leads out of the
 * folder, and no letter means something to any file system.
 */
export function isPackagePath(path: string): boolean {
  return path.length <= MAX_PACKAGE_PATH && path.split('/').every((part) => SEGMENT.test(part));
}
