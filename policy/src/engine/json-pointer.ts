// JSON Pointers (RFC 6901) into documents whose shape is not known.

/** `segments` as a pointer; none gives the whole document. */
export function formatPointer(...segments: readonly (string | number)[]): string {
  return segments
    .map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

/** `pointer`, cut to the longest part that resolves in `document`: a missing member points to its parent. */
export function nearestPointer(document: unknown, pointer: string): string {
  let value = document;
  let reached = '';
  for (const escaped of pointer.split('/').slice(1)) {
    const name = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null) break;
    const member = Object.getOwnPropertyDescriptor(value, name);
    // The length of a list is no member of it.
    if (member === undefined || member.enumerable !== true) break;
    value = member.value;
    reached += `/${escaped}`;
  }
  return reached;
}
