// SPDX-License-Identifier: MIT
// A Key Vault and the metadata service of a virtual machine, as their documentation describes them.
// The vault is reached by its real name: through a proxy that leads every name to this machine.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { keyText, makeCertificate, makeKey } from './certificates.mjs';
import { temporaryDirectory } from './program.mjs';

export const token = 'TOKEN-OF-THE-STAND-IN';

const listen = (server) => new Promise((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve(server.address().port));
});

function certificates() {
  const authority = makeCertificate({ key: makeKey(), subject: { CN: 'vault authority' }, authority: true });
  const server = makeCertificate({
    key: makeKey(), subject: { CN: 'vault' }, issuer: authority, hosts: ['*.vault.azure.net'],
  });
  return { authority, server };
}

export class Vault {
  /** NAME to its versions, the newest last: { value, version }. */
  secrets = new Map();
  requests = [];
  tokenRequests = 0;
  /** What every request is answered instead: { status, code, headers }. */
  failure = undefined;

  set(name, value) {
    const versions = this.secrets.get(name) ?? [];
    versions.push({ value, version: `${versions.length + 1}`.padStart(32, '0') });
    this.secrets.set(name, versions);
  }

  answer(request, response) {
    const url = new URL(request.url, `https://${request.headers.host}`);
    const [, kind, name, version] = url.pathname.split('/');
    const reply = (status, body, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    };
    this.requests.push(`${request.method} ${url.host}${url.pathname}${url.search}`);
    if (this.failure) {
      const { status, code, headers } = this.failure;
      return reply(status, { error: { code, message: 'no' } }, headers);
    }
    if (request.headers.authorization !== `Bearer ${token}`) {
      return reply(401, { error: { code: 'Unauthorized', message: 'no' } }, {
        'www-authenticate': 'Bearer authorization="https://login.microsoftonline.com/t", ' +
          'resource="https://vault.azure.net"',
      });
    }
    const found = (this.secrets.get(name) ?? [])
      .filter((each) => version === undefined || each.version === version).at(-1);
    if (kind !== 'secrets' || url.searchParams.get('api-version') !== '7.4' || !found) {
      return reply(404, { error: { code: 'SecretNotFound', message: 'not here' } });
    }
    return reply(200, {
      value: found.value,
      id: `https://${url.host}/secrets/${name}/${found.version}`,
      attributes: { enabled: true, created: 1700000000, updated: 1700000000 },
    });
  }

  answerToken(request, response) {
    const url = new URL(request.url, 'http://localhost');
    this.tokenRequests += 1;
    const good = url.pathname === '/metadata/identity/oauth2/token' &&
      ['https://vault.azure.net', 'https://storage.azure.com/', 'https://monitor.azure.com/'].includes(url.searchParams.get('resource')) &&
      request.headers.metadata === 'true';
    response.writeHead(good ? 200 : 400, { 'content-type': 'application/json' });
    response.end(JSON.stringify(good
      ? { access_token: token, expires_in: '3600', token_type: 'Bearer' }
      : { error: 'invalid_request' }));
  }
}

/** Starts both; `environment` is what a gateway needs to find them. They end with the test. */
export async function startVault(test) {
  const vault = new Vault();
  const { authority, server } = certificates();
  const keyVault = https.createServer({ key: keyText(server.key), cert: server.pem },
    (request, response) => vault.answer(request, response));
  const metadata = http.createServer((request, response) => vault.answerToken(request, response));
  const proxy = http.createServer();
  const sockets = new Set();
  const [vaultPort, metadataPort] = [await listen(keyVault), await listen(metadata)];
  proxy.on('connect', (request, socket) => {
    const way = net.connect(vaultPort, '127.0.0.1');
    sockets.add(socket).add(way);
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    socket.pipe(way).pipe(socket);
    for (const each of [socket, way]) each.on('error', () => {});
  });
  const proxyPort = await listen(proxy);
  const file = join(await temporaryDirectory(test, 'vault'), 'authority.pem');
  await writeFile(file, authority.pem);
  test.after(() => {
    for (const socket of sockets) socket.destroy();
    for (const each of [keyVault, metadata, proxy]) {
      each.close();
      each.closeAllConnections();
    }
  });
  vault.environment = {
    SSL_CERT_FILE: file,
    // Also the metadata service would go this way if it could.
    https_proxy: `http://127.0.0.1:${proxyPort}`,
    http_proxy: `http://127.0.0.1:${proxyPort}`,
    no_proxy: 'localhost',
    AZURE_POD_IDENTITY_AUTHORITY_HOST: `http://127.0.0.1:${metadataPort}`,
  };
  return vault;
}
