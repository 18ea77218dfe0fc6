// SPDX-License-Identifier: MIT
// An uplink of The Things Stack becomes telemetry of a device of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connectedTo, provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually } from './support/program.mjs';

const model = 'dtmi:ttnv3connectorclient:RASK3172Breakout1c7;1';

test('a device provisioned by DPS, with its model, sends its telemetry (U1, U2, U3, U4, U5, U6, U7, U8, U9, U14)', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub, {
    ApplicationToDtdlModelIdMapping: { application1: model },
  }));
  const body = uplinkOf('application1', 'tracker-07', {
    received_at: '2024-05-06T07:08:09.204561234Z',
    decoded_payload: {
      gps_1: { altitude: 12.5, latitude: -43.499, longitude: 172.6008 },
      list: [1, 'two', null, { three: 3 }],
      text: 'Grüße, 世界',
      big: 9007199254740991,
    },
  });

  assert.equal((await gateway.uplink(body)).status, 202);
  const [message] = await hub.telemetryOf('tracker-07');
  assert.equal(message.modelId, model);
  assert.equal(message.contentType, 'application/json');
  assert.equal(message.contentEncoding, 'utf-8');
  assert.deepEqual(message.body, {
    ApplicationID: 'application1',
    DeviceEUI: '70B3D57ED0048A12',
    DeviceID: 'tracker-07',
    Port: 6,
    Simulated: false,
    ReceivedAtUtc: '2024-05-06T07:08:09.204561234Z',
    PayloadRaw: 'AQI=',
    gps_1: {
      alt: 12.5, altitude: 12.5, lat: -43.499, latitude: -43.499, lon: 172.6008, longitude: 172.6008,
    },
    list: [1, 'two', null, { three: 3 }],
    text: 'Grüße, 世界',
    big: 9007199254740991,
  });
  assert.deepEqual(message.properties, {
    'iothub-creation-time-utc': '2024-05-06T07:08:09.204561234Z',
    ApplicationId: 'application1',
    DeviceEUI: '70B3D57ED0048A12',
    DeviceId: 'tracker-07',
    port: '6',
    Simulated: 'False',
  });
  const registrations = await hub.control('GET', '/registrations');
  assert.match(JSON.stringify(registrations), /tracker-07/);
  assert.match(JSON.stringify(registrations), /RASK3172Breakout1c7/);
});

test('a doubled webhook carries the same message id; another uplink another one', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub));
  const body = uplinkOf('application1', 'doubled');

  await gateway.uplink(body);
  await gateway.uplink(body);
  await gateway.uplink(uplinkOf('application1', 'doubled'));
  const messages = await hub.telemetryOf('doubled', 3);
  assert.equal(messages[0].messageId, messages[1].messageId);
  assert.notEqual(messages[0].messageId, messages[2].messageId);
});

test('a hub policy connects devices that exist, and what is unknown waits alone', async (t) => {
  const hub = await startHub(t, { args: ['--device', 'known-1'] });
  const gateway = await startGateway(t, connectedTo(hub));

  await gateway.uplink(uplinkOf('application1', 'unknown-1'));
  await gateway.uplink(uplinkOf('application1', 'known-1'));
  await hub.telemetryOf('known-1');
  const held = await gateway.logged('DEVICE_HELD');
  assert.match(held.device, /unknown-1/);
  assert.equal(await gateway.metric('isthmus_devices_refused'), 1);
  assert.equal((await hub.telemetry('device=unknown-1')).length, 0);
});

test('MAC-only uplinks and events that are not configured are understood and not sent (U13, E1, E4)', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub));
  const { uplink_message: ignored, ...envelope } = uplinkOf('application1', 'quiet');

  assert.equal((await gateway.uplink(uplinkOf('application1', 'quiet', { f_port: undefined }))).status, 200);
  for (const kind of ['join_accept', 'location_solved', 'service_data', 'downlink_queued',
    'downlink_sent', 'downlink_ack', 'downlink_nack']) {
    const answer = await gateway.uplink({ ...envelope, [kind]: { received_at: ignored.received_at } });
    assert.equal(answer.status, 200, `${kind}: ${answer.text}`);
  }
  assert.equal((await gateway.uplink({ ...envelope, downlink_failed: { downlink: {}, error: {} } })).status, 200);
  await gateway.uplink(uplinkOf('application1', 'quiet'));
  assert.equal((await hub.telemetryOf('quiet')).length, 1);
});

test('events are sent as telemetry when configured', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub), { Telemetry: { Events: ['JoinAccept'] } });
  const { uplink_message: ignored, ...envelope } = uplinkOf('application1', 'joining');

  assert.equal((await gateway.uplink({
    ...envelope, join_accept: { session_key_id: 'AY9b', received_at: ignored.received_at },
  })).status, 202);
  const [message] = await hub.telemetryOf('joining');
  assert.equal(message.body.Event, 'join_accept');
});

test('an application name that differs in case only is warned of, once', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub, {
    ApplicationToDtdlModelIdMapping: { Application1: model },
  }));

  for (const device of ['near-1', 'near-2']) await gateway.uplink(uplinkOf('application1', device));
  await hub.telemetryOf('near-2');
  const [message] = await hub.telemetryOf('near-1');
  assert.ok(!message.modelId);
  const warnings = gateway.log.filter((entry) => entry.id === 'MODEL_NEAR_MISS');
  assert.equal(warnings.length, 1);
  assert.equal(warnings[0].configured, 'Application1');
});

test('two devices with one id: the second one never sends as the first, and both are named', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub));

  await gateway.uplink(uplinkOf('application1', 'sensor-1'));
  await hub.telemetryOf('sensor-1');
  await gateway.uplink(uplinkOf('application2', 'sensor-1'));
  const clash = await gateway.logged('DEVICE_CLASH');
  assert.equal(clash.owner, 'things-stack/application1/sensor-1');
  assert.equal(clash.device, 'things-stack/application2/sensor-1');
  await eventually('the dead letter', async () =>
    (await gateway.metric('isthmus_events_dead_lettered_total')) === 1);
  assert.equal((await hub.telemetry('device=sensor-1')).length, 1);
});

test('two ways to one hub: the second device of that id is held, and both are named', async (t) => {
  const hub = await startHub(t, { args: ['--device', 'sensor-1'] });
  const { dps } = hub.info;
  const gateway = await startGateway(t, {
    TrustedCertificates: hub.info.certificate,
    Applications: {
      application1: { ConnectionString: hub.info.hubs[0].device },
      application2: {
        GlobalDeviceEndpoint: dps.endpoint,
        IdScope: dps.idScope,
        GroupEnrollmentKey: dps.groupEnrollmentKey,
      },
    },
  });

  await gateway.uplink(uplinkOf('application1', 'sensor-1'));
  await hub.telemetryOf('sensor-1');
  await gateway.uplink(uplinkOf('application2', 'sensor-1'));
  const clash = await gateway.logged('DEVICE_CLASH');
  assert.equal(clash.owner, 'things-stack/application1/sensor-1');
  assert.equal(clash.device, 'things-stack/application2/sensor-1');
  await gateway.uplink(uplinkOf('application1', 'sensor-1'));
  const messages = await hub.telemetryOf('sensor-1', 2);
  assert.ok(messages.every((each) => each.properties.ApplicationId === 'application1'));
  assert.equal(await gateway.metric('isthmus_events_dead_lettered_total'), 0);
});

test('a device id template keeps the devices of two applications apart', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub, { DeviceIdTemplate: '{application}-{device}' }));

  await gateway.uplink(uplinkOf('application1', 'sensor-1'));
  await gateway.uplink(uplinkOf('application2', 'sensor-1'));
  await hub.telemetryOf('application1-sensor-1');
  await hub.telemetryOf('application2-sensor-1');
});

test('devices are spread over several hubs, and a restart asks DPS nothing', async (t) => {
  const hub = await startHub(t, { args: ['--hubs', '3'] });
  const azure = provisionedBy(hub);
  const first = await startGateway(t, azure);
  const devices = Array.from({ length: 12 }, (_, i) => `spread-${i}`);

  for (const device of devices) await first.uplink(uplinkOf('application1', device));
  for (const device of devices) await hub.telemetryOf(device);
  const hubs = new Set((await hub.telemetry()).map((message) => message.hub));
  assert.ok(hubs.size > 1, 'all devices went to one hub');
  assert.equal(await first.metric('isthmus_dps_registrations_total{result="assigned"}'), devices.length);
  await first.stop();

  const second = await startGateway(t, azure, {}, first.directory);
  for (const device of devices) await second.uplink(uplinkOf('application1', device));
  for (const device of devices) await hub.telemetryOf(device, 2);
  assert.equal(await second.metric('isthmus_dps_registrations_total{result="assigned"}'), 0);
});

test('the older shape is a setting', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub), {
    Telemetry: { PayloadDecodedMember: true, TimesWithoutZone: true },
  });

  await gateway.uplink(uplinkOf('application1', 'older', {
    decoded_payload: { a: 1 }, received_at: '2024-05-06T07:08:09.9Z',
  }));
  const [message] = await hub.telemetryOf('older');
  assert.deepEqual(message.body.PayloadDecoded, { a: 1 });
  assert.equal(message.body.ReceivedAtUtc, '2024-05-06T07:08:09');
  assert.match(message.properties['iothub-creation-time-utc'], /^2024-05-06T07:08:09.*Z$/);
});

test('one message id leads through the log from webhook to hub acceptance, and no key is in it', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub), { Log: { Level: 'Debug' } });

  await gateway.uplink(uplinkOf('application1', 'followed'));
  const [message] = await hub.telemetryOf('followed');
  const accepted = await gateway.logged('EVENT_ACCEPTED');
  const stored = gateway.log.find((entry) => entry.id === 'EVENT_STORED');
  assert.equal(stored.message_id, message.messageId);
  assert.equal(accepted.message_id, message.messageId);
  for (const secret of [hub.info.dps.groupEnrollmentKey, hub.deviceKey('followed'), 'SharedAccessSignature sr']) {
    assert.ok(!gateway.program.tail.includes(secret), 'a secret is in the log');
  }
});

test('health, readiness and metrics', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub));

  assert.equal((await gateway.get('/healthz')).status, 200);
  assert.equal((await gateway.get('/readyz')).status, 200);
  await gateway.uplink(uplinkOf('application1', 'counted'));
  await hub.telemetryOf('counted');
  await eventually('the count', async () => (await gateway.metric('isthmus_events_accepted_total')) === 1);
  assert.equal(await gateway.metric('isthmus_webhooks_total{answer="stored"}'), 1);
  assert.equal(await gateway.metric('isthmus_webhook_to_accepted_seconds_count'), 1);
  assert.equal(await gateway.metric('isthmus_store_oldest_event_seconds'), 0);
  assert.equal(await gateway.metric('isthmus_store_limit_bytes'), 1 << 30);
  const last = (network) =>
    gateway.metric(`isthmus_last_webhook_timestamp_seconds{network="${network}"}`);
  assert.ok(Math.abs(await last('things-stack') - Date.now() / 1000) < 3600);
  assert.equal(await last('myriota'), 0);
  assert.match(await (await gateway.get('/metrics')).text(), /^isthmus_build_info\{version="[^"]+"\} 1$/m);
});
