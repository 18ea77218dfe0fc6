// SPDX-License-Identifier: MIT
// Stand-ins for Myriota: a signer of deliveries, the host of its certificates, and a proxy that
// leads to that host whatever name is asked for.
import { randomUUID, sign } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

import { keyText, makeCertificate, makeKey } from './certificates.mjs';

export const realSubject = { C: 'AU', O: 'Myriota Pty Ltd', CN: 'security.myriota.com' };
export const endpointRef = 'ksnb8GB_TuGj:__jLfs2BQJ2d';

let packetTime = Date.UTC(2024, 4, 6, 7, 8, 9, 123);

/** A packet; each has a time of its own unless one is given. */
export function packetOf(terminal, value = '00ffCC', time = undefined) {
  packetTime += 1;
  return { Timestamp: time ?? packetTime, TerminalId: terminal, Value: value };
}

/** Signs deliveries with a key, as the one whose certificate is at `url`. */
export class Signer {
  constructor({ key = makeKey('rsa'), url, ...wish } = {}) {
    this.certificate = makeCertificate({ key, subject: realSubject, ...wish });
    this.url = url;
  }

  /** A signed delivery; `members` are set before it is signed, `Data` may be any text. */
  delivery(packets, members = {}) {
    const body = {
      EndpointRef: endpointRef,
      Timestamp: Math.floor(Date.now() / 1000),
      Data: JSON.stringify({ Packets: packets }),
      Id: randomUUID(),
      CertificateUrl: this.url,
      ...members,
    };
    const covered = [body.EndpointRef, body.Timestamp, body.Id, body.Data].join('\n');
    return { ...body, Signature: sign('sha256', Buffer.from(covered), this.certificate.key).toString('base64') };
  }
}

const listening = (server) => new Promise((resolve, reject) => {
  server.on('error', reject);
  server.listen(0, '127.0.0.1', () => resolve(server.address().port));
});

/** Ends a server and its connections with the test. */
function closeWithTest(test, server) {
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  test.after(() => new Promise((resolve) => {
    server.close(resolve);
    for (const socket of sockets) socket.destroy();
  }));
}

export class CertificateHost {
  /** Paths that were asked for. */
  requests = [];
  /** Path to bytes. */
  files = new Map();
  /** When set: its status is the answer to everything. */
  status = undefined;
  /** When set: a promise that is waited for before an answer. */
  gate = undefined;

  /** `root` (PEM) is what a client has to trust. */
  constructor(server, port, root) {
    this.port = port;
    this.root = root;
    server.on('request', (request, response) => this.#answer(request, response));
  }

  async #answer(request, response) {
    this.requests.push(request.url);
    await this.gate;
    const file = this.files.get(request.url);
    response.writeHead(this.status ?? (file ? 200 : 404), { 'content-type': 'application/x-x509-ca-cert' });
    response.end(this.status === undefined ? file : undefined);
  }

  /** Serves a signer's certificate; sets its URL. */
  serve(signer, path, form = 'pem') {
    this.files.set(path, signer.certificate[form]);
    signer.url = `https://localhost:${this.port}${path}`;
    return signer;
  }

  count(path) {
    return this.requests.filter((each) => each === path).length;
  }
}

/** Starts a certificate host for `localhost` and `security.myriota.com`; it ends with the test. */
export async function startCertificateHost(test) {
  const root = makeCertificate({
    key: makeKey(), subject: { CN: 'Root of a certificate host for tests' }, authority: true,
  });
  const key = makeKey();
  const own = makeCertificate({
    key, subject: { CN: 'localhost' }, hosts: ['localhost', realSubject.CN], issuer: root,
  });
  const server = https.createServer({ key: keyText(key), cert: own.pem });
  closeWithTest(test, server);
  return new CertificateHost(server, await listening(server), root.pem);
}

/** Starts a proxy (CONNECT) that leads to one port; resolves to { url, asked }. */
export async function startProxy(test, port) {
  const server = http.createServer();
  const asked = [];
  server.on('connect', (request, socket) => {
    asked.push(request.url);
    const onward = net.connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      socket.pipe(onward);
      onward.pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('close', () => onward.destroy());
  });
  closeWithTest(test, server);
  return { url: `http://127.0.0.1:${await listening(server)}`, asked };
}
