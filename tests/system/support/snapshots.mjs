// SPDX-License-Identifier: MIT
// A camera of the kind that gives a picture by HTTP: with digest authentication (RFC 7616), and with
// the bad manners that such cameras have.
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';

function hash(algorithm, ...parts) {
  return createHash(algorithm === 'MD5' ? 'md5' : 'sha256').update(parts.join(':')).digest('hex');
}

/** What stands in `Authorization: Digest ...`. */
function fields(header) {
  const found = {};
  for (const [, name, quoted, plain] of header.matchAll(/(\w+)=(?:"([^"]*)"|([^,\s]+))/g)) found[name] = quoted ?? plain;
  return found;
}

export class Snapshots {
  /** Answers that were pictures. */
  given = 0;
  /** Requests, also those that were refused. */
  requests = 0;
  /** How the next requests are answered: (response, picture) => ..., or undefined for a picture. */
  manners;

  /** `next(index)` gives the picture with that number. */
  constructor(next, { user, password, algorithm = 'SHA-256' } = {}) {
    this.next = next;
    this.user = user;
    this.password = password;
    this.algorithm = algorithm;
    this.realm = 'camera';
    this.nonce = randomBytes(16).toString('hex');
    this.server = http.createServer((request, response) => this.answer(request, response));
  }

  async listen() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/snapshot.jpg`;
    return this;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  isAllowed(request) {
    if (!this.user) return true;
    const given = fields(request.headers.authorization ?? '');
    const who = hash(this.algorithm, this.user, this.realm, this.password);
    const what = hash(this.algorithm, request.method, request.url);
    return given.username === this.user && given.nonce === this.nonce && given.uri === request.url &&
      given.response === hash(this.algorithm, who, this.nonce, given.nc, given.cnonce, given.qop, what);
  }

  answer(request, response) {
    this.requests += 1;
    if (!this.isAllowed(request)) {
      response.writeHead(401, {
        'WWW-Authenticate':
          `Digest realm="${this.realm}", nonce="${this.nonce}", qop="auth", algorithm=${this.algorithm}`,
      });
      response.end('who are you?');
      return;
    }
    const picture = this.next(this.given);
    if (this.manners) {
      this.manners(response, picture);
      return;
    }
    this.given += 1;
    response.writeHead(200, { 'Content-Type': 'image/jpeg', 'Content-Length': picture.length });
    response.end(picture);
  }
}

export async function startSnapshots(test, next, options) {
  const snapshots = await new Snapshots(next, options).listen();
  test.after(() => snapshots.close());
  return snapshots;
}
