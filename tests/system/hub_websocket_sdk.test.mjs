// SPDX-License-Identifier: MIT
// Microsoft's SDKs over WebSockets against the local hub, unmodified (rule W18).
import assert from 'node:assert/strict';
import https from 'node:https';
import test from 'node:test';

import { startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { eventually, within } from './support/program.mjs';
import { Inbox, Message, openDevice, openService } from './support/sdk.mjs';

const HOST = 'hub.test';

/** A hub at the standard ports of a name, as far as this process can tell. */
async function startAt(t, host = HOST) {
  const hub = await startHub(t, { args: ['--host', host] });
  redirect(host, { 443: Number(hub.info.dps.endpoint.split(':')[1]) });
  const plain = (text) => text.replace(/HostName=[^;]*/, `HostName=${host}`);
  const string = async (id) => plain((await hub.device(id)).connectionString);
  return { hub, string, plain };
}

for (const transport of ['amqpWs', 'mqttWs']) {
  test(`telemetry, messages, methods and twins over ${transport} (W18)`, async (t) => {
    const { hub, string } = await startAt(t);
    const client = await openDevice(t, await string('dev1'), transport);
    const commands = new Inbox(client, 'message');

    await within('small', client.sendEvent(new Message('{"n":1}')));
    await within('large', client.sendEvent(new Message('x'.repeat(255 * 1024))));
    const got = await hub.telemetryOf('dev1', 2);
    assert.deepEqual(got[0].body, { n: 1 });
    assert.equal(got[1].bodyText.length, 255 * 1024);

    client.onDeviceMethod('reboot', (request, response) => {
      response.send(202, { got: request.payload }, () => {});
    });
    assert.deepEqual(await hub.control('POST', '/devices/dev1/methods/reboot', {
      payload: { delay: 5 }, connectTimeoutSeconds: 10, responseTimeoutSeconds: 10,
    }), { status: 202, payload: { got: { delay: 5 } } });

    await hub.control('PATCH', '/devices/dev1/twin/desired', { text: 'y'.repeat(4000), more: 1 });
    const twin = await within('getTwin', client.getTwin());
    assert.equal(twin.properties.desired.text.length, 4000);
    await within('reported', new Promise((resolve, reject) => {
      twin.properties.reported.update({ battery: 80 }, (error) =>
        (error ? reject(error) : resolve()));
    }));
    assert.equal((await hub.control('GET', '/devices/dev1/twin')).reported.battery, 80);

    await hub.control('POST', '/devices/dev1/messages', {
      bodyText: 'z'.repeat(60000), messageId: 'big',
    });
    const message = await commands.next();
    assert.equal(message.data.length, 60000);
    await within('complete', client.complete(message));
    await eventually('completed', async () =>
      (await hub.control('GET', '/devices/dev1/messages/big')).state === 'completed');
  });

  test(`a cut connection over ${transport} is noticed and made again`, async (t) => {
    const { hub, string } = await startAt(t);
    const client = await openDevice(t, await string('dev1'), transport);
    const gone = new Inbox(client, 'disconnect');

    await within('before', client.sendEvent(new Message('{"n":1}')));
    await hub.control('POST', '/faults', { kind: 'drop', device: 'dev1' });
    await gone.next();
    await within('open again', client.open());
    await within('after', client.sendEvent(new Message('{"n":2}')));
    await hub.telemetryOf('dev1', 2);
    await within('close', client.close());
    await eventually('disconnected', async () =>
      (await hub.control('GET', '/connections')).connections.length === 0);
  });

  test(`what is refused over ${transport} is an error of the SDK`, async (t) => {
    const { string } = await startAt(t);
    const right = await string('dev1');
    const wrong = right.replace('DeviceId=dev1', 'DeviceId=nobody');

    await assert.rejects(openDevice(t, wrong, transport), { name: 'UnauthorizedError' });
  });
}

test('the service SDK sends a message over WebSockets (W18)', async (t) => {
  const { hub, string, plain } = await startAt(t);
  const service = await openService(t, hub, plain(hub.info.hubs[0].service), 'amqpWs');
  const client = await openDevice(t, await string('dev1'), 'mqttWs');
  const commands = new Inbox(client, 'message');
  const message = new Message('from the service');

  message.messageId = 'service-1';
  await within('send', service.send('dev1', message));
  assert.equal((await commands.next()).messageId, 'service-1');
});

function ask(hub, headers) {
  const [host, port] = hub.info.dps.endpoint.split(':');
  return within('an answer', new Promise((resolve, reject) => {
    const request = https.request({
      host: '127.0.0.1', servername: host, port, path: '/$iothub/websocket', headers,
    });
    request.on('response', (response) => resolve(response.statusCode));
    request.on('upgrade', (response, socket) => {
      socket.on('error', () => {});
      resolve(socket);
    });
    request.on('error', reject);
    request.end();
  }));
}

test('a handshake that is none is refused, and so are frames that are none', async (t) => {
  const { hub, string } = await startAt(t);
  const good = {
    Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol': 'mqtt',
  };

  assert.equal(await ask(hub, {}), 426);
  assert.equal(await ask(hub, { ...good, 'Sec-WebSocket-Version': '8' }), 426);
  assert.equal(await ask(hub, { ...good, 'Sec-WebSocket-Key': 'short' }), 426);
  assert.equal(await ask(hub, { ...good, 'Sec-WebSocket-Protocol': 'chat' }), 400);
  // Reserved bits; an unknown kind; a packet that is none; text, which no protocol here is.
  for (const bytes of [[0x6e, 0x6f, 0x20], [0x8f, 0x80, 0, 0, 0, 0],
    [0x82, 0x82, 0, 0, 0, 0, 0, 0], [0x81, 0x81, 0, 0, 0, 0, 0x78]]) {
    const socket = await ask(hub, good);
    socket.write(Buffer.from(bytes));
    await within('the end', new Promise((resolve) => {
      socket.on('close', resolve);
      socket.resume();
    }));
  }
  const client = await openDevice(t, await string('dev1'), 'mqttWs');
  await within('sendEvent', client.sendEvent(new Message('{}')));
});

test('a hub ends in order while WebSockets are open', async (t) => {
  const { hub, string } = await startAt(t);
  const mqtt = await openDevice(t, await string('dev1'), 'mqttWs');
  const amqp = await openDevice(t, await string('dev2'), 'amqpWs');

  await within('mqtt', mqtt.sendEvent(new Message('{}')));
  await within('amqp', amqp.sendEvent(new Message('{}')));
  await hub.program.stop();
});
