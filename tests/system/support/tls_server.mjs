// SPDX-License-Identifier: MIT
// What stands in for a network's API: a server over TLS, and the body of a request to it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';

/** A server with a hub's certificate, which is valid for localhost; it ends with the test. */
export async function startTlsServer(test, hub) {
  const server = https.createServer({
    cert: await readFile(join(hub.directory, 'server.pem')),
    key: await readFile(join(hub.directory, 'server-key.pem')),
    minVersion: 'TLSv1.2',
  });
  await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, 'localhost', resolve);
  });
  test.after(() => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));
  return server;
}

/** The body, of at most so many bytes. */
export async function bodyOf(request, most) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    assert.ok(size <= most, 'the body is too long');
    parts.push(part);
  }
  return Buffer.concat(parts);
}
