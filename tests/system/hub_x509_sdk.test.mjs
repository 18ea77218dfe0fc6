// SPDX-License-Identifier: MIT
// Devices that show certificates, with Microsoft's SDKs (rule W21).
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import common from 'azure-iot-common';
import device from 'azure-iot-device';
import provisioning from 'azure-iot-provisioning-device';
import provisioningAmqp from 'azure-iot-provisioning-device-amqp';
import provisioningHttp from 'azure-iot-provisioning-device-http';
import provisioningMqtt from 'azure-iot-provisioning-device-mqtt';
import service from 'azure-iothub';

import { keyText, makeCertificate, makeKey } from './support/certificates.mjs';
import { startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { temporaryDirectory, within } from './support/program.mjs';
import { Message, sharedAccessSignature, transports } from './support/sdk.mjs';

const HOST = 'global.azure-devices-provisioning.net';

const make = (name, options = {}) =>
  makeCertificate({ key: makeKey(), subject: { CN: name }, ...options });
const root = make('root', { authority: true });
const middle = make('middle', { authority: true, issuer: root });
const stranger = make('stranger', { authority: true });

/** What a client shows: its own certificate, then those of `others`. */
function shown(own, ...others) {
  return { cert: [own, ...others].map(({ pem }) => pem).join(''), key: keyText(own.key) };
}

function thumbprint({ der }, algorithm = 'sha1') {
  return crypto.subtle.digest(algorithm === 'sha1' ? 'SHA-1' : 'SHA-256', der)
    .then((digest) => Buffer.from(digest).toString('hex'));
}

async function start(t, args = []) {
  const hub = await startHub(t, { args: ['--host', 'hub.test', '--host', HOST, ...args] });
  const { mqttPort, httpsPort, amqpPort } = hub.info.hubs[0];
  redirect(HOST, { 5671: amqpPort, 8883: mqttPort, 443: httpsPort });
  redirect('hub.test', { 5671: amqpPort, 8883: mqttPort, 443: httpsPort });
  return hub;
}

/** Connects, says something, and leaves. */
async function speak(id, transport, certificate) {
  const client = device.Client.fromConnectionString(
    `HostName=hub.test;DeviceId=${id};x509=true`, transports[transport]);
  client.on('error', () => {});
  client.setRetryPolicy(new common.NoRetry());
  client.setOptions(certificate);
  try {
    await within('open', client.open());
    await within('sendEvent', client.sendEvent(new Message(transport)));
  } finally {
    await within('close', client.close()).catch(() => {});
  }
}

for (const transport of Object.keys(transports)) {
  test(`a device is known by its thumbprint over ${transport} (W21)`, async (t) => {
    const hub = await start(t);
    const [own, second, other] = ['dev1', 'dev1', 'dev1'].map((name) => make(name));

    const made = await hub.device('dev1', {
      authentication: 'selfSigned', primaryThumbprint: await thumbprint(own),
      secondaryThumbprint: await thumbprint(second, 'sha256'),
    });
    assert.match(made.connectionString, /;x509=true$/);
    await speak('dev1', transport, shown(own));
    await speak('dev1', transport, shown(second));
    assert.deepEqual((await hub.telemetryOf('dev1', 2)).map(({ bodyText }) => bodyText),
      [transport, transport]);
    await assert.rejects(speak('dev1', transport, shown(other)), { name: 'UnauthorizedError' });
    assert.equal((await hub.telemetry('device=dev1')).length, 2);
  });

  test(`an authority stands for a device over ${transport} (W21)`, async (t) => {
    const directory = await temporaryDirectory(t, 'ca');
    const file = join(directory, 'root.pem');
    await writeFile(file, root.pem);
    const hub = await start(t, ['--device-ca', file]);

    await hub.device('dev1', { authentication: 'certificateAuthority' });
    await speak('dev1', transport, shown(make('dev1', { issuer: root })));
    await speak('dev1', transport, shown(make('dev1', { issuer: middle }), middle));
    await hub.telemetryOf('dev1', 2);
    for (const wrong of [
      shown(make('dev2', { issuer: root })), // another's name
      shown(make('dev1', { issuer: stranger }), stranger),
      shown(make('dev1', { issuer: middle })), // the way to the authority is missing
      shown(make('dev1', { issuer: root, from: -3, to: -2 })), // expired
      shown(make('dev1')),
    ]) {
      await assert.rejects(speak('dev1', transport, wrong), { name: 'UnauthorizedError' });
    }
    assert.equal((await hub.telemetry('device=dev1')).length, 2);
  });
}

test('a device has either keys or certificates (W21)', async (t) => {
  const hub = await start(t);
  const own = make('dev1');
  const registry = service.Registry.fromConnectionString(
    hub.info.hubs[0].iothubowner.replace(/:\d+;/, ';'));
  const print = await thumbprint(own);

  await registry.create({
    deviceId: 'dev1', authentication: { x509Thumbprint: { primaryThumbprint: print } },
  });
  const { responseBody } = await registry.get('dev1');
  assert.equal(responseBody.authentication.type, 'selfSigned');
  assert.deepEqual(responseBody.authentication.x509Thumbprint,
    { primaryThumbprint: print, secondaryThumbprint: null });
  assert.equal(responseBody.authentication.symmetricKey.primaryKey, null);
  const token = sharedAccessSignature('hub.test/devices/dev1', Buffer.alloc(32).toString('base64'));
  const client = device.Client.fromSharedAccessSignature(token, transports.amqp);
  client.on('error', () => {});
  client.setRetryPolicy(new common.NoRetry());
  await assert.rejects(within('open', client.open()), /has certificates, not keys/);
  await client.close().catch(() => {});

  await hub.device('keys');
  await assert.rejects(speak('keys', 'mqtt', shown(make('keys'))), { name: 'UnauthorizedError' });
  await speak('dev1', 'mqtt', shown(own));
  await assert.rejects(hub.device('bad', { authentication: 'selfSigned', primaryThumbprint: 'x' }),
    { code: 'BadDevice' });
});

const ways = {
  http: () => new provisioningHttp.Http(),
  mqtt: () => new provisioningMqtt.Mqtt(),
  mqttWs: () => new provisioningMqtt.MqttWs(),
  amqp: () => new provisioningAmqp.Amqp(),
  amqpWs: () => new provisioningAmqp.AmqpWs(),
};

/** Over AMQP the SDK hands the error of the wire on as it is. */
const refused = (error) => error.name === 'UnauthorizedError' ||
  error.condition === 'amqp:unauthorized-access';

function register(hub, way, id, certificate) {
  const security = {
    getRegistrationId: () => id,
    getCertificate: (callback) => callback(null, certificate),
    cancel: () => {},
  };
  return within('register', provisioning.ProvisioningDeviceClient.create(HOST,
    hub.info.dps.idScope, ways[way](), security).register());
}

for (const way of Object.keys(ways)) {
  test(`a device registers with its own certificate over ${way} (W21)`, async (t) => {
    const hub = await start(t);
    const own = make('Dev1');

    await hub.control('PUT', '/enrollments/individual/dev1',
      { certificate: own.pem, deviceId: 'device-1' });
    const result = await register(hub, way, 'dev1', shown(own));
    assert.deepEqual([result.status, result.deviceId], ['assigned', 'device-1']);
    await speak('device-1', 'amqp', shown(own));
    await hub.telemetryOf('device-1');
    await assert.rejects(register(hub, way, 'dev1', shown(make('dev1'))),
      refused);
  });

  test(`a device registers by its group's authority over ${way} (W21)`, async (t) => {
    const hub = await start(t);

    await hub.control('PUT', '/enrollments/group/middles', { certificate: middle.pem });
    await hub.control('PUT', '/authorities/root', { certificate: root.pem });
    const leaf = shown(make('dev1', { issuer: middle }), middle);
    assert.equal((await register(hub, way, 'dev1', leaf)).deviceId, 'dev1');
    await speak('dev1', 'mqtt', leaf);

    // The group's authority is the intermediate one: what the root has signed is not its own.
    await assert.rejects(register(hub, way, 'dev2', shown(make('dev2', { issuer: root }))),
      refused);
    await hub.control('PUT', '/enrollments/group/roots', { certificate: 'root' });
    await register(hub, way, 'dev2', shown(make('dev2', { issuer: root })));
    for (const wrong of [shown(make('dev3', { issuer: stranger }), stranger),
      shown(make('other', { issuer: middle }), middle)]) {
      await assert.rejects(register(hub, way, 'dev3', wrong), refused);
    }
  });
}
