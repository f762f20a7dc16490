// The yardstick: node:http that reads a body and answers two bytes, or 8 KiB, and does nothing else. What the log
// reaches of it is comparable between machines; requests per second are not.

import { createServer } from 'node:http';

const TILE = Buffer.alloc(8192);

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-length': TILE.length });
    response.end(TILE);
    return;
  }
  request.resume();
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 2 });
    response.end('ok');
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.(typeof address === 'object' ? address?.port : undefined);
});
