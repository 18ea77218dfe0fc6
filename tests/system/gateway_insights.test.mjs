// SPDX-License-Identifier: MIT
// What Application Insights is told (rules A1 to A11), at a stand-in for its ingestion.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { accountKey, startAzurite } from './support/azurite.mjs';
import { provisionedBy, startGateway, uplinkOf, webhookKey } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { assertEnvelope, instrumentationKey, startIngestion } from './support/insights.mjs';
import { eventually } from './support/program.mjs';
import { startVault, token } from './support/vault.mjs';

const span = (id, stage) => createHash('sha256').update(`${id} ${stage}`).digest('hex').slice(0, 16);
const everything = { OperationsPerSecond: 1000, MetricsSeconds: 1 };

/** A gateway that tells a stand-in; `stop` has it send the rest. */
async function site(t, insights = everything, azure = provisionedBy) {
  const [hub, ingestion] = await Promise.all([startHub(t), startIngestion(t)]);
  const settings = {
    ConnectionStrings: { ApplicationInsights: ingestion.connectionString },
    Insights: insights,
  };
  return { hub, ingestion, settings, gateway: await startGateway(t, azure(hub), settings) };
}

/** Waits until the hub has accepted so many, then stops the gateway, which sends the rest. */
async function finish(s, accepted) {
  await eventually(`${accepted} accepted`, async () => (
    await s.gateway.metric('isthmus_events_accepted_total') === accepted));
  await s.gateway.stop();
}

test('a connection string in a vault is used when it is there, also a new one (K5, K6)', async (t) => {
  const [hub, first, second, vault] =
    await Promise.all([startHub(t), startIngestion(t), startIngestion(t), startVault(t)]);
  vault.set('insights', first.connectionString);
  vault.failure = { status: 500, code: 'InternalServerError' };
  const gateway = await startGateway(t, provisionedBy(hub), { Insights: everything }, undefined, {
    ...vault.environment, no_proxy: 'localhost,127.0.0.1',
    APPLICATIONINSIGHTS_CONNECTION_STRING: '@Microsoft.KeyVault(VaultName=v;SecretName=insights)',
  });
  assert.equal((await gateway.uplink(uplinkOf('herd', 'collar-17'))).status, 202);
  await hub.telemetryOf('collar-17');
  vault.failure = undefined;
  // What was told before waits for it.
  const request = await first.item('RequestData');
  assert.equal(request.iKey, instrumentationKey);
  vault.set('insights', second.connectionString.replace(instrumentationKey, instrumentationKey.replace('1', '9')));
  gateway.program.kill('SIGHUP');
  await eventually('the new one', async () => {
    await gateway.uplink(uplinkOf('herd', 'collar-17'));
    return second.items.length > 0;
  });
  assert.equal(second.items[0].iKey, instrumentationKey.replace('1', '9'));
  await gateway.stop();
});

test('an uplink is one operation, from webhook to hub (A1, A2, A3, A7)', async (t) => {
  const s = await site(t);
  const secret = 'decoded-value-that-stays-here';
  const body = uplinkOf('herd', 'collar-17', { decoded_payload: { secret } });
  const answer = await s.gateway.post('/things-stack/herd?code=query-that-stays-here', body);
  assert.equal(answer.status, 202);
  await finish(s, 1);

  const request = await s.ingestion.item('RequestData');
  const id = request.data.baseData.properties.MessageId;
  const [sent] = await s.hub.telemetryOf('collar-17');
  assert.equal(id, sent.messageId);
  assert.equal(request.tags['ai.operation.id'], id.replaceAll('-', ''));
  assert.equal(request.data.baseData.id, span(id, 'webhook'));
  assert.equal(request.data.baseData.name, 'POST /things-stack');
  assert.equal(request.data.baseData.responseCode, '202');
  assert.equal(request.data.baseData.success, true);
  assert.equal(request.iKey, instrumentationKey);
  assert.deepEqual(request.data.baseData.properties,
    { Network: 'things-stack', Application: 'herd', Answer: 'stored', MessageId: id });

  const send = await s.ingestion.item('RemoteDependencyData', (data) => data.name === 'send');
  const register = await s.ingestion.item('RemoteDependencyData', (data) => data.name !== 'send');
  for (const [item, stage, type] of [[send, 'send', 'Azure IoT Hub'], [register, 'register', 'Http']]) {
    assert.equal(item.tags['ai.operation.id'], request.tags['ai.operation.id']);
    assert.equal(item.tags['ai.operation.parentId'], request.data.baseData.id);
    assert.equal(item.data.baseData.id, span(id, stage));
    assert.equal(item.data.baseData.type, type);
    assert.equal(item.data.baseData.success, true);
  }
  assert.equal(send.data.baseData.resultCode, 'accepted');
  assert.equal(register.data.baseData.name, 'PUT /registrations/{id}/register');
  assert.equal(register.data.baseData.resultCode, '200');
  assert.equal(register.data.baseData.target, s.hub.info.dps.endpoint);

  await s.ingestion.item('MetricData', (data) => data.metrics[0].name === 'isthmus.webhook_to_accepted_seconds'
    && data.metrics[0].count === 1 && data.metrics[0].min > 0 && data.metrics[0].max < 60);
  await s.ingestion.item('MetricData', (data) => data.metrics[0].name === 'isthmus.webhooks'
    && data.properties.Answer === 'stored' && data.metrics[0].value === 1);
  s.ingestion.items.forEach(assertEnvelope);
  for (const taboo of [secret, 'query-that-stays', webhookKey, s.hub.info.dps.groupEnrollmentKey,
    body.uplink_message.frm_payload, 'collar-17']) {
    assert.equal(s.ingestion.text.includes(taboo), false, taboo);
  }
  const [first] = s.ingestion.requests;
  assert.equal(first.path, '/v2.1/track');
  assert.equal(first.headers['content-type'], 'application/x-json-stream');
  assert.equal(first.headers['content-encoding'], 'gzip');
});

test('many devices have few targets (A3)', async (t) => {
  const s = await site(t);
  for (let i = 0; i < 30; i += 1) await s.gateway.uplink(uplinkOf('herd', `collar-${i}`));
  await finish(s, 30);
  assert.equal(s.ingestion.of('RemoteDependencyData').filter((item) => item.data.baseData.name === 'send').length, 30);
  const targets = new Set(s.ingestion.of('RemoteDependencyData')
    .map((item) => `${item.data.baseData.type} ${item.data.baseData.target}`));
  assert.equal(targets.size, 2, [...targets].join());
});

test('a hub\'s refusal has its condition for a result (A3)', async (t) => {
  const s = await site(t);
  const condition = 'com.microsoft:device-container-throttled';
  await s.hub.control('POST', '/faults', { kind: 'reject', condition, times: 1 });
  await s.gateway.uplink(uplinkOf('herd', 'collar-1'));
  await finish(s, 1);
  const results = s.ingestion.of('RemoteDependencyData').map((item) => item.data.baseData)
    .filter((data) => data.name === 'send').map((data) => [data.resultCode, data.success]);
  assert.deepEqual(results, [[condition, false], ['accepted', true]]);
});

test('queues and vaults are dependencies, too, and show no secret (A3, A7)', async (t) => {
  const [hub, ingestion, vault, azurite] =
    await Promise.all([startHub(t), startIngestion(t), startVault(t), startAzurite(t)]);
  const queue = await azurite.create('uplink');
  vault.set('webhook-key', webhookKey);
  const gateway = await startGateway(t, provisionedBy(hub), {
    ConnectionStrings: {
      ApplicationInsights: ingestion.connectionString, UplinkQueueStorage: azurite.connectionString,
    },
    Insights: everything, UplinkQueueName: 'uplink', KeyVaultURI: 'https://one.vault.azure.net/',
    WebhookKeys: [{ KeyVault: 'webhook-key' }],
  }, undefined, { ...vault.environment, no_proxy: 'localhost,127.0.0.1' });
  await queue.sendMessage(JSON.stringify(uplinkOf('herd', 'collar-1')));
  await azurite.counts('uplink', 0);
  await finish({ gateway }, 1);
  const told = new Set(ingestion.of('RemoteDependencyData').map((item) => item.data.baseData)
    .map((data) => `${data.type} ${data.name} ${data.resultCode} ${data.success}`));
  for (const expected of [
    'Azure queue GET /{id}/uplink/messages 200 true',
    'Azure queue DELETE /{id}/uplink/messages/{id} 204 true',
    'Http GET /secrets/{id} 200 true',
  ]) assert.ok(told.has(expected), [...told].join('\n'));
  for (const taboo of [webhookKey, token, accountKey, 'popreceipt']) {
    assert.equal(ingestion.text.includes(taboo), false, taboo);
  }
});

test('an operation goes on after a restart under its id (A2)', async (t) => {
  // Nobody listens at port 9: the event waits.
  const s = await site(t, everything, (hub) => {
    const away = provisionedBy(hub);
    away.AzureIoTHub.DeviceProvisioningService.GlobalDeviceEndpoint = '127.0.0.1:9';
    return away;
  });
  await s.gateway.uplink(uplinkOf('herd', 'collar-17'));
  await s.gateway.stop();
  const request = await s.ingestion.item('RequestData');
  s.gateway = await startGateway(t, provisionedBy(s.hub), s.settings, s.gateway.directory);
  await finish(s, 1);
  const send = await s.ingestion.item('RemoteDependencyData', (data) => data.name === 'send');
  assert.equal(send.tags['ai.operation.id'], request.tags['ai.operation.id']);
  assert.equal(send.tags['ai.operation.parentId'], request.data.baseData.id);
});

test('an operation is told as a whole or not, and failures always (A4)', async (t) => {
  const s = await site(t, { MetricsSeconds: 3600 });
  const count = 400;
  for (let i = 0; i < count; i += 1) {
    await s.gateway.uplink(uplinkOf('herd', `collar-${i % 5}`, { received_at: new Date(i * 1000).toISOString() }));
  }
  assert.equal((await s.gateway.uplink(uplinkOf('herd', 'x'), { 'x-api-key': 'wrong-key-wrong-key' })).status, 401);
  await finish(s, count);
  const good = s.ingestion.of('RequestData').filter((item) => item.data.baseData.success);
  const bad = s.ingestion.of('RequestData').filter((item) => !item.data.baseData.success);
  const stand = good.reduce((sum, item) => sum + 100 / item.sampleRate, 0);
  assert.ok(good.length > 0 && good.length < count / 4, `${good.length} requests`);
  assert.ok(stand <= count + 0.5, `they stand for ${stand}`);
  assert.equal(bad.length, 1);
  assert.equal(bad[0].sampleRate, 100);
  assert.equal(bad[0].data.baseData.properties.Answer, 'unauthorized');
  const operations = new Set(good.map((item) => item.tags['ai.operation.id']));
  const sends = s.ingestion.of('RemoteDependencyData').filter((item) => item.data.baseData.name === 'send');
  assert.deepEqual(new Set(sends.map((item) => item.tags['ai.operation.id'])), operations);
});

test('what is refused for now is sent again, what is refused is not (A5)', async (t) => {
  const s = await site(t, { OperationsPerSecond: 1000, MetricsSeconds: 3600 });
  const asked = [];
  s.ingestion.answers.push((lines) => {
    asked.push(lines.length);
    return {
      status: 206,
      headers: { 'retry-after': '0' },
      accepts: (line) => lines.indexOf(line) > 1,
      body: {
        itemsReceived: lines.length, itemsAccepted: lines.length - 2,
        errors: [{ index: 0, statusCode: 500, message: 'Internal' },
          { index: 1, statusCode: 400, message: 'Bad' }],
      },
    };
  });
  for (let i = 0; i < 4; i += 1) await s.gateway.uplink(uplinkOf('herd', `collar-${i}`));
  await finish(s, 4);
  const [first, second] = s.ingestion.requests;
  assert.deepEqual(second.lines[0], first.lines[0]);
  assert.equal(second.lines.some((line) => JSON.stringify(line) === JSON.stringify(first.lines[1])), false);
});

test('a new address is followed (A5)', async (t) => {
  const s = await site(t, { MetricsSeconds: 3600 });
  const other = await startIngestion(t);
  s.ingestion.answers.push(() => ({ status: 308, headers: { location: `${other.endpoint}/v2.1/track` } }));
  await s.gateway.uplink(uplinkOf('herd', 'collar-1'));
  await finish(s, 1);
  assert.equal(s.ingestion.requests.length, 1);
  assert.equal(other.requests[0].path, '/v2.1/track');
  assert.deepEqual(other.requests[0].lines, s.ingestion.requests[0].lines);
});

test('a key that is none ends it, and the gateway goes on (A5)', async (t) => {
  const s = await site(t);
  s.ingestion.answers.push(() => ({ status: 400, body: { errors: [{ index: 0, statusCode: 400, message: 'Invalid instrumentation key' }] } }));
  await s.gateway.uplink(uplinkOf('herd', 'collar-1'));
  await s.gateway.logged('MONITOR_STOPPED');
  await s.gateway.uplink(uplinkOf('herd', 'collar-2'));
  await finish(s, 2);
  assert.equal(s.ingestion.requests.length, 1);
});

test('what is told goes with a token where Microsoft\'s variable says so (A5)', async (t) => {
  const [hub, ingestion, vault] = await Promise.all([startHub(t), startIngestion(t), startVault(t)]);
  const gateway = await startGateway(t, provisionedBy(hub),
    { ConnectionStrings: { ApplicationInsights: ingestion.connectionString } }, undefined,
    { ...vault.environment, no_proxy: 'localhost,127.0.0.1', APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD' });
  await gateway.uplink(uplinkOf('herd', 'collar-1'));
  await finish({ gateway }, 1);
  assert.ok(ingestion.requests.length > 0);
  for (const { headers } of ingestion.requests) assert.equal(headers.authorization, `Bearer ${token}`);
  assert.equal(vault.tokenRequests, 1);
  assert.equal(gateway.program.tail.includes(token), false);
});

test('an ingestion that hangs is in nobody\'s way (A6)', async (t) => {
  const s = await site(t, { OperationsPerSecond: 100000, MetricsSeconds: 3600 });
  s.ingestion.hangs = true;
  for (let i = 0; i < 1200; i += 1) {
    await s.gateway.uplink(uplinkOf('herd', 'collar-1', { received_at: new Date(i * 1000).toISOString() }));
  }
  await eventually('all sent', async () => await s.gateway.metric('isthmus_events_accepted_total') === 1200);
  assert.ok(await s.gateway.metric('isthmus_insights_dropped_total') > 1000);
  assert.equal(s.ingestion.requests.length, 1);
  await s.gateway.stop();
});

test('of equal warnings ten a minute are told, and how many were not (A9)', async (t) => {
  const s = await site(t);
  const uplinks = Array.from({ length: 11 }, (_, i) => uplinkOf('herd', `collar ${i}`));
  for (const uplink of uplinks) assert.equal((await s.gateway.uplink(uplink)).status, 400);
  await s.gateway.stop();
  const told = s.ingestion.of('MessageData').filter((item) => item.data.baseData.properties.Id === 'WEBHOOK_PART_REFUSED');
  assert.equal(told.length, 11);
  assert.equal(told.filter((item) => item.data.baseData.properties.Suppressed === undefined).length, 10);
  assert.equal(told.find((item) => item.data.baseData.properties.Suppressed)?.data.baseData.properties.Suppressed, '1');
  assert.equal(told[0].data.baseData.severityLevel, 'Warning');
  s.ingestion.items.forEach(assertEnvelope);
});

test('failures name no device if they are told not to (A7)', async (t) => {
  const s = await site(t, { ...everything, DeviceIdsInFailures: false });
  assert.equal((await s.gateway.uplink(uplinkOf('herd', 'collar with blanks'))).status, 400);
  await s.gateway.stop();
  assert.ok(s.ingestion.of('MessageData').length > 0);
  assert.equal(s.ingestion.text.includes('collar with blanks'), false, s.ingestion.text);
});

test('Microsoft\'s own client sends what has the same form (A1)', async (t) => {
  const ingestion = await startIngestion(t);
  const { TelemetryClient } = createRequire(import.meta.url)('applicationinsights');
  const client = new TelemetryClient(ingestion.connectionString);
  client.config.samplingPercentage = 25;
  client.trackRequest({ name: 'POST /things-stack', url: 'http://gw1/things-stack', duration: 3.25, resultCode: '202', success: true, id: 'abcdef0123456789' });
  client.trackDependency({ name: 'send', data: '', target: 'hub1', dependencyTypeName: 'Azure IoT Hub', duration: 81, resultCode: 'accepted', success: true });
  client.trackTrace({ message: 'a warning', severity: 2 });
  client.trackException({ exception: new Error('a failure') });
  client.trackMetric({ name: 'isthmus.webhooks', value: 42 });
  await new Promise((resolve) => { client.flush({ callback: resolve }); });
  assert.ok(ingestion.items.length > 0);
  ingestion.items.forEach(assertEnvelope);
});
