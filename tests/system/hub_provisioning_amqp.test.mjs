// SPDX-License-Identifier: MIT
// Microsoft's provisioning SDK over AMQP and its WebSockets against the local hub (rule W24).
import assert from 'node:assert/strict';
import test from 'node:test';

import provisioningAmqp from 'azure-iot-provisioning-device-amqp';
import rhea from 'rhea';

import { within } from './support/program.mjs';
import { register, startProvisioning, testRegistrations } from './support/provisioning.mjs';
import { sharedAccessSignature } from './support/sdk.mjs';

const { Amqp, AmqpWs } = provisioningAmqp;
const start = (t) => startProvisioning(t, 'amqp');

testRegistrations('amqp', 'W24', { amqp: Amqp, amqpWs: AmqpWs }, {
  wrongKey: { condition: 'amqp:unauthorized-access' },
  unknownScope: { condition: 'amqp:not-found' },
});

test('throttling is waited out, and failure reaches the SDK over AMQP', async (t) => {
  const hub = await start(t);

  await hub.control('POST', '/faults', {
    kind: 'dps_status', status: 429, errorCode: 429001, retryAfterSeconds: 1, times: 1,
  });
  assert.equal((await register(hub, Amqp, 'dev1')).status, 'assigned');
  await hub.control('POST', '/faults', { kind: 'dps_failed', errorCode: 400209, times: 1 });
  await assert.rejects(register(hub, Amqp, 'dev1'),
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
