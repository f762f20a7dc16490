// Stream ids: the names of the gap-free sequences that statements belong to (spec/statement.md section 4).
//
// Example: village/north-grid, node/north-grid/ups-17, package/drivers/proxmox.ve, log

/** A stream id in its parts. */
export type StreamId =
  | { readonly family: 'village'; readonly village: string }
  | { readonly family: 'node'; readonly village: string; readonly node: string }
  | { readonly family: 'package'; readonly namespace: string; readonly name: string }
  | { readonly family: 'inbox'; readonly village: string }
  | { readonly family: 'log' }
  | { readonly family: 'audit'; readonly name: string };

export type StreamFamily = StreamId['family'];

const ID = '[a-zA-Z0-9_-]{1,64}';
// Only package names have dots, and never in front: no name is ".", ".." or a hidden file.
const PACKAGE_NAME = '[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,63}';
const STREAM = new RegExp(
  `^(?:(village|inbox|audit)/(${ID})|(node)/(${ID})/(${ID})|(package)/(${ID})/(${PACKAGE_NAME})|(log))$`,
);

/** Takes a stream id apart; undefined when `text` is none. */
export function parseStreamId(text: string): StreamId | undefined {
  const match = STREAM.exec(text);
  if (match === null) return undefined;
  const [, single, id = '', node, village = '', nodeId = '', pack, namespace = '', name = ''] =
    match;
  if (single === 'village' || single === 'inbox') return { family: single, village: id };
  if (single === 'audit') return { family: 'audit', name: id };
  if (node !== undefined) return { family: 'node', village, node: nodeId };
  if (pack !== undefined) return { family: 'package', namespace, name };
  return { family: 'log' };
}

/** Puts the parts together; the inverse of `parseStreamId`. Throws RangeError for a part outside the grammar. */
export function formatStreamId(stream: StreamId): string {
  const text = joinParts(stream);
  if (!STREAM.test(text)) throw new RangeError(`${JSON.stringify(text)} is not a stream id`);
  return text;
}

function joinParts(stream: StreamId): string {
  switch (stream.family) {
    case 'village':
    case 'inbox':
      return `${stream.family}/${stream.village}`;
    case 'node':
      return `node/${stream.village}/${stream.node}`;
    case 'package':
      return `package/${stream.namespace}/${stream.name}`;
    case 'audit':
      return `audit/${stream.name}`;
    case 'log':
      return 'log';
  }
}
