// SPDX-License-Identifier: MIT
// Microsoft's service SDK over HTTPS against the local hub: registry, twins, queries, methods.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';

import { startHub } from './support/hub.mjs';
import { eventually, within } from './support/program.mjs';
import { openDevice, openRegistry, openService } from './support/sdk.mjs';

const key = () => randomBytes(32).toString('base64');

test('devices are created, read, changed, listed and deleted', async (t) => {
  const hub = await startHub(t);
  const registry = openRegistry(hub, hub.info.hubs[0].iothubowner);
  const { responseBody: created } = await registry.create({ deviceId: 'made' });

  assert.equal(created.deviceId, 'made');
  assert.equal(created.status, 'enabled');
  assert.equal(created.connectionState, 'Disconnected');
  assert.equal(Buffer.from(created.authentication.symmetricKey.primaryKey, 'base64').length, 32);
  await assert.rejects(registry.create({ deviceId: 'made' }), { name: 'DeviceAlreadyExistsError' });
  const keys = { primaryKey: key(), secondaryKey: key() };
  await registry.update({
    deviceId: 'made', status: 'disabled', authentication: { symmetricKey: keys },
  });
  const { responseBody: changed } = await registry.get('made');
  assert.equal(changed.status, 'disabled');
  assert.deepEqual(changed.authentication.symmetricKey, keys);
  assert.notEqual(changed.etag, created.etag);
  await registry.create({ deviceId: 'a+b=c@d' });
  const { responseBody: list } = await registry.list();
  assert.deepEqual(list.map(({ deviceId }) => deviceId), ['made', 'a+b=c@d']);
  const { responseBody: counts } = await registry.getRegistryStatistics();
  assert.deepEqual(counts,
    { totalDeviceCount: 2, enabledDeviceCount: 1, disabledDeviceCount: 1 });
  await registry.delete('a+b=c@d');
  await assert.rejects(registry.get('a+b=c@d'), { name: 'DeviceNotFoundError' });
  await assert.rejects(registry.update({ deviceId: 'nobody' }), { name: 'DeviceNotFoundError' });
  await assert.rejects(registry.create({ deviceId: 'not allowed' }), { name: 'ArgumentError' });
});

test('many devices are imported at once', async (t) => {
  const hub = await startHub(t);
  const registry = openRegistry(hub, hub.info.hubs[0].iothubowner);
  const devices = [...Array(100).keys()].map((i) => ({
    deviceId: `bulk-${i}`, authentication: { symmetricKey: { primaryKey: key(),
      secondaryKey: key() } },
  }));
  const { responseBody: added } = await registry.addDevices(devices);

  assert.deepEqual(added, { isSuccessful: true, errors: [], warnings: [] });
  const { responseBody: again } = await registry.addDevices(devices.slice(0, 2));
  assert.equal(again.isSuccessful, false);
  assert.deepEqual(again.errors.map(({ deviceId, errorCode }) => [deviceId, errorCode]),
    [['bulk-0', 409001], ['bulk-1', 409001]]);
  const { responseBody: removed } = await registry.removeDevices(
    devices.slice(0, 50).map(({ deviceId }) => ({ deviceId, etag: 'x' })), true);
  assert.equal(removed.isSuccessful, true);
  assert.equal((await registry.list()).responseBody.length, 50);
});

test('twins are read, changed and queried', async (t) => {
  const hub = await startHub(t);
  const registry = openRegistry(hub, hub.info.hubs[0].iothubowner);

  for (let i = 0; i < 5; i++) await registry.create({ deviceId: `twin-${i}` });
  const { responseBody: twin } = await registry.getTwin('twin-0');
  const { responseBody: patched } = await registry.updateTwin('twin-0', {
    tags: { place: 'roof' }, properties: { desired: { interval: 5 } },
  }, twin.etag);
  assert.equal(patched.tags.place, 'roof');
  assert.equal(patched.properties.desired.interval, 5);
  assert.ok(patched.properties.desired.$version > twin.properties.desired.$version);
  await assert.rejects(registry.updateTwin('twin-0', { tags: { place: 'x' } }, 'wrong'),
    { name: 'InvalidEtagError' });
  await assert.rejects(registry.getTwin('nobody'), { name: 'DeviceNotFoundError' });
  const query = registry.createQuery('SELECT * FROM devices', 2);
  const found = [];
  while (query.hasMoreResults) found.push(...(await query.nextAsTwin()).result);
  assert.deepEqual(found.map(({ deviceId }) => deviceId),
    ['twin-0', 'twin-1', 'twin-2', 'twin-3', 'twin-4']);
  assert.equal(found[0].tags.place, 'roof');
  await assert.rejects(registry.createQuery('SELECT x FROM y').nextAsTwin(),
    { name: 'ArgumentError' });
});

test('each hub has its own devices and knows its own keys', async (t) => {
  const hub = await startHub(t, { args: ['--hubs', '2'] });
  const first = openRegistry(hub, hub.info.hubs[0].iothubowner);
  const second = openRegistry(hub, hub.info.hubs[1].iothubowner);

  await first.create({ deviceId: 'in-first' });
  await second.create({ deviceId: 'in-second' });
  assert.deepEqual((await first.list()).responseBody.map(({ deviceId }) => deviceId),
    ['in-first']);
  assert.deepEqual((await second.list()).responseBody.map(({ deviceId }) => deviceId),
    ['in-second']);
  const wrong = hub.info.hubs[0].iothubowner.replace(/SharedAccessKey=.*/,
    `SharedAccessKey=${key()}`);
  await assert.rejects(openRegistry(hub, wrong).list(), { name: 'UnauthorizedError' });
  // A policy without the right.
  await assert.rejects(openRegistry(hub, hub.info.hubs[0].device).list(),
    { name: 'UnauthorizedError' });
});

test('direct methods are invoked', async (t) => {
  const hub = await startHub(t);
  const { connectionString } = await hub.device('device-1');
  const service = await openService(t, hub, hub.info.hubs[0].service);
  const invoke = (id, settings) => within('invoke', service.invokeDeviceMethod(id, {
    methodName: 'reboot', payload: { delay: 1 }, responseTimeoutInSeconds: 5, ...settings,
  }));

  await assert.rejects(invoke('nobody'), { name: 'DeviceNotFoundError' });
  await assert.rejects(invoke('device-1'), (error) =>
    JSON.parse(JSON.parse(error.responseBody).Message).errorCode === 404103);
  const client = await openDevice(t, connectionString);
  client.onDeviceMethod('reboot', (request, response) => {
    response.send(200, { delay: request.payload.delay + 1 }, () => {});
  });
  const { result } = await eventually('the method', () =>
    invoke('device-1', { connectTimeoutInSeconds: 5 }));
  assert.deepEqual(result, { status: 200, payload: { delay: 2 } });
});
