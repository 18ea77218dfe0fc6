// SPDX-License-Identifier: MIT
// A stand-in for a storage account: takes blobs, and makes containers that are missing.
import { createServer } from 'node:http';

export async function startStorage(t, containers = []) {
  const storage = { blobs: new Map(), requests: [] };
  const server = createServer((request, response) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      const url = new URL(request.url, 'http://storage');
      const [, , container, ...name] = decodeURIComponent(url.pathname).split('/');
      storage.requests.push(`${request.method} ${url.pathname}`);
      if (url.searchParams.get('restype') === 'container') {
        containers.push(container);
        response.writeHead(201).end();
      } else if (!containers.includes(container)) {
        response.writeHead(404, { 'x-ms-error-code': 'ContainerNotFound' }).end();
      } else {
        storage.blobs.set(name.join('/'), { bytes: Buffer.concat(pieces), headers: request.headers, url });
        response.writeHead(201).end();
      }
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => { server.closeAllConnections(); server.close(); });
  storage.port = server.address().port;
  storage.endpoint = `http://127.0.0.1:${storage.port}/account`;
  /** Of the account, with a key. */
  storage.connectionString = `AccountName=account;AccountKey=c2VjcmV0;BlobEndpoint=${storage.endpoint}`;
  return storage;
}
