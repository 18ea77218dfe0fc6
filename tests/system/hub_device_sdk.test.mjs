// SPDX-License-Identifier: MIT
// Microsoft's device SDK over AMQP against the local hub, and the service SDK beside it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';

import { startHub } from './support/hub.mjs';
import { eventually, run, within } from './support/program.mjs';
import {
  Inbox, Message, openDevice, openDeviceWithToken, openService, provision, sharedAccessSignature,
} from './support/sdk.mjs';

async function connected(t, id = 'device-1', options = {}) {
  const hub = await startHub(t, options);
  const { connectionString } = await hub.device(id);
  return { hub, client: await openDevice(t, connectionString) };
}

test('telemetry arrives as it was sent', async (t) => {
  const { hub, client } = await connected(t);
  const message = new Message(JSON.stringify({ temperature: 21.5, text: 'größer' }));

  message.messageId = 'message-1';
  message.correlationId = 'correlation-1';
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add('alert', 'yes');
  await within('sendEvent', client.sendEvent(message));
  const [got] = await hub.telemetryOf('device-1');
  assert.equal(got.sequence, 1);
  assert.equal(got.hub, 'hub1');
  assert.equal(got.messageId, 'message-1');
  assert.equal(got.correlationId, 'correlation-1');
  assert.equal(got.contentType, 'application/json');
  assert.equal(got.contentEncoding, 'utf-8');
  assert.deepEqual(got.properties, { alert: 'yes' });
  assert.deepEqual(got.body, { temperature: 21.5, text: 'größer' });
  assert.ok(Math.abs(Date.parse(got.enqueuedTimeUtc) - Date.now()) < 60000);
});

test('bodies that are no JSON arrive as text or base64', async (t) => {
  const { hub, client } = await connected(t);

  await within('text', client.sendEvent(new Message('no json')));
  await within('bytes', client.sendEvent(new Message(Buffer.from([0xff, 0x00, 0xfe]))));
  const got = await hub.telemetryOf('device-1', 2);
  assert.equal(got[0].bodyText, 'no json');
  assert.equal(got[1].bodyBase64, '/wD+');
});

test('many messages keep their order', async (t) => {
  const { hub, client } = await connected(t);
  const sends = [];

  for (let i = 0; i < 500; i++) sends.push(client.sendEvent(new Message(JSON.stringify({ i }))));
  await within('all sends', Promise.all(sends));
  const got = await hub.telemetryOf('device-1', 500);
  assert.deepEqual(got.map(({ body }) => body.i), [...Array(500).keys()]);
});

test('watch shows what arrives', async (t) => {
  const { hub, client } = await connected(t);
  const watching = run(['hub', 'watch', '--data', hub.directory, '--count', '2', '--json',
    '--timeout', '20']);

  await within('first', client.sendEvent(new Message('{"n":1}')));
  await within('second', client.sendEvent(new Message('{"n":2}')));
  const { status, stdout } = await watching;
  assert.equal(status, 0);
  assert.deepEqual(stdout.trim().split('\n').map((line) => JSON.parse(line).body),
    [{ n: 1 }, { n: 2 }]);
  const pretty = await run(['hub', 'watch', '--data', hub.directory, '--count', '2']);
  assert.equal(pretty.status, 0);
  assert.match(pretty.stdout, /^#1 .*device-1[^]*\{"n":1\}[^]*#2 [^]*\{"n":2\}/);
});

test('a command is completed', async (t) => {
  const { hub, client } = await connected(t);
  const commands = new Inbox(client, 'message');
  const { messageId } = await hub.control('POST', '/devices/device-1/messages', {
    body: { on: true }, properties: { Port: '10' }, messageId: 'command-1',
    correlationId: 'why', ack: 'full',
  });
  const message = await commands.next();

  assert.equal(messageId, 'command-1');
  assert.equal(message.messageId, 'command-1');
  assert.equal(message.correlationId, 'why');
  assert.deepEqual(JSON.parse(message.data.toString()), { on: true });
  assert.equal(message.properties.getValue('Port'), '10');
  await hub.messageState('device-1', 'command-1', 'locked');
  await within('complete', client.complete(message));
  const state = await hub.messageState('device-1', 'command-1', 'completed');
  assert.equal(state.deliveries, 1);
});

test('an abandoned command comes again, a rejected one does not', async (t) => {
  const { hub, client } = await connected(t);
  const commands = new Inbox(client, 'message');

  await run(['hub', 'send', 'device-1', 'again', '--message-id', 'command-2', '--property',
    'a=b', '--property', 'empty=', '--data', hub.directory]);
  const message = await commands.next();
  await within('abandon', client.abandon(message));
  const again = await commands.next();
  assert.equal(again.messageId, 'command-2');
  assert.equal(again.data.toString(), 'again');
  assert.equal(again.properties.getValue('a'), 'b');
  assert.equal(again.properties.getValue('empty'), '');
  await within('reject', client.reject(again));
  const state = await hub.messageState('device-1', 'command-2', 'rejected');
  assert.equal(state.deliveries, 2);
  assert.equal(state.abandoned, 1);
});

test('an empty command comes empty', async (t) => {
  const { hub, client } = await connected(t);
  const commands = new Inbox(client, 'message');
  const { status, output } = await run(['hub', 'send', 'device-1', '', '--data', hub.directory]);

  assert.equal(status, 0, output);
  assert.equal((await commands.next()).data.length, 0);
});

test('commands wait for a device and expire', async (t) => {
  const hub = await startHub(t);
  const { connectionString } = await hub.device('sleeper');

  await hub.control('POST', '/devices/sleeper/messages', {
    bodyText: 'late', messageId: 'late', expiresInSeconds: 1,
  });
  await hub.control('POST', '/devices/sleeper/messages', { bodyText: 'kept', messageId: 'kept' });
  await hub.messageState('sleeper', 'late', 'expired');
  const client = await openDevice(t, connectionString);
  const message = await new Inbox(client, 'message').next();
  assert.equal(message.messageId, 'kept');
  await within('complete', client.complete(message));
});

test('a command whose lock ends comes again', async (t) => {
  const { hub, client } = await connected(t, 'device-1', { args: ['--lock-seconds', '1'] });
  const commands = new Inbox(client, 'message');

  await hub.control('POST', '/devices/device-1/messages', { bodyText: 'x', messageId: 'held' });
  await commands.next();
  const again = await commands.next();
  assert.equal(again.messageId, 'held');
  await within('complete', client.complete(again));
  const state = await hub.messageState('device-1', 'held', 'completed');
  assert.ok(state.locksLost >= 1);
});

test('direct methods are answered', async (t) => {
  const { hub, client } = await connected(t);

  client.onDeviceMethod('reboot', (request, response) => {
    response.send(202, { got: request.payload }, () => {});
  });
  const answer = await hub.control('POST', '/devices/device-1/methods/reboot', {
    payload: { delay: 5 }, connectTimeoutSeconds: 10, responseTimeoutSeconds: 10,
  });
  assert.deepEqual(answer, { status: 202, payload: { got: { delay: 5 } } });
  const { status, stdout } = await run(['hub', 'invoke', 'device-1', 'reboot', '"now"', '--data',
    hub.directory]);
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), { status: 202, payload: { got: 'now' } });
});

test('direct methods fail when nobody answers', async (t) => {
  const { hub, client } = await connected(t);

  await assert.rejects(hub.control('POST', '/devices/device-1/methods/any', {}),
    { status: 404, code: 'DeviceNotOnline' });
  await assert.rejects(hub.control('POST', '/devices/nobody/methods/any', {}),
    { status: 404, code: 'DeviceNotFound' });
  client.onDeviceMethod('silent', () => {});
  await assert.rejects(hub.control('POST', '/devices/device-1/methods/silent', {
    connectTimeoutSeconds: 10, responseTimeoutSeconds: 1,
  }), { status: 504, code: 'GatewayTimeout' });
});

test('twins are read, reported and desired', async (t) => {
  const { hub, client } = await connected(t);

  await hub.control('PATCH', '/devices/device-1/twin/desired', { interval: 5 });
  const twin = await within('getTwin', client.getTwin());
  assert.equal(twin.properties.desired.interval, 5);
  await within('reported', new Promise((resolve, reject) => {
    twin.properties.reported.update({ battery: 80 }, (error) =>
      (error ? reject(error) : resolve()));
  }));
  assert.equal((await hub.control('GET', '/devices/device-1/twin')).reported.battery, 80);
  const changed = new Promise((resolve) => {
    twin.on('properties.desired.interval', (value) => value === 10 && resolve(value));
  });
  // The SDK subscribes when a listener is added, without saying when that is done.
  await eventually('the desired property', async () => {
    await hub.control('PATCH', '/devices/device-1/twin/desired', { interval: null });
    await hub.control('PATCH', '/devices/device-1/twin/desired', { interval: 10 });
    return Promise.race([changed, new Promise((resolve) => setTimeout(resolve, 100))]);
  });
});

test('a provisioned device connects to the hub it was assigned to', async (t) => {
  const hub = await startHub(t, { args: ['--hubs', '2'] });

  for (const registrationId of ['first', 'second', 'third']) {
    const key = hub.deviceKey(registrationId);
    const { assignedHub, deviceId } = await provision(hub, {
      registrationId, key, payload: { modelId: 'dtmi:com:example:Thing;1' },
    });
    const client = await openDevice(t,
      `HostName=${assignedHub};DeviceId=${deviceId};SharedAccessKey=${key}`);
    await within('sendEvent', client.sendEvent(new Message('{}')));
    const [got] = await hub.telemetryOf(deviceId);
    assert.equal(got.modelId, 'dtmi:com:example:Thing;1');
    assert.equal(hub.info.hubs.find(({ id }) => id === got.hub).hostName, assignedHub);
    const state = await hub.control('GET', `/devices/${deviceId}`);
    assert.equal(state.connectionState, 'Connected');
  }
});

test('what a hub refuses is an error of the SDK', async (t) => {
  const hub = await startHub(t);
  const { hostName } = hub.info.hubs[0];
  const { connectionString, primaryKey } = await hub.device('known');
  const other = randomBytes(32).toString('base64');
  const unauthorized = { name: 'UnauthorizedError' };

  await assert.rejects(openDevice(t,
    `HostName=${hostName};DeviceId=known;SharedAccessKey=${other}`), unauthorized);
  await assert.rejects(openDevice(t,
    `HostName=${hostName};DeviceId=nobody;SharedAccessKey=${primaryKey}`), unauthorized);
  await assert.rejects(openDeviceWithToken(t,
    sharedAccessSignature(`${hostName}/devices/known`, primaryKey, -600)), unauthorized);
  await hub.device('known', { status: 'disabled' });
  await assert.rejects(openDevice(t, connectionString), unauthorized);
  await hub.device('known', { status: 'enabled' });
  await openDevice(t, connectionString);
  await openDeviceWithToken(t, sharedAccessSignature(`${hostName}/devices/known`, primaryKey));
});

test('a hub policy may speak for a device', async (t) => {
  const hub = await startHub(t);

  await hub.device('by-policy');
  const client = await openDevice(t, `${hub.info.hubs[0].device};DeviceId=by-policy`);
  await within('sendEvent', client.sendEvent(new Message('{}')));
  await hub.telemetryOf('by-policy');
});

test('a dropped connection is noticed and made again', async (t) => {
  const { hub, client } = await connected(t);
  const gone = new Inbox(client, 'disconnect');

  await within('before', client.sendEvent(new Message('{"n":1}')));
  const { hit } = await hub.control('POST', '/faults', { kind: 'drop', device: 'device-1' });
  assert.equal(hit, 1);
  await gone.next();
  await within('open again', client.open());
  await within('after', client.sendEvent(new Message('{"n":2}')));
  await hub.telemetryOf('device-1', 2);
});

test('ordered faults reach the SDK', async (t) => {
  const { hub, client } = await connected(t);

  await hub.control('POST', '/faults', {
    kind: 'reject', condition: 'com.microsoft:message-too-large', times: 1,
  });
  await assert.rejects(within('sendEvent', client.sendEvent(new Message('{"n":1}'))));
  await within('sendEvent', client.sendEvent(new Message('{"n":2}')));
  assert.deepEqual((await hub.telemetryOf('device-1')).map(({ body }) => body), [{ n: 2 }]);
  assert.deepEqual((await hub.control('GET', '/faults')).faults, []);
});

test('the service SDK sends a command and hears of its end', async (t) => {
  const { hub, client } = await connected(t);
  const service = await openService(t, hub, hub.info.hubs[0].service);
  const { result: feedback } = await within('feedback receiver', service.getFeedbackReceiver());
  const records = new Inbox(feedback, 'message');
  const message = new Message('from the service');

  message.messageId = 'service-1';
  message.ack = 'full';
  client.on('message', (received) => client.complete(received, () => {}));
  await within('send', service.send('device-1', message));
  await hub.messageState('device-1', 'service-1', 'completed');
  const batch = JSON.parse((await records.next()).data.toString());
  assert.equal(batch[0].originalMessageId, 'service-1');
  assert.equal(batch[0].statusCode, 'Success');
  assert.equal(batch[0].deviceId, 'device-1');
});

test('the service SDK is told that a device does not exist', async (t) => {
  const hub = await startHub(t);
  const service = await openService(t, hub, hub.info.hubs[0].service);

  await assert.rejects(within('send', service.send('nobody', new Message('x'))),
    { name: 'DeviceNotFoundError' });
});
