// SPDX-License-Identifier: MIT
// Microsoft's provisioning SDK over AMQP and its WebSockets against the local hub (rule W24).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';

import provisioning from 'azure-iot-provisioning-device';
import provisioningAmqp from 'azure-iot-provisioning-device-amqp';
import symmetricKey from 'azure-iot-security-symmetric-key';
import rhea from 'rhea';

import { startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { within } from './support/program.mjs';
import { Message, openDevice, sharedAccessSignature } from './support/sdk.mjs';

const HOST = 'global.azure-devices-provisioning.net';

async function start(t) {
  const hub = await startHub(t, { args: ['--host', 'hub.test', '--host', HOST] });
  const { amqpPort, httpsPort } = hub.info.hubs[0];
  redirect(HOST, { 5671: amqpPort, 443: httpsPort });
  redirect('hub.test', { 5671: amqpPort, 443: httpsPort });
  return hub;
}

function register(hub, transport, id, key = hub.deviceKey(id), scope = hub.info.dps.idScope) {
  const client = provisioning.ProvisioningDeviceClient.create(HOST, scope,
    new provisioningAmqp[transport](), new symmetricKey.SymmetricKeySecurityClient(id, key));
  client.setProvisioningPayload({ modelId: 'dtmi:com:example:Thing;1' });
  return within('register', client.register());
}

for (const transport of ['Amqp', 'AmqpWs']) {
  test(`a device registers over ${transport}, and connects (W24)`, async (t) => {
    const hub = await start(t);
    const result = await register(hub, transport, 'dev1');

    assert.equal(result.status, 'assigned');
    assert.equal(result.deviceId, 'dev1');
    assert.equal((await hub.control('GET', '/devices/dev1')).modelId, 'dtmi:com:example:Thing;1');
    const client = await openDevice(t,
      `HostName=hub.test;DeviceId=dev1;SharedAccessKey=${hub.deviceKey('dev1')}`,
      transport === 'Amqp' ? 'amqp' : 'amqpWs');
    await within('sendEvent', client.sendEvent(new Message('{}')));
    await hub.telemetryOf('dev1');
  });

  test(`an assignment that takes its time is polled for over ${transport} (W24)`, async (t) => {
    const hub = await start(t);

    await hub.control('POST', '/faults', { kind: 'dps_slow', delayMs: 300, retryAfterSeconds: 1 });
    assert.equal((await register(hub, transport, 'slow')).status, 'assigned');
    assert.ok((await hub.control('GET', '/stats')).provisioning.polls >= 1);
  });

  test(`a wrong key and an unknown scope are refused over ${transport} (W24)`, async (t) => {
    const hub = await start(t);

    await assert.rejects(register(hub, transport, 'dev1', randomBytes(32).toString('base64')),
      { condition: 'amqp:unauthorized-access' });
    await assert.rejects(register(hub, transport, 'dev1', hub.deviceKey('dev1'), '0ne0WRONG00'),
      { condition: 'amqp:not-found' });
    assert.deepEqual((await hub.control('GET', '/devices')).devices, []);
  });
}

test('throttling is waited out, and failure reaches the SDK over AMQP', async (t) => {
  const hub = await start(t);

  await hub.control('POST', '/faults', {
    kind: 'dps_status', status: 429, errorCode: 429001, retryAfterSeconds: 1, times: 1,
  });
  assert.equal((await register(hub, 'Amqp', 'dev1')).status, 'assigned');
  await hub.control('POST', '/faults', { kind: 'dps_failed', errorCode: 400209, times: 1 });
  await assert.rejects(register(hub, 'Amqp', 'dev1'),
    (error) => error.result.registrationState.errorCode === 400209);
});

test('what no SDK would send to the provisioning service is refused (W24)', async (t) => {
  const hub = await start(t);
  const scope = hub.info.dps.idScope;
  const path = `${scope}/registrations/dev1`;
  const token = sharedAccessSignature(path, hub.deviceKey('dev1'), 60, 'registration');
  const connection = rhea.create_container().connect({ transport: 'tls', host: 'localhost',
    port: hub.info.hubs[0].amqpPort, username: path, password: token, reconnect: false });
  connection.on('disconnected', () => {});
  t.after(() => connection.close());
  const refusal = (open, event, of) => within('refusal', new Promise((resolve) => {
    connection.once(event, (context) => resolve(of(context)));
    open();
  }));

  // Another registration than the one that SASL was for.
  assert.equal(await refusal(() => connection.open_sender(`${scope}/registrations/dev2`),
    'sender_error', ({ sender }) => sender.error.condition), 'amqp:unauthorized-access');
  // A request without an operation, and one for an operation that does not exist.
  const sender = connection.open_sender(path);
  connection.open_receiver(path);
  await within('sendable', new Promise((resolve) => { sender.once('sendable', resolve); }));
  const rejected = (message) => refusal(() => sender.send(message), 'rejected',
    ({ delivery }) => delivery.remote_state.error.condition);
  assert.equal(await rejected({ body: 'x' }), 'com.microsoft:argument-error');
  assert.equal(await rejected({ body: '', application_properties: {
    'iotdps-operation-type': 'iotdps-get-operationstatus', 'iotdps-operation-id': 'none' } }),
  'com.microsoft:argument-error');
  assert.deepEqual((await hub.control('GET', '/devices')).devices, []);
});
