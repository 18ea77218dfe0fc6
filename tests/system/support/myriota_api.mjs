// SPDX-License-Identifier: MIT
// A stand-in for Myriota's Device Manager: its control messages over TLS, one pending message per
// module, delivered on order; its list of modules is empty. Bounded: what a test forgets ends with the test.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { eventually } from './program.mjs';
import { bodyOf, startTlsServer } from './tls_server.mjs';

export const apiToken = 'eyJ.A-TOKEN-FOR-TESTS';

const MAXIMUM_BODY = 4 * 1024;
const MAXIMUM_REQUESTS = 1000;
const path = '/v1/control-messages';
const pendingText = 'a message is already pending for this module';

export class Myriota {
  /** Every message that was taken: { module, hex }. */
  taken = [];
  /** Requests that came, with their answers: { module, hex, status }. */
  requests = [];
  /** What was wrong with requests; a test ends with a look at it. */
  faults = [];
  /** The list of modules: { Id, Attributes }. */
  modules = [];
  #pending = new Map();
  #answers = [];

  constructor(server) {
    this.server = server;
    server.on('request', (request, response) => {
      this.#handle(request, response).catch((error) => {
        this.faults.push(error.message);
        this.#answer(response, 400, { message: error.message });
      });
    });
  }

  get baseUrl() {
    return `https://localhost:${this.server.address().port}`;
  }

  /**
   * Orders the answers to the next requests, one after the other. Members: `status` and `message`;
   * `take`: take it nevertheless, as far as nothing is pending; `drop`: no answer, the connection
   * is cut; `hold`: a promise to wait for before the answer; `before`: called once the message was
   * taken or not.
   */
  order(...answers) {
    this.#answers.push(...answers);
  }

  /** The module gets what is pending for it; returns its hex text. */
  deliver(module) {
    const hex = this.#pending.get(module);
    assert.ok(hex !== undefined, `nothing is pending for ${module}`);
    this.#pending.delete(module);
    return hex;
  }

  pending(module) {
    return this.#pending.get(module);
  }

  /** What was taken for a module, oldest first. */
  takenOf(module) {
    return this.taken.filter((each) => each.module === module).map((each) => each.hex);
  }

  /** Resolves to the message number `count` (from 1) that was taken for a module. */
  async message(module, count = 1, deadlineMs = undefined) {
    return eventually(`message ${count} for ${module}`, () => {
      assert.deepEqual(this.faults, []);
      return this.takenOf(module)[count - 1];
    }, deadlineMs);
  }

  /** How many requests for a module were answered with a status. */
  count(module, status) {
    return this.requests.filter((each) => each.module === module && each.status === status).length;
  }

  async #handle(request, response) {
    const body = await bodyOf(request, MAXIMUM_BODY);
    if (request.method === 'GET' && request.url === '/v1/modules?Destinations=false') {
      this.#answer(response, 200, { Items: this.modules, NextItem: '' });
      return;
    }
    const { ModuleId: module, Message: hex } = this.#check(request, body);
    const entry = { module, hex };
    this.requests.push(entry);
    assert.ok(this.requests.length <= MAXIMUM_REQUESTS, 'too many requests');

    const order = this.#answers.shift() ?? {};
    const free = !this.#pending.has(module);
    const status = order.status ?? (free ? 200 : 400);
    if (free && (status === 200 || order.take)) {
      this.#pending.set(module, hex);
      this.taken.push({ module, hex });
    }
    entry.status = status;
    if (order.before) await order.before();
    if (order.hold) await order.hold;
    if (order.drop) {
      request.socket.destroy();
      return;
    }
    this.#answer(response, status, status === 200
      ? { Id: randomUUID(), ModuleId: module, Status: 'Pending' }
      : { message: order.message ?? (status === 400 ? pendingText : 'told to fail') });
  }

  #check(request, body) {
    assert.equal(request.method, 'POST');
    assert.equal(request.url, path);
    assert.equal(request.headers.authorization, apiToken);
    assert.equal(request.headers['content-type'], 'application/json');
    const json = JSON.parse(body.toString());
    assert.deepEqual(Object.keys(json).sort(), ['Message', 'ModuleId']);
    assert.match(json.Message, /^([0-9a-f]{2}){1,20}$/);
    return json;
  }

  #answer(response, status, body) {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  /** Cuts all connections. */
  cut() {
    this.server.closeAllConnections();
  }
}

/** Starts the stand-in with a hub's certificate, which is valid for localhost. */
export async function startMyriota(test, hub) {
  return new Myriota(await startTlsServer(test, hub));
}
