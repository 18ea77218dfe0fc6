// SPDX-License-Identifier: MIT
// Microsoft's device SDK over MQTT against the local hub, unmodified.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';

import { startHub } from './support/hub.mjs';
import { eventually, within } from './support/program.mjs';
import {
  Inbox, makeDevice, Message, openDevice, openDeviceWithToken, sharedAccessSignature,
} from './support/sdk.mjs';

async function connected(t, id = 'device-1', options = {}, modelId = undefined) {
  const hub = await startHub(t, options);
  const string = await hub.stringOf(id, 'mqtt');
  return { hub, string, client: await openDevice(t, string, 'mqtt', modelId) };
}

test('telemetry arrives over MQTT as it was sent (W16)', async (t) => {
  const { hub, client } = await connected(t, 'device-1', {}, 'dtmi:com:example:Thing;1');
  const message = new Message(JSON.stringify({ temperature: 21.5, text: 'größer' }));

  message.messageId = 'message 1';
  message.correlationId = 'correlation/1';
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add('alert & more', 'yes/ä=1');
  await within('sendEvent', client.sendEvent(message));
  await within('empty', client.sendEvent(new Message('')));
  const [got, empty] = await hub.telemetryOf('device-1', 2);
  assert.equal(got.messageId, 'message 1');
  assert.equal(got.correlationId, 'correlation/1');
  assert.equal(got.contentType, 'application/json');
  assert.equal(got.contentEncoding, 'utf-8');
  assert.equal(got.modelId, 'dtmi:com:example:Thing;1');
  assert.deepEqual(got.properties, { 'alert & more': 'yes/ä=1' });
  assert.deepEqual(got.body, { temperature: 21.5, text: 'größer' });
  assert.ok(!('body' in empty));
});

test('many messages keep their order over MQTT', async (t) => {
  const { hub, client } = await connected(t);
  const sends = [];

  for (let i = 0; i < 500; i++) sends.push(client.sendEvent(new Message(JSON.stringify({ i }))));
  await within('all sends', Promise.all(sends));
  const got = await hub.telemetryOf('device-1', 500);
  assert.deepEqual(got.map(({ body }) => body.i), [...Array(500).keys()]);
});

test('255 KB are telemetry over MQTT', async (t) => {
  const { hub, client } = await connected(t);

  await within('sendEvent', client.sendEvent(new Message('x'.repeat(255 * 1024))));
  const [got] = await hub.telemetryOf('device-1');
  assert.equal(got.bodyText.length, 255 * 1024);
});

test('a message to a device is completed by its acknowledgement (W17)', async (t) => {
  const { hub, client } = await connected(t);
  const commands = new Inbox(client, 'message');

  await hub.control('POST', '/devices/device-1/messages', {
    body: { on: true }, properties: { Port: '10', 'a b': 'c&d' }, messageId: 'command-1',
    correlationId: 'why', ack: 'full',
  });
  const message = await commands.next();
  assert.equal(message.messageId, 'command-1');
  assert.equal(message.correlationId, 'why');
  assert.deepEqual(JSON.parse(message.data.toString()), { on: true });
  assert.equal(message.properties.getValue('Port'), '10');
  assert.equal(message.properties.getValue('a b'), 'c&d');
  const state = await hub.messageState('device-1', 'command-1', 'completed');
  assert.equal(state.deliveries, 1);
});

test('messages wait for a session that is kept (W17)', async (t) => {
  const { hub, string, client } = await connected(t);
  const commands = new Inbox(client, 'message');

  await hub.control('POST', '/devices/device-1/messages', { bodyText: 'a', messageId: 'first' });
  await commands.next();
  await hub.messageState('device-1', 'first', 'completed');
  await within('close', client.close());
  await hub.control('POST', '/devices/device-1/messages', { bodyText: 'b', messageId: 'second' });
  const again = makeDevice(string, 'mqtt');
  const later = new Inbox(again, 'message');
  await within('open', again.open());
  t.after(() => within('close', again.close()).catch(() => {}));
  assert.equal((await later.next()).messageId, 'second');
  await hub.messageState('device-1', 'second', 'completed');
});

test('direct methods are answered over MQTT (W17)', async (t) => {
  const { hub, client } = await connected(t);

  client.onDeviceMethod('reboot', (request, response) => {
    response.send(202, { got: request.payload }, () => {});
  });
  const answer = await hub.control('POST', '/devices/device-1/methods/reboot', {
    payload: { delay: 5 }, connectTimeoutSeconds: 10, responseTimeoutSeconds: 10,
  });
  assert.deepEqual(answer, { status: 202, payload: { got: { delay: 5 } } });
  client.onDeviceMethod('silent', () => {});
  await assert.rejects(hub.control('POST', '/devices/device-1/methods/silent', {
    responseTimeoutSeconds: 1,
  }), { status: 504, code: 'GatewayTimeout' });
  client.onDeviceMethod('nothing', (request, response) => {
    response.send(200, { got: request.payload }, () => {});
  });
  assert.deepEqual(await hub.control('POST', '/devices/device-1/methods/nothing', {}),
    { status: 200, payload: { got: null } });
});

test('twins are read, reported and desired over MQTT (W17)', async (t) => {
  const { hub, client } = await connected(t);

  await hub.control('PATCH', '/devices/device-1/twin/desired', { interval: 5 });
  const twin = await within('getTwin', client.getTwin());
  assert.equal(twin.properties.desired.interval, 5);
  const report = (patch) => within('reported', new Promise((resolve, reject) => {
    twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
  }));
  await report({ battery: 80 });
  assert.equal((await hub.control('GET', '/devices/device-1/twin')).reported.battery, 80);
  await assert.rejects(report({ 'bad.key': 1 }));
  const changed = new Promise((resolve) => {
    twin.on('properties.desired.interval', (value) => value === 10 && resolve(value));
  });
  await eventually('the desired property', async () => {
    await hub.control('PATCH', '/devices/device-1/twin/desired', { interval: null });
    await hub.control('PATCH', '/devices/device-1/twin/desired', { interval: 10 });
    return Promise.race([changed, new Promise((resolve) => setTimeout(resolve, 100))]);
  });
});

test('what a hub refuses over MQTT is an error of the SDK (W15)', async (t) => {
  const hub = await startHub(t);
  const string = await hub.stringOf('known', 'mqtt');
  const { primaryKey } = await hub.device('known');
  const host = /HostName=([^;]*)/.exec(string)[1];
  const other = randomBytes(32).toString('base64');
  const refused = { name: 'UnauthorizedError', message: /not authorized|Not authorized/ };

  await assert.rejects(openDevice(t,
    `HostName=${host};DeviceId=known;SharedAccessKey=${other}`, 'mqtt'), refused);
  await assert.rejects(openDevice(t,
    `HostName=${host};DeviceId=nobody;SharedAccessKey=${primaryKey}`, 'mqtt'), refused);
  await assert.rejects(openDeviceWithToken(t,
    sharedAccessSignature(`${host}/devices/known`, primaryKey, -600), 'mqtt'), refused);
  const { service, device } = hub.info.hubs[0];
  const byPolicy = (text) => `${text.replace(/HostName=[^;]*/, `HostName=${host}`)};DeviceId=known`;
  await assert.rejects(openDevice(t, byPolicy(service), 'mqtt'), refused);
  await openDevice(t, byPolicy(device), 'mqtt');
  await hub.device('known', { status: 'disabled' });
  await assert.rejects(openDevice(t, string, 'mqtt'), refused);
  await hub.device('known', { status: 'enabled' });
  await openDeviceWithToken(t, sharedAccessSignature(`${host}/devices/known`, primaryKey), 'mqtt');
});

test('a newer connection ends the older one, whatever they speak', async (t) => {
  const { hub, string, client } = await connected(t);
  const first = new Inbox(client, 'disconnect');
  const second = await openDevice(t, string, 'mqtt');
  const over = new Inbox(second, 'disconnect');

  await first.next();
  await within('sendEvent', second.sendEvent(new Message('{"n":1}')));
  const amqp = await openDevice(t, await hub.stringOf('device-1', 'amqp'));
  await within('sendEvent', amqp.sendEvent(new Message('{"n":2}')));
  await over.next();
  await hub.telemetryOf('device-1', 2);
});

test('a device that is disabled or dropped is disconnected', async (t) => {
  const { hub, client } = await connected(t);
  const gone = new Inbox(client, 'disconnect');

  await within('before', client.sendEvent(new Message('{"n":1}')));
  assert.equal((await hub.control('GET', '/devices/device-1')).connectionState, 'Connected');
  const { hit } = await hub.control('POST', '/faults', { kind: 'drop', device: 'device-1' });
  assert.equal(hit, 1);
  await gone.next();
  await within('open again', client.open());
  await within('after', client.sendEvent(new Message('{"n":2}')));
  await hub.device('device-1', { status: 'disabled' });
  await gone.next();
  await eventually('disconnected', async () =>
    (await hub.control('GET', '/devices/device-1')).connectionState === 'Disconnected');
});
