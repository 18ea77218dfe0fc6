// SPDX-License-Identifier: MIT
// Microsoft's device SDK over HTTPS, and what no SDK would send (rule W22).
import assert from 'node:assert/strict';
import { request } from 'node:https';
import test from 'node:test';

import common from 'azure-iot-common';
import device from 'azure-iot-device';
import deviceHttp from 'azure-iot-device-http';

import { keyText, makeCertificate, makeKey } from './support/certificates.mjs';
import { startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { eventually, within } from './support/program.mjs';
import { Inbox, Message, sharedAccessSignature } from './support/sdk.mjs';

async function start(t, args = []) {
  const hub = await startHub(t, { args: ['--host', 'hub.test', ...args] });
  redirect('hub.test', { 443: hub.info.hubs[0].httpsPort });
  return hub;
}

async function open(t, hub, id, settings = {}) {
  const { primaryKey } = await hub.device(id, settings);
  const client = device.Client.fromConnectionString(
    `HostName=hub.test;DeviceId=${id};SharedAccessKey=${primaryKey}`, deviceHttp.Http);
  client.on('error', () => {});
  client.setRetryPolicy(new common.NoRetry());
  await within('open', client.open());
  t.after(() => within('close', client.close()).catch(() => {}));
  return client;
}

/** A request as no SDK sends it; resolves to { status, headers, json }. */
function ask(method, path, { headers = {}, body, token, ...options } = {}) {
  return within('ask', new Promise((resolve, reject) => {
    const asked = request({
      host: 'hub.test', port: 443, method, path, ...options,
      headers: { ...headers, ...(token ? { authorization: token } : {}) },
    }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve({
        status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString(),
      }));
    });
    asked.on('error', reject);
    asked.end(body);
  }));
}

const events = (id) => `/devices/${id}/messages/events?api-version=2021-04-12`;
const bound = (id, rest = '') => `/devices/${id}/messages/devicebound${rest}?api-version=2021-04-12`;

test('telemetry comes over HTTPS, alone and in a batch (W22)', async (t) => {
  const hub = await start(t);
  const client = await open(t, hub, 'dev1');
  const message = new Message('{"t":1}');
  message.messageId = 'm1';
  message.correlationId = 'c1';
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add('k', 'v');
  await within('sendEvent', client.sendEvent(message));
  await within('sendEvent', client.sendEvent(new Message('')));
  const second = new Message(Buffer.from([0, 255]));
  second.properties.add('a', 'b');
  await within('sendEventBatch', client.sendEventBatch([new Message('x'), second]));

  const [one, empty, x, bytes] = await hub.telemetryOf('dev1', 4);
  assert.deepEqual([one.body, one.messageId, one.correlationId, one.contentType, one.contentEncoding,
    one.properties], [{ t: 1 }, 'm1', 'c1', 'application/json', 'utf-8', { k: 'v' }]);
  assert.equal(empty.bodyText, '');
  assert.equal(x.bodyText, 'x');
  assert.deepEqual([bytes.bodyBase64, bytes.properties], ['AP8=', { a: 'b' }]);
  await within('sendEvent', client.sendEvent(new Message(Buffer.alloc(255 * 1024))));
  await assert.rejects(within('sendEvent', client.sendEvent(new Message(Buffer.alloc(257 * 1024)))),
    { name: 'MessageTooLargeError' });
});

test('messages to a device are completed, rejected and abandoned over HTTPS (W22)', async (t) => {
  const hub = await start(t);
  const client = await open(t, hub, 'dev1');
  const send = (id, more = {}) =>
    hub.control('POST', '/devices/dev1/messages', { messageId: id, bodyText: id, ...more });
  const state = async (id, wanted) => eventually(`${id} is ${wanted}`, async () => {
    const found = await hub.control('GET', `/devices/dev1/messages/${id}`);
    return found.state === wanted && found;
  });
  const inbox = new Inbox(client, 'message');

  await send('one', { properties: { k: 'v' }, correlationId: 'c' });
  const first = await inbox.next();
  assert.deepEqual([first.messageId, first.correlationId, first.data.toString(),
    first.properties.getValue('iothub-app-k')], ['one', 'c', 'one', 'v']);
  await within('complete', client.complete(first));
  await state('one', 'completed');
  await send('two');
  await within('reject', client.reject(await inbox.next()));
  await state('two', 'rejected');
  await send('three');
  await within('abandon', client.abandon(await inbox.next()));
  const again = await inbox.next();
  assert.equal(again.messageId, 'three');
  await within('complete', client.complete(again));
  const { abandoned } = await state('three', 'completed');
  assert.equal(abandoned, 1);
});

test('a lock over HTTPS ends with its time, and settles only once (W22)', async (t) => {
  const hub = await start(t, ['--lock-seconds', '1']);
  const { primaryKey } = await hub.device('dev1');
  const token = sharedAccessSignature('hub.test/devices/dev1', primaryKey);

  assert.equal((await ask('GET', bound('dev1'), { token })).status, 204);
  await hub.control('POST', '/devices/dev1/messages', { messageId: 'm', bodyText: 'x' });
  const first = await ask('GET', bound('dev1'), { token });
  assert.equal(first.status, 200);
  assert.match(first.headers.etag, /^"[0-9a-f]+"$/);
  assert.equal((await ask('GET', bound('dev1'), { token })).status, 204);
  const second = await eventually('the lock ends', async () => {
    const answer = await ask('GET', bound('dev1'), { token });
    return answer.status === 200 && answer;
  });
  const lock = (answer) => `/${answer.headers.etag.slice(1, -1)}`;
  assert.notEqual(lock(first), lock(second));
  const lost = await ask('DELETE', bound('dev1', lock(first)), { token });
  assert.equal(lost.status, 412);
  assert.equal(lost.headers['iothub-errorcode'], 'DeviceMessageLockLost');
  assert.equal((await ask('DELETE', bound('dev1', lock(second)), { token })).status, 204);
  assert.equal((await ask('DELETE', bound('dev1', lock(second)), { token })).status, 412);
  assert.equal((await ask('POST', bound('dev1', '/nonsense/abandon'), { token })).status, 412);
});

test('who may not is told so over HTTPS (W22)', async (t) => {
  const hub = await start(t);
  const { primaryKey } = await hub.device('dev1');
  await hub.device('dev2');
  const sign = (resource, life) => sharedAccessSignature(resource, primaryKey, life);
  const body = 'x';
  const status = async (path, options) => (await ask('POST', path, { body, ...options })).status;

  assert.equal(await status(events('dev1'), { token: sign('hub.test/devices/dev1') }), 204);
  assert.equal(await status(events('dev1'), {}), 401);
  assert.equal(await status(events('dev1'), { token: 'nonsense' }), 401);
  assert.equal(await status(events('dev1'), { token: sign('hub.test/devices/dev1', -3600) }), 401);
  assert.equal(await status(events('dev2'), { token: sign('hub.test/devices/dev1') }), 401);
  assert.equal(await status(events('dev2'), { token: sign('hub.test/devices/dev2') }), 401);
  assert.equal(await status(events('gone'), { token: sign('hub.test/devices/gone') }), 404);
  assert.equal(await status('/devices/dev1/messages/events',
    { token: sign('hub.test/devices/dev1') }), 400);
  const policy = /SharedAccessKey=([^;]+)/.exec(hub.info.hubs[0].service)[1];
  assert.equal(await status(events('dev1'),
    { token: sharedAccessSignature('hub.test', policy, 3600, 'service') }), 401);
  const all = /SharedAccessKey=([^;]+)/.exec(hub.info.hubs[0].device)[1];
  const gateway = sharedAccessSignature('hub.test/devices', all, 3600, 'device');
  assert.equal(await status(events('dev2'), { token: gateway }), 204);
  assert.equal(await status(events('gone'), { token: gateway }), 404);
  await hub.device('dev1', { status: 'disabled' });
  assert.equal(await status(events('dev1'), { token: sign('hub.test/devices/dev1') }), 401);
  const batch = { 'content-type': 'application/vnd.microsoft.iothub.json' };
  for (const wrong of ['', '{}', '[{"properties":{}}]', '[{"body":"%"}]', '[1]']) {
    assert.equal((await ask('POST', events('dev2'), { token: gateway, headers: batch, body: wrong }))
      .status, 400, wrong);
  }
  assert.equal((await hub.telemetry()).length, 2);
});

test('a certificate is enough over HTTPS (W21)', async (t) => {
  const hub = await start(t);
  const own = makeCertificate({ key: makeKey(), subject: { CN: 'dev1' } });
  const other = makeCertificate({ key: makeKey(), subject: { CN: 'dev1' } });
  const digest = await crypto.subtle.digest('SHA-256', own.der);

  await hub.device('dev1', {
    authentication: 'selfSigned', primaryThumbprint: Buffer.from(digest).toString('hex'),
  });
  const shown = ({ pem, key }) => ({ cert: pem, key: keyText(key), agent: false, body: 'x' });
  assert.equal((await ask('POST', events('dev1'), shown(own))).status, 204);
  assert.equal((await ask('POST', events('dev1'), shown(other))).status, 401);
  assert.equal((await ask('POST', events('dev1'), { body: 'x' })).status, 401);
  await hub.telemetryOf('dev1');
});

test('faults reach a device over HTTPS', async (t) => {
  const hub = await start(t);
  const client = await open(t, hub, 'dev1');

  await hub.control('POST', '/faults', { kind: 'reject', condition: 'amqp:internal-error', times: 1 });
  await assert.rejects(within('sendEvent', client.sendEvent(new Message('x'))),
    { name: 'ServiceUnavailableError' });
  assert.equal((await hub.telemetry()).length, 0);
  await hub.control('POST', '/faults', { kind: 'cut', times: 1 });
  await assert.rejects(within('sendEvent', client.sendEvent(new Message('x'))));
  assert.equal((await hub.telemetry()).length, 1);
});
