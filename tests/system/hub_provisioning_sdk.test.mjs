// SPDX-License-Identifier: MIT
// Microsoft's provisioning SDK over HTTPS against the local Device Provisioning Service.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';

import { startHub } from './support/hub.mjs';
import { provision } from './support/sdk.mjs';

const MODEL = 'dtmi:com:example:Thermostat;1';

test('a device of the group is assigned, with its model', async (t) => {
  const hub = await startHub(t);
  const result = await provision(hub, {
    registrationId: 'group-device',
    key: hub.deviceKey('group-device'),
    payload: { modelId: MODEL },
  });

  assert.equal(result.status, 'assigned');
  assert.equal(result.assignedHub, hub.info.hubs[0].hostName);
  assert.equal(result.deviceId, 'group-device');
  const device = await hub.control('GET', '/devices/group-device');
  assert.equal(device.modelId, MODEL);
  assert.equal(device.primaryKey, hub.deviceKey('group-device'));
  const { registrations } = await hub.control('GET', '/registrations');
  assert.equal(registrations.length, 1);
  assert.equal(registrations[0].enrollmentGroupId, 'default');
});

test('an individual enrollment may give another device id', async (t) => {
  const hub = await startHub(t);
  const key = randomBytes(32).toString('base64');

  await hub.control('PUT', '/enrollments/individual/one', { primaryKey: key, deviceId: 'Named' });
  const result = await provision(hub, { registrationId: 'one', key });
  assert.equal(result.status, 'assigned');
  assert.equal(result.deviceId, 'Named');
  assert.equal((await hub.control('GET', '/devices/Named')).primaryKey, key);
});

test('devices are spread over several hubs and stay where they are', async (t) => {
  const hub = await startHub(t, { args: ['--hubs', '3'] });
  const assigned = new Map();

  for (let i = 0; i < 60; i++) {
    const registrationId = `spread-${i}`;
    const { assignedHub } = await provision(hub, {
      registrationId, key: hub.deviceKey(registrationId),
    });
    assigned.set(registrationId, assignedHub);
  }
  const counts = hub.info.hubs.map(({ hostName }) =>
    [...assigned.values()].filter((name) => name === hostName).length);
  assert.equal(counts.reduce((a, b) => a + b), 60);
  for (const count of counts) assert.ok(count >= 5, `${counts}`);
  const again = await provision(hub, {
    registrationId: 'spread-7', key: hub.deviceKey('spread-7'),
  });
  assert.equal(again.assignedHub, assigned.get('spread-7'));
});

test('an assignment that takes its time is polled for', async (t) => {
  const hub = await startHub(t);

  await hub.control('POST', '/faults', {
    kind: 'dps_slow', distribution: 'uniform', delayMs: 100, delayMaxMs: 900, retryAfterSeconds: 1,
  });
  const result = await provision(hub, {
    registrationId: 'slow', key: hub.deviceKey('slow'),
  });
  assert.equal(result.status, 'assigned');
  assert.ok((await hub.control('GET', '/stats')).provisioning.polls >= 1);
});

test('a wrong key, an unknown scope and a wrong group are refused', async (t) => {
  const hub = await startHub(t);
  const key = hub.deviceKey('refused');
  const other = randomBytes(32).toString('base64');

  await assert.rejects(provision(hub, { registrationId: 'refused', key: other }),
    { name: 'UnauthorizedError' });
  await assert.rejects(provision(hub, { registrationId: 'other-id', key }),
    { name: 'UnauthorizedError' });
  // The key of the group itself is no device's key.
  await assert.rejects(provision(hub, {
    registrationId: 'refused', key: hub.info.dps.groupEnrollmentKey,
  }), { name: 'UnauthorizedError' });
  await assert.rejects(provision(hub, { registrationId: 'refused', key, idScope: '0ne0WRONG00' }),
    (error) => error.message === 'Not found' && error.response.statusCode === 404);
  assert.deepEqual((await hub.control('GET', '/devices')).devices, []);
});

test('a disabled enrollment, a failed registration and throttling reach the SDK', async (t) => {
  const hub = await startHub(t);
  const registration = { registrationId: 'unlucky', key: hub.deviceKey('unlucky') };

  await hub.control('PUT', '/enrollments/group/default', { status: 'disabled' });
  // The SDK has no name for it (it reports a SyntaxError that says so).
  await assert.rejects(provision(hub, registration), /disabled/);
  await hub.control('PUT', '/enrollments/group/default', { status: 'enabled' });
  await hub.control('POST', '/faults', { kind: 'dps_failed', errorCode: 400209, times: 1 });
  await assert.rejects(provision(hub, registration), (error) =>
    error.name === 'ProvisioningRegistrationFailedError' &&
    error.result.registrationState.errorCode === 400209);
  await hub.control('POST', '/faults', {
    kind: 'dps_status', status: 429, errorCode: 429001, retryAfterSeconds: 5, times: 1,
  });
  await assert.rejects(provision(hub, registration), { name: 'ThrottlingError' });
  assert.equal((await provision(hub, registration)).status, 'assigned');
});
