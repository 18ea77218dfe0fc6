// SPDX-License-Identifier: MIT
// Microsoft's provisioning SDK over MQTT and its WebSockets against the local hub (rule W19).
import assert from 'node:assert/strict';
import test from 'node:test';

import provisioningMqtt from 'azure-iot-provisioning-device-mqtt';

import { connectPacket, MqttWire, packet } from './support/mqtt_wire.mjs';
import { register, startProvisioning, testRegistrations } from './support/provisioning.mjs';
import { sharedAccessSignature } from './support/sdk.mjs';

const { Mqtt, MqttWs } = provisioningMqtt;
const start = (t) => startProvisioning(t, 'mqtt');

testRegistrations('mqtt', 'W19', { mqtt: Mqtt, mqttWs: MqttWs }, { wrongKey: { name: 'UnauthorizedError' } });

test('throttling and failure reach the SDK over MQTT', async (t) => {
  const hub = await start(t);

  await hub.control('POST', '/faults', { kind: 'dps_failed', errorCode: 400209, times: 1 });
  await assert.rejects(register(hub, Mqtt, 'dev1'),
    (error) => error.result.registrationState.errorCode === 400209);
  await hub.control('POST', '/faults', {
    kind: 'dps_status', status: 429, errorCode: 429001, retryAfterSeconds: 1, times: 1,
  });
  assert.equal((await register(hub, Mqtt, 'dev1').catch(() => register(hub, Mqtt, 'dev1')))
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
