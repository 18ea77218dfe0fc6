// SPDX-License-Identifier: MIT
// Microsoft's provisioning SDK at the local hub's ports for AMQP or MQTT, and what holds for it
// over each of its transports.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';

import provisioning from 'azure-iot-provisioning-device';
import symmetricKey from 'azure-iot-security-symmetric-key';

import { startHub } from './hub.mjs';
import { redirect } from './network.mjs';
import { within } from './program.mjs';
import { Message, openDevice } from './sdk.mjs';

const HOST = 'global.azure-devices-provisioning.net';

/** A hub at the standard ports of `protocol`, 'amqp' or 'mqtt'. */
export async function startProvisioning(t, protocol) {
  const hub = await startHub(t, { args: ['--host', 'hub.test', '--host', HOST] });
  const { amqpPort, mqttPort, httpsPort } = hub.info.hubs[0];
  const ports = { 443: httpsPort, ...(protocol === 'amqp' ? { 5671: amqpPort } : { 8883: mqttPort }) };
  redirect(HOST, ports);
  redirect('hub.test', ports);
  return hub;
}

/** Registers by a class of the SDK's transports. */
export function register(hub, Transport, id, key = hub.deviceKey(id), scope = hub.info.dps.idScope) {
  const client = provisioning.ProvisioningDeviceClient.create(HOST, scope, new Transport(),
    new symmetricKey.SymmetricKeySecurityClient(id, key));
  client.setProvisioningPayload({ modelId: 'dtmi:com:example:Thing;1' });
  return within('register', client.register());
}

/**
 * The tests of a protocol: `transports` are the SDK's classes by the device's transport; what a
 * wrong key and an unknown scope are refused with.
 */
export function testRegistrations(protocol, rule, transports, { wrongKey, unknownScope }) {
  for (const [transport, Transport] of Object.entries(transports)) {
    const over = `over ${transport} (${rule})`;

    test(`a device registers, and connects, ${over}`, async (t) => {
      const hub = await startProvisioning(t, protocol);
      const result = await register(hub, Transport, 'dev1');

      assert.equal(result.status, 'assigned');
      assert.equal(result.deviceId, 'dev1');
      assert.equal((await hub.control('GET', '/devices/dev1')).modelId, 'dtmi:com:example:Thing;1');
      const client = await openDevice(t,
        `HostName=hub.test;DeviceId=dev1;SharedAccessKey=${hub.deviceKey('dev1')}`, transport);
      await within('sendEvent', client.sendEvent(new Message('{}')));
      await hub.telemetryOf('dev1');
    });

    test(`an assignment that takes its time is polled for ${over}`, async (t) => {
      const hub = await startProvisioning(t, protocol);

      await hub.control('POST', '/faults', { kind: 'dps_slow', delayMs: 300, retryAfterSeconds: 1 });
      assert.equal((await register(hub, Transport, 'slow')).status, 'assigned');
      assert.ok((await hub.control('GET', '/stats')).provisioning.polls >= 1);
    });

    test(`a wrong key and an unknown scope are refused ${over}`, async (t) => {
      const hub = await startProvisioning(t, protocol);

      await assert.rejects(register(hub, Transport, 'dev1', randomBytes(32).toString('base64')), wrongKey);
      await assert.rejects(register(hub, Transport, 'dev1', hub.deviceKey('dev1'), '0ne0WRONG00'), unknownScope);
      assert.deepEqual((await hub.control('GET', '/devices')).devices, []);
    });
  }
}
