// SPDX-License-Identifier: MIT
// What a collector of OTLP is told (rules O1 to O3), decoded by OpenTelemetry's own messages.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { attributesOf, hexOf, kinds, startCollector } from './support/collector.mjs';
import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { decoded, shapeOf } from './support/otlp_shape.mjs';
import { eventually } from './support/program.mjs';

const span = (id, stage) => createHash('sha256').update(`${id} ${stage}`).digest('hex').slice(0, 16);

async function site(t, { otlp = {}, environment = {}, prefix = '' } = {}) {
  const [hub, collector] = await Promise.all([startHub(t), startCollector(t, prefix)]);
  const settings = {
    Otlp: { Endpoint: collector.endpoint, ...otlp },
    Insights: { OperationsPerSecond: 1000, MetricsSeconds: 3600 },
  };
  const gateway = await startGateway(t, provisionedBy(hub), settings, undefined, environment);
  return { hub, collector, gateway };
}

async function finish(s, accepted) {
  await eventually(`${accepted} accepted`, async () => (
    await s.gateway.metric('isthmus_events_accepted_total') === accepted));
  await s.gateway.stop();
}

test('an uplink is one trace, numbers and warnings beside it (O1)', async (t) => {
  const s = await site(t, { otlp: { ResourceAttributes: 'site=farm%20one, tier = test' } });
  await s.gateway.uplink(uplinkOf('herd', 'collar-17'));
  assert.equal((await s.gateway.uplink(uplinkOf('herd', 'collar with blanks'))).status, 400);
  await finish(s, 1);

  const request = s.collector.spans.find((each) => each.name === 'POST /things-stack' && !each.status);
  const attributes = attributesOf(request.attributes);
  const id = attributes['isthmus.message_id'];
  assert.equal(hexOf(request.traceId), id.replaceAll('-', ''));
  assert.equal(hexOf(request.spanId), span(id, 'webhook'));
  assert.equal(request.kind, 2);
  assert.equal(attributes['http.request.method'], 'POST');
  assert.equal(attributes['http.route'], '/things-stack');
  assert.equal(attributes['http.response.status_code'], 202);
  assert.equal(attributes['isthmus.application'], 'herd');
  assert.ok(request.endTimeUnixNano >= request.startTimeUnixNano);
  const send = s.collector.spans.find((each) => each.name === 'send');
  assert.equal(send.traceId, request.traceId);
  assert.equal(send.parentSpanId, request.spanId);
  assert.equal(send.kind, 4);
  assert.equal(attributesOf(send.attributes)['messaging.system'], 'iothub');
  const refused = s.collector.spans.find((each) => each.status);
  assert.equal(refused.status.code, 2);
  assert.equal(attributesOf(refused.attributes)['http.response.status_code'], 400);

  const line = s.collector.lines.find((each) => attributesOf(each.attributes)['isthmus.id'] === 'WEBHOOK_PART_REFUSED');
  assert.equal(line.severityNumber, 13);
  assert.equal(line.severityText, 'WARN');
  assert.equal(line.body.stringValue, 'A part of a webhook was not stored');

  const stored = s.collector.metrics.find((each) => each.name === 'isthmus.webhooks');
  assert.equal(stored.sum.isMonotonic, true);
  assert.deepEqual(stored.sum.dataPoints.map((each) => [attributesOf(each.attributes)['isthmus.answer'], each.asInt]),
    [['stored', 1], ['malformed', 1]]);
  const times = s.collector.metrics.find((each) => each.name === 'isthmus.webhook_to_accepted_seconds');
  const [point] = times.histogram.dataPoints;
  assert.equal(point.count, 1);
  assert.equal(point.bucketCounts.length, point.explicitBounds.length + 1);
  assert.equal(point.bucketCounts.reduce((a, b) => a + b), 1);
  assert.ok(s.collector.metrics.find((each) => each.name === 'isthmus.events_waiting').gauge);

  const [resource] = s.collector.requests[0].message.resourceSpans;
  const own = attributesOf(resource.resource.attributes);
  assert.equal(own['service.name'], 'isthmus');
  assert.equal(own.site, 'farm one');
  assert.equal(own.tier, 'test');
  assert.equal(resource.scopeSpans[0].scope.name, 'isthmus');
});

const resourceMembers = {
  'resource.attributes[].key': 'string', 'resource.attributes[].value.stringValue': 'string',
};
const pointMembers = { startTimeUnixNano: 'nanoseconds', timeUnixNano: 'nanoseconds' };
const attributeMembers = (path) => ({ [`${path}[].key`]: 'string', [`${path}[].value.stringValue`]: 'string' });
const below = (path, members) => Object.fromEntries(
  Object.entries(members).map(([name, kind]) => [`${path}${name}`, kind]));

/** What OpenTelemetry's own exporter sends of what a gateway has to tell. */
const shapes = {
  traces: below('resourceSpans[].', {
    ...resourceMembers, 'scopeSpans[].scope.name': 'string', 'scopeSpans[].scope.version': 'string',
    ...below('scopeSpans[].spans[].', {
      traceId: 'trace id', spanId: 'span id', parentSpanId: 'span id', name: 'string', kind: 'number',
      startTimeUnixNano: 'nanoseconds', endTimeUnixNano: 'nanoseconds', ...attributeMembers('attributes'),
      'attributes[].value.intValue': 'string', 'status.code': 'number', 'status.message': 'string',
    }),
  }),
  logs: below('resourceLogs[].', {
    ...resourceMembers, 'scopeLogs[].scope.name': 'string',
    ...below('scopeLogs[].logRecords[].', {
      timeUnixNano: 'nanoseconds', observedTimeUnixNano: 'nanoseconds', severityNumber: 'number',
      severityText: 'string', 'body.stringValue': 'string', ...attributeMembers('attributes'),
    }),
  }),
  metrics: below('resourceMetrics[].', {
    ...resourceMembers, 'scopeMetrics[].scope.name': 'string',
    ...below('scopeMetrics[].metrics[].', {
      name: 'string', unit: 'string',
      ...below('sum.', {
        aggregationTemporality: 'number', isMonotonic: 'boolean',
        ...below('dataPoints[].', { ...pointMembers, ...attributeMembers('attributes') }),
      }),
      ...below('gauge.dataPoints[].', pointMembers),
      ...below('histogram.', {
        aggregationTemporality: 'number',
        ...below('dataPoints[].', {
          ...pointMembers, count: 'string', sum: 'number', 'bucketCounts[]': 'string', 'explicitBounds[]': 'number',
        }),
      }),
    }),
  }),
};

/** What a gateway has beside them: whole numbers, its version, a line's trace, kinds of a gauge. */
const own = /(\.asInt|scope\.version|logRecords\[\]\.traceId|gauge\.dataPoints\[\]\.attributes\[\]\.[a-zA-Z.]+)$/;

async function told(t) {
  const s = await site(t);
  await s.gateway.uplink(uplinkOf('herd', 'collar-17'));
  await s.gateway.uplink(uplinkOf('herd', 'collar with blanks'));
  await finish(s, 1);
  return (kind) => {
    const path = `/v1/${kind}`;
    const of = s.collector.requests.filter((request) => request.path === path);
    return of.reduce((shape, { bytes }) => shapeOf(decoded(kinds[path], bytes), '', shape), new Map());
  };
}

test('the bytes have the tree of OpenTelemetry\'s own exporter (O1)', async (t) => {
  const shape = await told(t);
  for (const [kind, expected] of Object.entries(shapes)) {
    const found = shape(kind);
    for (const [path, form] of Object.entries(expected)) assert.equal(found.get(path), form, `${kind}: ${path}`);
    for (const path of found.keys()) assert.ok(expected[path] || own.test(path), `${kind} has ${path}`);
  }
});

const samples = process.env.ISTHMUS_TEST_DATA && join(process.env.ISTHMUS_TEST_DATA, 'azure-operations', 'otlp');

test('that tree is what the exporter was seen to send (O1)', {
  skip: samples ? false : 'the exporter\'s messages are where ISTHMUS_TEST_DATA says',
}, async () => {
  for (const [kind, expected] of Object.entries(shapes)) {
    const bytes = shapeOf(decoded(kinds[`/v1/${kind}`], await readFile(join(samples, `${kind}.protobuf`))));
    const json = shapeOf(JSON.parse(await readFile(join(samples, `${kind}.json`), 'utf8')));
    for (const [path, form] of Object.entries(expected)) {
      assert.equal(bytes.get(path), form, `${kind}: ${path} of the bytes`);
      // JSON has small whole numbers as such.
      assert.ok(json.get(path) === form || (form === 'string' && json.get(path) === 'number'),
        `${kind}: ${path} of the text is ${json.get(path)}`);
    }
  }
});

test('a path, headers and the environment count (O2)', async (t) => {
  const s = await site(t, {
    prefix: '/otlp',
    otlp: { Headers: 'x-team=herd%20one,authorization=Basic%20abc' },
    environment: { OTEL_SERVICE_NAME: 'barn' },
  });
  await s.gateway.uplink(uplinkOf('herd', 'collar-17'));
  await finish(s, 1);
  const [first] = s.collector.requests;
  assert.equal(first.url, '/otlp/v1/traces');
  assert.equal(first.headers['content-type'], 'application/x-protobuf');
  assert.equal(first.headers['x-team'], 'herd one');
  assert.equal(first.headers.authorization, 'Basic abc');
  assert.equal(attributesOf(first.message.resourceSpans[0].resource.attributes)['service.name'], 'barn');
});

test('what is refused for now is sent again (O2)', async (t) => {
  const s = await site(t);
  s.collector.answers.push(() => ({ status: 503, headers: { 'retry-after': '0' } }));
  await s.gateway.uplink(uplinkOf('herd', 'collar-17'));
  await finish(s, 1);
  const [first] = s.collector.requests;
  assert.equal(first.status, 503);
  const again = s.collector.requests.find((request) => request !== first && request.path === first.path);
  assert.deepEqual(again.bytes, first.bytes);
});

test('refused parts are told and not sent again (O2)', async (t) => {
  const s = await site(t);
  s.collector.answers.push(() => ({ partial: { rejectedSpans: 1, errorMessage: 'too old' } }));
  await s.gateway.uplink(uplinkOf('herd', 'collar-17'));
  await finish(s, 1);
  const away = s.gateway.log.find((entry) => entry.id === 'MONITOR_AWAY');
  assert.equal(away.service, 'OTLP traces');
  assert.equal(away.reason, '1 items were refused: too old');
  assert.equal(s.collector.requests.filter((request) => request.path === '/v1/traces').length, 1);
});

test('numbers are cumulative, or of the time since the last ones if so asked (O3)', async (t) => {
  const temporalities = { Cumulative: 2, Delta: 1 };
  for (const [preference, number] of Object.entries(temporalities)) {
    const s = await site(t, { environment: { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference.toLowerCase() } });
    await s.gateway.uplink(uplinkOf('herd', 'collar-17'));
    await finish(s, 1);
    const sum = s.collector.metrics.find((each) => each.name === 'isthmus.events_accepted');
    assert.equal(sum.sum.aggregationTemporality, number, preference);
    const times = s.collector.metrics.find((each) => each.histogram);
    assert.equal(times.histogram.aggregationTemporality, number, preference);
  }
});
