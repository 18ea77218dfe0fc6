// SPDX-License-Identifier: MIT
// A stand-in for Application Insights' ingestion, as Microsoft's interface description v2.1 has it:
// it unpacks what it is sent, keeps the lines, and answers as it is told.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

import { eventually } from './program.mjs';

export const instrumentationKey = '11111111-2222-3333-4444-555555555555';

const schema = JSON.parse(readFileSync(
  fileURLToPath(new URL('../../data/insights/track-line.schema.json', import.meta.url))));

const isOfType = {
  object: (value) => value !== null && typeof value === 'object' && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
};

/** What of the words of JSON schema that the file uses the value breaks. */
function* faults(rule, value, path) {
  if (rule.type && !isOfType[rule.type](value)) { yield `${path}: no ${rule.type}`; return; }
  if ('const' in rule && rule.const !== value) yield `${path}: is not ${rule.const}`;
  if (rule.enum && !rule.enum.includes(value)) yield `${path}: ${value} is not allowed`;
  if (rule.pattern && !new RegExp(rule.pattern).test(value)) yield `${path}: ${value}`;
  if (rule.maxLength !== undefined && [...value].length > rule.maxLength) yield `${path}: too long`;
  if (rule.exclusiveMinimum !== undefined && value <= rule.exclusiveMinimum) yield `${path}: too small`;
  if (rule.maximum !== undefined && value > rule.maximum) yield `${path}: too large`;
  if (rule.minItems !== undefined && value.length < rule.minItems) yield `${path}: too few`;
  if (rule.maxItems !== undefined && value.length > rule.maxItems) yield `${path}: too many`;
  if (rule.items) for (const item of value) yield* faults(rule.items, item, `${path}[]`);
  for (const name of rule.required ?? []) if (!(name in value)) yield `${path}.${name}: missing`;
  for (const [name, inner] of Object.entries(rule.properties ?? {})) {
    if (value[name] !== undefined) yield* faults(inner, value[name], `${path}.${name}`);
  }
  if (isOfType.object(rule.additionalProperties)) {
    for (const [name, inner] of Object.entries(value)) {
      if (!rule.properties?.[name]) yield* faults(rule.additionalProperties, inner, `${path}.${name}`);
    }
  }
  if (rule.oneOf) {
    const found = rule.oneOf.map((one) => [...faults(one, value, path)]);
    if (found.filter((each) => each.length === 0).length !== 1) yield* found.flat();
  }
}

/** Rule A1: the line has the members and types of the interface description. */
export function assertEnvelope(item) {
  assert.deepEqual([...faults(schema, item, 'line')], [], JSON.stringify(item));
}

export class Ingestion {
  items = [];
  requests = [];

  /** What the next requests are answered: functions of a request that give { status, headers, body }. */
  answers = [];

  /** A test's own: requests are not answered before it is false. */
  hangs = false;

  constructor(server) {
    this.server = server;
    this.endpoint = `http://127.0.0.1:${server.address().port}`;
    this.connectionString = `InstrumentationKey=${instrumentationKey};IngestionEndpoint=${this.endpoint}/`;
  }

  take(request, bytes, answer) {
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes).toString() : bytes.toString();
    const lines = request.headers['content-type'].startsWith('application/json')
      ? JSON.parse(text) : text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const made = this.answers.shift()?.(lines) ?? {};
    const { status = 200, headers = {}, accepts = () => status === 200 } = made;
    this.requests.push({ path: request.url, headers: request.headers, text, lines, at: Date.now(), status });
    this.items.push(...lines.filter(accepts));
    if (this.hangs) return;
    answer.writeHead(status, { 'content-type': 'application/json', ...headers });
    answer.end(JSON.stringify(made.body ?? {
      itemsReceived: lines.length, itemsAccepted: lines.length, errors: [],
    }));
  }

  /** All the bytes that came, as text. */
  get text() {
    return this.requests.map((request) => request.text).join('\n');
  }

  of(type) {
    return this.items.filter((item) => item.data.baseType === type);
  }

  /** The first item of a type that fits, once it is there. */
  async item(type, fits = () => true, deadline = undefined) {
    return eventually(`a ${type}`, () => this.of(type).find((item) => fits(item.data.baseData, item)), deadline);
  }
}

export async function startIngestion(test) {
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ingestion = new Ingestion(server);
  server.on('request', (request, answer) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('error', () => {});
    request.on('end', () => ingestion.take(request, Buffer.concat(parts), answer));
  });
  test.after(() => { server.closeAllConnections(); server.close(); });
  return ingestion;
}
