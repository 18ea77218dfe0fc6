// SPDX-License-Identifier: MIT
// From nothing to the first message: names, ports, devices and files of a local hub.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import provisioning from 'azure-iot-provisioning-device';
import provisioningHttp from 'azure-iot-provisioning-device-http';
import provisioningMqtt from 'azure-iot-provisioning-device-mqtt';
import symmetricKey from 'azure-iot-security-symmetric-key';
import service from 'azure-iothub';

import { startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { Program, endWithTest, eventually, run, temporaryDirectory, within } from
  './support/program.mjs';
import { Message, openDevice } from './support/sdk.mjs';

/** Sends names to where this hub listens, at the standard ports. */
function redirectAll(hub, ...names) {
  const { amqpPort, mqttPort, httpsPort } = hub.info.hubs[0];
  for (const name of names) redirect(name, { 5671: amqpPort, 8883: mqttPort, 443: httpsPort });
}

const named = (text, host) => text.replace(/HostName=[^;]*/, `HostName=${host}`);

for (const transport of ['amqp', 'amqpWs', 'mqtt', 'mqttWs']) {
  test(`hubs on the same ports are told apart by their names over ${transport}`, async (t) => {
    const hub = await startHub(t, { args: ['--host', 'one.test', '--host', 'two.test'] });
    redirectAll(hub, 'one.test', 'two.test');
    assert.deepEqual(hub.info.hubs.map(({ amqpPort }) => amqpPort),
      [hub.info.hubs[0].amqpPort, hub.info.hubs[0].amqpPort]);
    for (const [id, host] of [['hub1', 'one.test'], ['hub2', 'two.test']]) {
      const { connectionString } = await hub.device('dev1', {}, id);
      const client = await openDevice(t, named(connectionString, host), transport);
      await within('sendEvent', client.sendEvent(new Message(`"${id}"`)));
    }
    const got = await hub.telemetryOf('dev1', 2);
    assert.deepEqual(got.map((one) => [one.hub, one.body]), [['hub1', 'hub1'], ['hub2', 'hub2']]);
  });
}

/** What a file of --env says. */
async function valuesOf(env) {
  return Object.fromEntries((await readFile(env, 'utf8')).trim().split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

test('with names of Azure, SDKs need nothing but the certificate', async (t) => {
  const env = join(await temporaryDirectory(t, 'env'), 'hub.env');
  const hub = await startHub(t, { args: ['--host', 'contoso.azure-devices.net', '--host',
    '*.azure-devices.net', '--host', 'global.azure-devices-provisioning.net', '--env', env] });
  const names = ['contoso.azure-devices.net', 'other.azure-devices.net'];
  redirectAll(hub, ...names, 'global.azure-devices-provisioning.net');
  assert.equal(hub.info.hubs.length, 1);

  // The service SDK, on port 443 as it is.
  const registry = service.Registry.fromConnectionString(
    named(hub.info.hubs[0].iothubowner, names[0]));
  const { responseBody } = await within('create', registry.create({ deviceId: 'dev1' }));
  for (const name of names) {
    const client = await openDevice(t, `HostName=${name};DeviceId=dev1;SharedAccessKey=${
      responseBody.authentication.symmetricKey.primaryKey}`, 'mqtt');
    await within('sendEvent', client.sendEvent(new Message('{}')));
  }

  // The provisioning SDK likewise, with what --env says in the words of Microsoft's samples.
  const values = await valuesOf(env);
  for (const [i, transport] of [new provisioningHttp.Http(), new provisioningMqtt.Mqtt()].entries()) {
    const client = provisioning.ProvisioningDeviceClient.create(
      values.PROVISIONING_HOST, values.PROVISIONING_IDSCOPE, transport,
      new symmetricKey.SymmetricKeySecurityClient(`reg${i}`, hub.deviceKey(`reg${i}`)));
    const result = await within('register', client.register());
    assert.match(result.assignedHub, /^contoso\.azure-devices\.net/);
  }
  assert.equal(values.PROVISIONING_HOST, 'global.azure-devices-provisioning.net');
  assert.equal(values.IOTHUB_DEVICE_DPS_ENDPOINT, values.PROVISIONING_HOST);
  assert.equal(values.IOTHUB_DEVICE_DPS_ID_SCOPE, values.IOTHUB_DPS_ID_SCOPE);
  assert.match(values.IOTHUB_DPS_ENDPOINT, /^global\.azure-devices-provisioning\.net(:\d+)?$/);
  assert.match(values.IOTHUB_DPS_CONNECTION_STRING, /^HostName=global\.azure-devices-provisioning\.net[:;]/);
});

test('standard ports are not part of names', async (t) => {
  const address = `127.${randomInt(2, 250)}.${randomInt(1, 250)}.${randomInt(1, 250)}`;
  const hub = await startHub(t, { args: ['--listen', address, '--amqp-port', '5671'] });

  assert.equal(hub.info.hubs[0].hostName, 'localhost');
  assert.match(hub.info.hubs[0].iothubowner, /^HostName=localhost;/);
});

test('devices are registered at the start, and --env says all that programs need', async (t) => {
  const folder = await temporaryDirectory(t, 'env');
  const env = join(folder, 'hub.env');
  const hub = await startHub(t, { args: ['--with-device', 'dev1', '--with-device', 'dev2',
    '--env', env] });
  const values = await valuesOf(env);

  assert.equal((await stat(env)).mode & 0o777, 0o600);
  assert.equal(values.IOTHUB_CONNECTION_STRING, hub.info.hubs[0].iothubowner);
  assert.deepEqual(hub.info.devices.map(({ deviceId }) => deviceId), ['dev1', 'dev2']);
  assert.equal(values.IOTHUB_DEVICE_CONNECTION_STRING, hub.info.devices[0].connectionString);
  assert.equal(values.EVENTHUB_CONNECTION_STRING, hub.info.hubs[0].eventHub);
  assert.equal(values.IOTHUB_DPS_ENDPOINT, hub.info.dps.endpoint);
  assert.equal(values.PROVISIONING_HOST, 'localhost');
  assert.equal(values.PROVISIONING_IDSCOPE, hub.info.dps.idScope);
  assert.equal(values.IOTHUB_DPS_ID_SCOPE, hub.info.dps.idScope);
  assert.equal(values.IOTHUB_DPS_GROUP_KEY, hub.info.dps.groupEnrollmentKey);
  assert.equal(values.IOTHUB_DPS_CONNECTION_STRING, hub.info.dps.provisioningserviceowner);
  assert.equal(values.NODE_EXTRA_CA_CERTS, hub.info.certificate);
  assert.equal(values.SSL_CERT_FILE, hub.info.certificate);
  assert.equal(values.ISTHMUS_HUB_CONTROL, hub.info.control);
  const client = await openDevice(t, values.IOTHUB_DEVICE_CONNECTION_STRING);
  await within('sendEvent', client.sendEvent(new Message('{}')));
});

test('the summary has the strings of the devices', async (t) => {
  const directory = await temporaryDirectory(t, 'summary');
  const program = new Program(['hub', '--data', directory, '--amqp-port', '0', '--mqtt-port', '0',
    '--https-port', '0', '--control-port', '0', '--with-device', 'dev1']);
  endWithTest(t, program);
  const summary = await eventually('the summary', () => {
    program.assertRuns();
    return program.stdout.includes('Ctrl-C') && program.stdout;
  });
  assert.match(summary, /device dev1 +HostName=[^;]+;DeviceId=dev1;SharedAccessKey=/);
});

test('`isthmus hub wait` ends when the hub is ready, or after a while', async (t) => {
  const directory = await temporaryDirectory(t, 'wait');
  const late = await run(['hub', 'wait', '--data', directory, '--timeout', '1']);
  assert.equal(late.status, 1);
  assert.match(late.output, /no hub runs/);
  const waiting = run(['hub', 'wait', '--data', directory, '--timeout', '60']);
  const hub = await startHub(t, { directory });
  assert.equal((await waiting).status, 0);
  assert.deepEqual(await hub.control('GET', '/healthz'), { status: 'ok' });
});

test('with a token the control API is there for other machines', async (t) => {
  const token = 'a-token-of-some-length';
  const hub = await startHub(t, { args: ['--control-token', token, '--listen', '0.0.0.0'] });
  const ask = (headers) => fetch(`${hub.info.control}/healthz`, { headers });

  assert.equal(hub.info.controlToken, token);
  assert.equal((await ask({})).status, 401);
  assert.equal((await ask({ authorization: 'Bearer another-token-of-it' })).status, 401);
  assert.equal((await ask({ authorization: `Basic ${token}` })).status, 401);
  assert.equal((await ask({ authorization: `Bearer ${token}` })).status, 200);
  assert.equal((await run(['hub', 'devices', '--data', hub.directory])).status, 0);
  assert.equal((await run(['hub', 'devices', '--control', hub.info.control])).status, 1);
  assert.equal((await run(['hub', 'devices', '--control', hub.info.control],
    { env: { ...process.env, ISTHMUS_HUB_CONTROL_TOKEN: token } })).status, 0);
  const short = await run(['hub', '--data', hub.directory, '--control-token', 'short']);
  assert.equal(short.status, 2);
  assert.match(short.output, /at least 16 characters/);
});
