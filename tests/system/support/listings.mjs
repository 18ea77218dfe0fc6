// SPDX-License-Identifier: MIT
// A stand-in for the listings of both networks over TLS: the devices of The Things Stack's
// Identity Server and the modules of Myriota's Device Manager, page by page.
import assert from 'node:assert/strict';

import { apiKey, errorDocument } from './things_stack.mjs';
import { startTlsServer } from './tls_server.mjs';

export const myriotaToken = 'a-token-for-modules';

const MAXIMUM_REQUESTS = 1000;

export class Listings {
  /** Per application of The Things Stack: { device_id, dev_eui, attributes }. */
  applications = new Map();
  /** Of Myriota: { Id, Attributes }, as the API shows them. */
  modules = [];
  modulesPerPage = 2;
  /** Requests that came: { path, query, status }. */
  requests = [];
  /** What was wrong with requests; a test ends with a look at it. */
  faults = [];
  /** While set, connections are cut without an answer. */
  away = false;
  /** While set, every page of modules says that this is the next one. */
  endless = undefined;
  #answers = [];

  constructor(server) {
    this.server = server;
    server.on('request', (request, response) => {
      try {
        this.#handle(request, response);
      } catch (error) {
        this.faults.push(error.message);
        this.#answer(response, 400, errorDocument('validation', error.message, 3));
      }
    });
  }

  get thingsUrl() {
    return `https://localhost:${this.server.address().port}/api/v3`;
  }

  get myriotaUrl() {
    return `https://localhost:${this.server.address().port}`;
  }

  /** Orders the answers to the next requests, one after the other: { status, headers }. */
  order(...answers) {
    this.#answers.push(...answers);
  }

  /** The queries of the requests for a path, oldest first. */
  queriesOf(path) {
    return this.requests.filter((each) => each.path === path).map((each) => each.query);
  }

  #handle(request, response) {
    if (this.away) {
      request.socket.destroy();
      return;
    }
    const url = new URL(request.url, this.myriotaUrl);
    const query = Object.fromEntries(url.searchParams);
    const ordered = this.#answers.shift();
    this.requests.push({ path: url.pathname, query, status: ordered?.status ?? 200 });
    assert.ok(this.requests.length <= MAXIMUM_REQUESTS, 'too many requests');
    assert.equal(request.method, 'GET');
    assert.match(request.headers['user-agent'] ?? '', /^isthmus/);
    if (ordered) {
      this.#answer(response, ordered.status, errorDocument('told', 'told to fail', 2),
        ordered.headers);
      return;
    }
    const [, application] = /^\/api\/v3\/applications\/([^/]+)\/devices$/.exec(url.pathname) ?? [];
    if (application) {
      this.#answer(response, 200, this.#devices(request, application, query));
    } else {
      assert.equal(url.pathname, '/v1/modules');
      this.#answer(response, 200, this.#page(request, query));
    }
  }

  #devices(request, application, query) {
    assert.equal(request.headers.authorization, `Bearer ${apiKey}`);
    assert.equal(query.field_mask, 'attributes');
    assert.equal(query.order, 'device_id');
    const limit = Number(query.limit);
    const from = (Number(query.page) - 1) * limit;
    assert.ok(limit >= 1 && limit <= 1000 && from >= 0, request.url);
    const page = (this.applications.get(application) ?? []).slice(from, from + limit);
    return page.length === 0 ? {} : {
      end_devices: page.map(({ device_id, dev_eui, attributes }) => ({
        ids: { device_id, application_ids: { application_id: application }, dev_eui },
        created_at: '2024-05-06T07:08:09Z',
        updated_at: '2024-05-06T07:08:09Z',
        attributes,
      })),
    };
  }

  #page(request, query) {
    assert.equal(request.headers.authorization, myriotaToken);
    assert.equal(query.Destinations, 'false');
    const from = query.NextItem ? this.modules.findIndex(({ Id }) => Id === query.NextItem) : 0;
    assert.ok(from >= 0 || this.endless, request.url);
    const next = this.modules[from + this.modulesPerPage];
    return {
      Items: this.modules.slice(from, from + this.modulesPerPage),
      NextItem: this.endless ?? next?.Id ?? '',
    };
  }

  #answer(response, status, body, headers = {}) {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  }
}

/** Starts the stand-in with a hub's certificate, which is valid for localhost. */
export async function startListings(test, hub) {
  const listings = new Listings(await startTlsServer(test, hub));
  test.after(() => assert.deepEqual(listings.faults, []));
  return listings;
}
