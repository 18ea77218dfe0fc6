// SPDX-License-Identifier: MIT
// A stand-in for a collector of OTLP/HTTP; OpenTelemetry's own messages decode what it is sent.
import { createRequire } from 'node:module';
import http from 'node:http';

const require = createRequire(import.meta.url);
const { opentelemetry } = require('@opentelemetry/otlp-transformer/build/src/generated/root.js');
const { trace, logs, metrics } = opentelemetry.proto.collector;

/** The message of each path. */
export const kinds = {
  '/v1/traces': trace.v1.ExportTraceServiceRequest,
  '/v1/logs': logs.v1.ExportLogsServiceRequest,
  '/v1/metrics': metrics.v1.ExportMetricsServiceRequest,
};
const results = {
  '/v1/traces': trace.v1.ExportTraceServiceResponse,
  '/v1/logs': logs.v1.ExportLogsServiceResponse,
  '/v1/metrics': metrics.v1.ExportMetricsServiceResponse,
};

/** An id as people write it, of one as JSON has bytes. */
export const hexOf = (base64) => Buffer.from(base64, 'base64').toString('hex');

const valueOf = (value) => Object.values(value)[0];

/** Attributes as an object of plain values. */
export const attributesOf = (list) => Object.fromEntries(
  list.map(({ key, value }) => [key, valueOf(value)]));

export class Collector {
  requests = [];
  answers = [];

  constructor(server, prefix) {
    this.prefix = prefix;
    this.endpoint = `http://127.0.0.1:${server.address().port}${prefix}`;
  }

  take(request, bytes, answer) {
    const path = request.url.slice(this.prefix.length);
    const message = kinds[path].toObject(kinds[path].decode(bytes),
      { longs: Number, bytes: String, arrays: true });
    const made = this.answers.shift()?.(path) ?? {};
    const { status = 200, headers = {}, partial = undefined } = made;
    this.requests.push({ url: request.url, path, headers: request.headers, message, bytes, status });
    answer.writeHead(status, { 'content-type': 'application/x-protobuf', ...headers });
    answer.end(partial && Buffer.from(results[path].encode({ partialSuccess: partial }).finish()));
  }

  /** What was taken of one kind of request, without what stands around it. */
  of(path, outer, scopes, inner) {
    return this.requests.filter((request) => request.path === path && request.status === 200)
      .flatMap((request) => request.message[outer])
      .flatMap((resource) => resource[scopes])
      .flatMap((scope) => scope[inner]);
  }

  get spans() { return this.of('/v1/traces', 'resourceSpans', 'scopeSpans', 'spans'); }

  get lines() { return this.of('/v1/logs', 'resourceLogs', 'scopeLogs', 'logRecords'); }

  get metrics() { return this.of('/v1/metrics', 'resourceMetrics', 'scopeMetrics', 'metrics'); }
}

export async function startCollector(test, prefix = '') {
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const collector = new Collector(server, prefix);
  server.on('request', (request, answer) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => collector.take(request, Buffer.concat(parts), answer));
  });
  test.after(() => { server.closeAllConnections(); server.close(); });
  return collector;
}
