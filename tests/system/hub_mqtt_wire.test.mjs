// SPDX-License-Identifier: MIT
// What the local hub does with MQTT that no SDK sends, and with what is none (rules W15 to W17).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';

import { startHub } from './support/hub.mjs';
import { connectPacket, MqttWire, packet } from './support/mqtt_wire.mjs';
import { eventually } from './support/program.mjs';
import { sharedAccessSignature } from './support/sdk.mjs';

const EVENTS = 'devices/dev1/messages/events/';

async function begin(t) {
  const hub = await startHub(t);
  const { primaryKey } = await hub.device('dev1');
  const { mqttPort } = hub.info.hubs[0];
  const login = {
    clientId: 'dev1',
    userName: 'localhost/dev1/?api-version=2021-04-12',
    password: sharedAccessSignature('localhost/devices/dev1', primaryKey),
  };
  const dial = () => {
    const wire = new MqttWire(mqttPort);
    t.after(() => wire.end());
    return wire;
  };
  /** A client whose CONNECT was answered like this. */
  const open = async (changes = {}, answer = '20020000') => {
    const wire = dial();
    wire.send(connectPacket({ ...login, ...changes }));
    assert.equal(await wire.next(), answer);
    return wire;
  };
  return { hub, login, dial, open, mqttPort };
}

test('a refused CONNECT is answered with the code of its reason (W15)', async (t) => {
  const { open } = await begin(t);
  const cases = [
    [{ level: 5 }, 1], [{ protocol: 'MQIsdp', level: 3 }, 1],
    [{ clientId: 'dev2' }, 2], [{ clientId: '' }, 2],
    [{ userName: 'dev1' }, 4], [{ userName: 'other.host/dev1/?api-version=2021-04-12' }, 4],
    [{ userName: 'localhost/dev1/module1/?api-version=2021-04-12' }, 2],
    [{ userName: 'localhost/dev1/module1/more/?api-version=2021-04-12' }, 4],
    [{ password: '' }, 5], [{ password: 'SharedAccessSignature sr=a&sig=b&se=1' }, 5],
    [{ clientId: 'dev2', userName: 'localhost/dev2/?api-version=2021-04-12' }, 5],
  ];

  for (const [changes, code] of cases) {
    const wire = await open(changes, `200200${code.toString(16).padStart(2, '0')}`);
    assert.equal(await wire.next(), 'closed');
  }
});

test('what breaks the protocol ends the connection (W15)', async (t) => {
  const { hub, login, dial, open } = await begin(t);
  const first = [randomBytes(300), packet(0xc0), packet(0x30, EVENTS, '{}'),
    Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x7f])];
  const later = [connectPacket(login), packet(0x34, EVENTS, [0, 1]), packet(0x30, 'no/topic'),
    packet(0x30, 'devices/dev2/messages/events/'), packet(0x82, [0, 0]),
    packet(0x30, '$iothub/methods/res/ok/?$rid=1'), Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])];

  for (const bytes of first) {
    const wire = dial();
    wire.send(bytes);
    assert.equal(await wire.next(), 'closed');
  }
  for (const bytes of later) {
    const wire = await open();
    wire.send(bytes);
    assert.equal(await wire.next(), 'closed');
  }
  assert.deepEqual(await hub.telemetry(), []);
});

test('packets may come in pieces, and many at once', async (t) => {
  const { hub, login, dial } = await begin(t);
  const wire = dial();
  const bytes = Buffer.concat([connectPacket(login), packet(0x32, EVENTS, [0, 7], Buffer.from('1')),
    packet(0xc0), packet(0x32, EVENTS, [0, 8], Buffer.from('2'))]);

  for (const byte of bytes) wire.send(Buffer.from([byte]));
  assert.equal(await wire.next(), '20020000');
  assert.equal(await wire.next(), '40020007');
  assert.equal(await wire.next(), 'd000');
  assert.equal(await wire.next(), '40020008');
  assert.deepEqual((await hub.telemetryOf('dev1', 2)).map(({ body }) => body), [1, 2]);
});

test('what comes in many small records of TLS at once is all taken', async (t) => {
  const { open } = await begin(t);
  const wire = await open();
  const ids = [...Array(30).keys()].map((i) => i + 1);

  wire.socket.setMaxSendFragment(512);
  wire.send(Buffer.concat(ids.map((id) => packet(0x32, EVENTS, [0, id], Buffer.alloc(470, 'x')))));
  for (const id of ids) assert.equal(await wire.next(), `400200${id.toString(16).padStart(2, '0')}`);
});

test('subscriptions are granted at QoS 0 and 1, others refused (W15)', async (t) => {
  const { open } = await begin(t);
  const wire = await open();

  wire.send(packet(0x82, [0, 1], 'devices/dev1/messages/devicebound/#', [2], '#', [0],
    '$iothub/twin/res/#', [0]));
  assert.equal(await wire.next(), '90050001018000');
  wire.send(packet(0xa2, [0, 2], '$iothub/twin/res/#'));
  assert.equal(await wire.next(), 'b0020002');
});

test('RETAIN is a property, and QoS 0 is not acknowledged (W16)', async (t) => {
  const { hub, open } = await begin(t);
  const wire = await open();

  wire.send(packet(0x31, `${EVENTS}a=b&%24.ct=text%2Fplain`, Buffer.from('x')));
  wire.send(packet(0xc0));
  assert.equal(await wire.next(), 'd000');
  const [got] = await hub.telemetryOf('dev1');
  assert.deepEqual(got.properties, { a: 'b', 'mqtt-retain': 'true' });
  assert.equal(got.contentType, 'text/plain');
});

test('a last will is telemetry, unless the client said goodbye (W16)', async (t) => {
  const { hub, open } = await begin(t);
  const will = { flags: 0x04, will: [`${EVENTS}why=gone`, 'my will'] };

  (await open(will)).send(packet(0xe0));
  await eventually('disconnected', async () =>
    (await hub.control('GET', '/devices/dev1')).connectionState === 'Disconnected');
  (await open(will)).end();
  const [got, ...more] = await hub.telemetryOf('dev1');
  assert.equal(got.bodyText, 'my will');
  assert.deepEqual(got.properties, { why: 'gone', 'iothub-MessageType': 'Will' });
  assert.deepEqual(more, []);
});

test('a silent client is disconnected (W15)', async (t) => {
  const { open } = await begin(t);
  const wire = await open({ keepAlive: 1 });

  assert.equal(await wire.next(), 'closed');
});

test('a session that is not clean keeps its subscription to messages (W17)', async (t) => {
  const { hub, open } = await begin(t);
  const first = await open();

  first.send(packet(0x82, [0, 1], 'devices/dev1/messages/devicebound/#', [1]));
  assert.equal(await first.next(), '9003000101');
  first.end();
  await hub.control('POST', '/devices/dev1/messages', { bodyText: 'x', messageId: 'm' });
  const second = await open({}, '20020100');
  assert.match(await second.next(), /^32/);
  second.end();
  // It was not acknowledged: it comes again.
  const third = await open({}, '20020100');
  const again = await third.next();
  const topic = Buffer.from('devices/dev1/messages/devicebound/').toString('hex');
  const start = again.indexOf(topic) - 4;
  const id = again.slice(start + 4 + 2 * Number.parseInt(again.slice(start, start + 4), 16));
  third.send(packet(0x40, Buffer.from(id.slice(0, 4), 'hex')));
  await eventually('completed', async () =>
    (await hub.control('GET', '/devices/dev1/messages/m')).state === 'completed');
  third.end();
  // A clean one forgets it.
  (await open({ flags: 0x02 })).end();
  await open();
});

test('a token that ends, ends the connection (W15)', async (t) => {
  const { hub, open } = await begin(t);
  const { primaryKey } = await hub.device('dev1');
  const wire = await open({ password: sharedAccessSignature('localhost/devices/dev1', primaryKey, 2) });

  assert.equal(await wire.next(), 'closed');
});

test('a module gets the messages that are for it (W27)', async (t) => {
  const { hub, dial } = await begin(t);
  const { primaryKey } = await hub.device('dev1/mod1');
  const wire = dial();
  wire.send(connectPacket({
    clientId: 'dev1/mod1',
    userName: 'localhost/dev1/mod1/?api-version=2021-04-12',
    password: sharedAccessSignature('localhost/devices/dev1/modules/mod1', primaryKey),
  }));
  assert.equal(await wire.next(), '20020000');
  const topic = 'devices/dev1/modules/mod1/messages/devicebound/';
  wire.send(packet(0x82, [0, 1], `${topic}#`, [1]));
  assert.equal(await wire.next(), '9003000101');
  await hub.control('POST', '/devices/dev1/messages', { bodyText: 'for the device' });
  const { messageId } =
    await hub.control('POST', '/devices/dev1%2Fmod1/messages', { bodyText: 'for the module' });
  const published = Buffer.from(await wire.next(), 'hex').toString('latin1');
  assert.ok(published.includes(`${topic}%24.to=%2Fdevices%2Fdev1%2Fmodules%2Fmod1%2Fmessages%2Fdevicebound`), published);
  assert.ok(published.endsWith('for the module'));
  wire.send(packet(0x40, [0, 1]));
  await hub.messageState('dev1%2Fmod1', messageId, 'completed');
});
