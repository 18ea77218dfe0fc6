// SPDX-License-Identifier: MIT
// A stand-in for The Things Stack's Application Server: its downlink API over TLS, and the event
// webhooks that tell what became of a downlink. Bounded: what a test forgets ends with the test.
import assert from 'node:assert/strict';

import { eventually } from './program.mjs';
import { bodyOf, startTlsServer } from './tls_server.mjs';

export const apiKey = 'NNSXS.A-KEY-FOR-TESTS';
export const webhookId = 'isthmus-webhook';

const MAXIMUM_BODY = 64 * 1024;
const MAXIMUM_REQUESTS = 1000;
const priorities = ['LOWEST', 'LOW', 'BELOW_NORMAL', 'NORMAL', 'ABOVE_NORMAL', 'HIGH', 'HIGHEST'];
const pathPattern = /^\/api\/v3\/as\/applications\/([^/]+)(?:\/webhooks\/([^/]+))?\/devices\/([^/]+)\/down(?:\/(push|replace))?$/;

/** The stack's error document. */
export function errorDocument(name, message, code) {
  return {
    code,
    message: `error:pkg/applicationserver:${name} (${message})`,
    details: [{
      '@type': 'type.googleapis.com/ttn.lorawan.v3.ErrorDetails',
      namespace: 'pkg/applicationserver',
      name,
      message_format: message,
      code,
    }],
  };
}

function checkItem(item) {
  assert.ok(Number.isInteger(item.f_port) && item.f_port >= 1 && item.f_port <= 223,
    `f_port ${item.f_port}`);
  assert.equal(typeof item.confirmed, 'boolean');
  assert.ok(priorities.includes(item.priority), `priority ${item.priority}`);
  assert.ok((item.frm_payload === undefined) !== (item.decoded_payload === undefined));
  if (item.decoded_payload !== undefined) {
    assert.equal(Object.prototype.toString.call(item.decoded_payload), '[object Object]');
  } else {
    assert.equal(Buffer.from(item.frm_payload, 'base64').toString('base64'), item.frm_payload);
  }
  assert.equal(item.correlation_ids.length, 1);
  assert.ok(item.correlation_ids.every((id) => id.length <= 100));
}

export class ThingsStack {
  /** Everything that was pushed or replaced and taken: { device, how, item }. */
  taken = [];
  /** Requests that came, with their answers: { method, path, status }. */
  requests = [];
  /** What was wrong with requests; a test ends with a look at it. */
  faults = [];
  #queues = new Map();
  #answers = [];

  constructor(server) {
    this.server = server;
    server.on('request', (request, response) => {
      this.#handle(request, response).catch((error) => {
        // Its sender was killed on the way.
        if (error.code === 'ECONNRESET') return;
        this.faults.push(error.message);
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end(JSON.stringify(errorDocument('validation', error.message, 3)));
      });
    });
  }

  get baseUrl() {
    return `https://localhost:${this.server.address().port}/api/v3/as/applications`;
  }

  /**
   * Orders the answers to the next requests of a kind (`down`: push and replace; `list`), one
   * after the other. Members: `status` and `headers`, `error` (name); `take`: take it
   * nevertheless; `drop`: no answer, the connection is cut; `hold`: a promise to wait for before
   * the answer; `before`: called once the downlink was taken or not; `device`: only for this one.
   */
  order(kind, ...answers) {
    for (const answer of answers) this.#answers.push({ kind, ...answer });
  }

  /** What waits for a device. */
  queue(device, application = 'application1') {
    const key = `${application}/${device}`;
    if (!this.#queues.has(key)) this.#queues.set(key, []);
    return this.#queues.get(key);
  }

  /** What was taken for a device, oldest first. */
  takenOf(device) {
    return this.taken.filter((each) => each.device === device).map((each) => each.item);
  }

  /** Resolves to the downlink number `count` (from 1) that was taken for a device. */
  async downlink(device, count = 1) {
    return eventually(`downlink ${count} of ${device}`, () => {
      assert.deepEqual(this.faults, []);
      return this.takenOf(device)[count - 1];
    });
  }

  count(how) {
    return this.requests.filter(({ path }) => path.endsWith(how)).length;
  }

  async #handle(request, response) {
    const body = await bodyOf(request, MAXIMUM_BODY);
    const [, application, webhook, device, how] = pathPattern.exec(request.url) ?? [];
    const entry = { method: request.method, path: request.url };
    this.requests.push(entry);
    assert.ok(this.requests.length <= MAXIMUM_REQUESTS, 'too many requests');
    assert.ok(device, `unknown path ${request.url}`);
    assert.equal(request.headers.authorization, `Bearer ${apiKey}`);
    assert.equal(request.method, how ? 'POST' : 'GET');
    if (how) this.#check(request, webhook);

    const index = this.#answers.findIndex((each) => each.kind === (how ? 'down' : 'list') &&
      (each.device === undefined || each.device === device));
    const answer = index < 0 ? { status: 200 } : this.#answers.splice(index, 1)[0];
    const status = answer.status ?? 200;
    if (how && (status === 200 || answer.take)) {
      this.#take(decodeURIComponent(application), decodeURIComponent(device), how,
        JSON.parse(body.toString()));
    }
    entry.status = status;
    if (answer.before) await answer.before();
    if (answer.hold) await answer.hold;
    if (answer.drop) {
      request.socket.destroy();
      return;
    }
    this.#answer(response, answer, status, how
      ? undefined : { downlinks: this.queue(decodeURIComponent(device), application) });
  }

  #check(request, webhook) {
    assert.equal(webhook, webhookId);
    assert.equal(request.headers['content-type'], 'application/json');
    assert.match(request.headers['user-agent'] ?? '', /^isthmus/);
  }

  #take(application, device, how, body) {
    const queue = this.queue(device, application);
    assert.deepEqual(Object.keys(body), ['downlinks']);
    assert.equal(body.downlinks.length, 1);
    checkItem(body.downlinks[0]);
    if (how === 'replace') queue.length = 0;
    for (const item of body.downlinks) {
      queue.push(item);
      this.taken.push({ application, device, how, item });
    }
  }

  #answer(response, { headers = {}, error }, status, body) {
    if (status !== 200) {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(errorDocument(error ?? 'some_error', 'told to fail', 2)));
    } else if (body) {
      response.writeHead(200, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    } else {
      response.writeHead(200, headers);
      response.end();
    }
  }

  /** Cuts all connections. */
  cut() {
    this.server.closeAllConnections();
  }

  /** Listens no more; resolves to a function that listens again at the same port. */
  async stop() {
    const { port } = this.server.address();
    const closed = new Promise((resolve) => { this.server.close(resolve); });
    this.cut();
    await closed;
    return () => new Promise((resolve) => { this.server.listen(port, 'localhost', resolve); });
  }

  /**
   * Posts an event webhook (queued, sent, ack, nack, failed) about a downlink that was taken, and
   * asserts that it is answered with 2xx. `error` of a failure: { name, code }.
   */
  async tell(gateway, kind, device, item, { error, application = 'application1' } = {}) {
    if (kind !== 'queued' && kind !== 'nack') this.#leave(device, application, item);
    const ids = ['as:downlink:01HXKPSBDZXSVPK8886PV9HG4K', ...item.correlation_ids];
    const downlink = {
      session_key_id: 'AY9bq1n0eV2zU1n1yqj6oQ==',
      f_cnt: 4,
      ...item,
      ...(kind === 'nack' && { confirmed_retry: { attempt: 1, max_attempts: 8 } }),
      correlation_ids: ids,
    };
    const answer = await gateway.uplink({
      end_device_ids: {
        device_id: device,
        application_ids: { application_id: application },
        dev_eui: '70B3D57ED0048A12',
        join_eui: '70B3D57ED0000001',
        dev_addr: '260D1F2B',
      },
      correlation_ids: ids,
      received_at: new Date().toISOString(),
      [`downlink_${kind}`]: kind !== 'failed' ? downlink : {
        downlink,
        error: {
          namespace: 'pkg/networkserver', message_format: 'told to fail', attributes: {}, ...error,
        },
      },
    });
    assert.ok(answer.status >= 200 && answer.status <= 299, `${kind}: ${answer.status}`);
  }

  #leave(device, application, item) {
    const queue = this.queue(device, application);
    const index = queue.findIndex((each) => each.correlation_ids[0] === item.correlation_ids[0]);
    if (index >= 0) queue.splice(index, 1);
  }
}

/** Starts the stand-in with a hub's certificate, which is valid for localhost. */
export async function startThingsStack(test, hub) {
  return new ThingsStack(await startTlsServer(test, hub));
}
