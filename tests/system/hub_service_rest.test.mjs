// SPDX-License-Identifier: MIT
// What services ask of the local hub beyond the first steps: queries, metadata, null, errors
// (rules W10, W14, W20).
import assert from 'node:assert/strict';
import https from 'node:https';
import test from 'node:test';

import { startHub } from './support/hub.mjs';
import { within } from './support/program.mjs';
import { openDevice, openRegistry, openService, sharedAccessSignature } from './support/sdk.mjs';

/** Calls the REST API; resolves to { status, headers, body }. */
function call(hub, method, path, { body, headers = {}, version = '2021-04-12' } = {}) {
  const { iothubowner, hostName } = hub.info.hubs[0];
  const [host, port] = hub.info.dps.endpoint.split(':');
  const token = sharedAccessSignature(hostName, /SharedAccessKey=(.*)$/.exec(iothubowner)[1], 60,
    'iothubowner');
  return within(path, new Promise((resolve, reject) => {
    const request = https.request({
      host, port, method, path: `${path}?api-version=${version}`,
      headers: { authorization: token, 'content-type': 'application/json', ...headers },
    }, (response) => {
      let text = '';
      response.on('data', (data) => {
        text += data;
      });
      response.on('end', () => resolve({
        status: response.statusCode, headers: response.headers, body: text && JSON.parse(text),
      }));
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  }));
}

async function withTwins(t) {
  const hub = await startHub(t);
  for (const [id, floor] of [['a', 1], ['b', 2], ['c', 2], ['d', 3]]) {
    await hub.device(id);
    await hub.control('PATCH', `/devices/${id}/twin/tags`, { floor });
  }
  return { hub, registry: openRegistry(hub, hub.info.hubs[0].iothubowner) };
}

async function all(query) {
  const found = [];
  // Without its token the SDK begins again, for ever.
  for (let page = 0; query.hasMoreResults && page < 20; page++) {
    found.push(...(await within('a page', query.next(query.continuationToken))).result);
  }
  return found;
}

test('queries choose, project, count and come in pages (W20)', async (t) => {
  const { hub, registry } = await withTwins(t);
  const ids = async (text, size) =>
    (await all(registry.createQuery(text, size))).map(({ deviceId }) => deviceId);

  assert.deepEqual(await ids('SELECT * FROM devices WHERE tags.floor = 2'), ['b', 'c']);
  assert.deepEqual(await ids("SELECT deviceId FROM devices WHERE deviceId IN ['d','a']"),
    ['a', 'd']);
  assert.deepEqual(await ids('SELECT * FROM devices WHERE tags.floor > 1', 1), ['b', 'c', 'd']);
  assert.deepEqual(await ids('SELECT TOP 3 * FROM devices', 2), ['a', 'b', 'c']);
  assert.deepEqual(await ids("SELECT * FROM devices WHERE connectionState = 'Connected'"), []);
  assert.deepEqual(
    await all(registry.createQuery('SELECT COUNT() AS n, tags.floor FROM devices GROUP BY tags.floor')),
    [{ floor: 1, n: 1 }, { floor: 2, n: 2 }, { floor: 3, n: 1 }]);
  assert.deepEqual(await all(registry.createQuery('SELECT * FROM devices.modules')), []);
  const whole = await call(hub, 'POST', '/devices/query', { body: { query: 'SELECT * FROM devices' } });
  assert.equal(whole.headers['x-ms-item-type'], 'Twin');
  const raw = await call(hub, 'POST', '/devices/query', {
    body: { query: 'SELECT deviceId FROM devices' } });
  assert.equal(raw.headers['x-ms-item-type'], 'Raw');
});

test('a wrong query is told with the place of the mistake (W20)', async (t) => {
  const { hub } = await withTwins(t);
  const { status, body } = await call(hub, 'POST', '/devices/query', {
    body: { query: 'SELECT * FROM devices WHERE tags.floor == 2' } });

  assert.equal(status, 400);
  assert.match(body.Message, /^ErrorCode:ArgumentInvalid;'=' at character 41 of the query/);
  for (const wrong of [{}, { query: '' }, { query: 5 }]) {
    assert.equal((await call(hub, 'POST', '/devices/query', { body: wrong })).status, 400);
  }
  for (const headers of [{ 'x-ms-continuation': 'x' }, { 'x-ms-max-item-count': '0' }]) {
    assert.equal((await call(hub, 'POST', '/devices/query', {
      body: { query: 'SELECT * FROM devices' }, headers })).status, 400);
  }
});

test('a twin has versions and the times of its properties (W10)', async (t) => {
  const { hub, registry } = await withTwins(t);
  const { responseBody: before } = await registry.getTwin('a');

  assert.equal(before.properties.desired.$version, 1);
  assert.match(before.properties.desired.$metadata.$lastUpdated, /^\d{4}-\d\d-\d\dT/);
  await registry.updateTwin('a', { properties: { desired: { x: { y: 1, z: 2 } } } }, '*');
  await registry.updateTwin('a', { properties: { desired: { x: { z: null, w: [1] } } } }, '*');
  const { responseBody: twin } = await registry.getTwin('a');
  const { $metadata: metadata, $version: version, ...desired } = twin.properties.desired;
  assert.deepEqual(desired, { x: { y: 1, w: [1] } });
  assert.equal(version, 3);
  assert.equal(metadata.$lastUpdatedVersion, 3);
  assert.equal(metadata.x.y.$lastUpdatedVersion, 2);
  assert.equal(metadata.x.w.$lastUpdatedVersion, 3);
  assert.ok(!('z' in metadata.x));
  assert.ok(twin.version > before.version);
  assert.deepEqual(twin.capabilities, { iotEdge: false });
  const restarted = await restart(t, hub);
  const { body } = await call(restarted, 'GET', '/twins/a');
  assert.deepEqual(body.properties.desired.$metadata, metadata);
});

async function restart(t, hub) {
  await hub.program.stop();
  return startHub(t, { directory: hub.directory });
}

test('null clears a section, and null is a payload (W9, W10)', async (t) => {
  const { hub, registry } = await withTwins(t);
  const { connectionString } = await hub.device('a');

  await registry.updateTwin('a', { properties: { desired: { x: 1 } }, tags: { room: 'r' } }, '*');
  await registry.updateTwin('a', { properties: { desired: null }, tags: null }, '*');
  const { responseBody: twin } = await registry.getTwin('a');
  assert.deepEqual(Object.keys(twin.properties.desired), ['$version', '$metadata']);
  assert.deepEqual(twin.tags, {});
  const client = await openDevice(t, connectionString);
  const service = await openService(t, hub, hub.info.hubs[0].service);
  client.onDeviceMethod('echo', (request, response) => {
    response.send(200, { got: request.payload }, () => {});
  });
  const { result } = await within('invoke', service.invokeDeviceMethod('a', {
    methodName: 'echo', payload: null, connectTimeoutInSeconds: 10, responseTimeoutInSeconds: 10,
  }));
  assert.deepEqual(result, { status: 200, payload: { got: null } });
});

test('what is wrong or not there is said (W14)', async (t) => {
  const { hub } = await withTwins(t);
  const put = (body) => call(hub, 'PUT', '/devices/e', { body: { deviceId: 'e', ...body } });

  assert.equal((await put({ status: 'sleepy' })).status, 400);
  assert.deepEqual((await put({ capabilities: { iotEdge: true } })).body.capabilities,
    { iotEdge: true });
  for (const version of ['1999-01-01', '2015-01-01', 'x', '2021-04-12x', '2021-4-12']) {
    assert.equal((await call(hub, 'GET', '/devices', { version })).status, 400, version);
  }
  for (const version of ['2016-11-14', '2021-04-12', '2020-05-31-preview']) {
    assert.equal((await call(hub, 'GET', '/devices', { version })).status, 200, version);
  }
  for (const [path, what] of [['/twins/a/streams/s', 'device streams']]) {
    const { status, body } = await call(hub, 'GET', path);
    assert.equal(status, 501);
    assert.equal(body.Message, `ErrorCode:NotImplemented;the local hub has no ${what}`);
  }
  for (const [path, code] of [['/no/such', 'NotFound'], ['/jobs/v2/x', 'JobNotFound'],
    ['/configurations/c', 'ConfigurationNotFound']]) {
    const { status, body } = await call(hub, 'GET', path);
    assert.equal(status, 404);
    assert.match(body.Message, new RegExp(`^ErrorCode:${code};`));
  }
  const { body: tested } = await call(hub, 'POST', '/configurations/testQueries', { body: {
    targetCondition: 'tags.x = 1', customMetricQueries: { good: 'SELECT * FROM devices', bad: 'x' },
  } });
  assert.equal(tested.targetConditionError, null);
  assert.match(tested.customMetricQueryErrors.bad, /'x' at character 1/);
  assert.deepEqual(Object.keys(tested.customMetricQueryErrors), ['bad']);
});
