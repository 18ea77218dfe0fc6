// SPDX-License-Identifier: MIT
// Microsoft's provisioning SDK over MQTT and its WebSockets against the local hub (rule W19).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';

import provisioning from 'azure-iot-provisioning-device';
import provisioningMqtt from 'azure-iot-provisioning-device-mqtt';
import symmetricKey from 'azure-iot-security-symmetric-key';

import { startHub } from './support/hub.mjs';
import { connectPacket, MqttWire, packet } from './support/mqtt_wire.mjs';
import { redirect } from './support/network.mjs';
import { within } from './support/program.mjs';
import { Message, openDevice, sharedAccessSignature } from './support/sdk.mjs';

const HOST = 'global.azure-devices-provisioning.net';

async function start(t) {
  const hub = await startHub(t, { args: ['--host', 'hub.test', '--host', HOST] });
  const { mqttPort, httpsPort } = hub.info.hubs[0];
  redirect(HOST, { 8883: mqttPort, 443: httpsPort });
  redirect('hub.test', { 8883: mqttPort, 443: httpsPort });
  return hub;
}

function register(hub, transport, id, key = hub.deviceKey(id), scope = hub.info.dps.idScope) {
  const client = provisioning.ProvisioningDeviceClient.create(HOST, scope,
    new provisioningMqtt[transport](), new symmetricKey.SymmetricKeySecurityClient(id, key));
  client.setProvisioningPayload({ modelId: 'dtmi:com:example:Thing;1' });
  return within('register', client.register());
}

for (const transport of ['Mqtt', 'MqttWs']) {
  test(`a device registers over ${transport}, and connects (W19)`, async (t) => {
    const hub = await start(t);
    const result = await register(hub, transport, 'dev1');

    assert.equal(result.status, 'assigned');
    assert.equal(result.deviceId, 'dev1');
    assert.equal((await hub.control('GET', '/devices/dev1')).modelId, 'dtmi:com:example:Thing;1');
    const client = await openDevice(t,
      `HostName=hub.test;DeviceId=dev1;SharedAccessKey=${hub.deviceKey('dev1')}`,
      transport === 'Mqtt' ? 'mqtt' : 'mqttWs');
    await within('sendEvent', client.sendEvent(new Message('{}')));
    await hub.telemetryOf('dev1');
  });

  test(`an assignment that takes its time is polled for over ${transport} (W19)`, async (t) => {
    const hub = await start(t);

    await hub.control('POST', '/faults', { kind: 'dps_slow', delayMs: 300, retryAfterSeconds: 1 });
    assert.equal((await register(hub, transport, 'slow')).status, 'assigned');
    assert.ok((await hub.control('GET', '/stats')).provisioning.polls >= 1);
  });

  test(`a wrong key and an unknown scope are refused over ${transport} (W19)`, async (t) => {
    const hub = await start(t);

    await assert.rejects(register(hub, transport, 'dev1', randomBytes(32).toString('base64')),
      { name: 'UnauthorizedError' });
    await assert.rejects(register(hub, transport, 'dev1', hub.deviceKey('dev1'), '0ne0WRONG00'));
    assert.deepEqual((await hub.control('GET', '/devices')).devices, []);
  });
}

test('throttling and failure reach the SDK over MQTT', async (t) => {
  const hub = await start(t);

  await hub.control('POST', '/faults', { kind: 'dps_failed', errorCode: 400209, times: 1 });
  await assert.rejects(register(hub, 'Mqtt', 'dev1'),
    (error) => error.result.registrationState.errorCode === 400209);
  await hub.control('POST', '/faults', {
    kind: 'dps_status', status: 429, errorCode: 429001, retryAfterSeconds: 1, times: 1,
  });
  assert.equal((await register(hub, 'Mqtt', 'dev1').catch(() => register(hub, 'Mqtt', 'dev1')))
    .status, 'assigned');
});

test('what no SDK would send to the provisioning service is refused (W19)', async (t) => {
  const hub = await start(t);
  const scope = hub.info.dps.idScope;
  const login = {
    clientId: 'dev1', password: 'SharedAccessSignature sr=a&sig=b&se=1',
    userName: `${scope}/registrations/dev1/api-version=2019-03-31&ClientVersion=x`,
  };
  const open = async (changes, answer) => {
    const wire = new MqttWire(hub.info.hubs[0].mqttPort);
    t.after(() => wire.end());
    wire.send(connectPacket({ ...login, ...changes }));
    assert.equal(await wire.next(), answer);
    return wire;
  };

  await open({ clientId: 'dev2' }, '20020002');
  await open({ password: '' }, '20020005');
  await open({ password: 'SharedAccessSignature a\r\nX-Header: b' }, '20020005');
  await open({ userName: `${scope}/registrations/dev 1/api-version=2019-03-31` }, '20020004');
  const wire = await open({}, '20020000');
  wire.send(packet(0x82, [0, 1], '$dps/registrations/res/#', [1], '$iothub/twin/res/#', [0]));
  assert.equal(await wire.next(), '900400010180');
  wire.send(packet(0x30, '$dps/registrations/PUT/iotdps-register/?$rid=7', Buffer.from('{}')));
  assert.match(Buffer.from(await wire.next(), 'hex').toString(),
    /\$dps\/registrations\/res\/401\/\?\$rid=7/);
  wire.send(packet(0x30, 'devices/dev1/messages/events/', Buffer.from('{}')));
  assert.equal(await wire.next(), 'closed');
});

test('a body that names another registration is refused (W12)', async (t) => {
  const hub = await start(t);
  const scope = hub.info.dps.idScope;
  const wire = new MqttWire(hub.info.hubs[0].mqttPort);
  t.after(() => wire.end());
  wire.send(connectPacket({
    clientId: 'dev1', userName: `${scope}/registrations/dev1/api-version=2019-03-31`,
    password: sharedAccessSignature(`${scope}/registrations/dev1`, hub.deviceKey('dev1'), 60,
      'registration'),
  }));
  assert.equal(await wire.next(), '20020000');
  wire.send(packet(0x82, [0, 1], '$dps/registrations/res/#', [1]));
  await wire.next();
  for (const [body, status] of [['{"registrationId":"other"}', 400],
    ['{"registrationId":"DEV1"}', 200], ['{}', 200]]) {
    wire.send(packet(0x30, '$dps/registrations/PUT/iotdps-register/?$rid=1', Buffer.from(body)));
    assert.match(Buffer.from(await wire.next(), 'hex').toString(), new RegExp(`/res/${status}/`));
  }
});
