// SPDX-License-Identifier: MIT
// File upload with Microsoft's SDKs: a device puts a file, a service is told (rule W26).
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { Readable } from 'node:stream';
import test from 'node:test';

import common from 'azure-iot-common';
import device from 'azure-iot-device';
import deviceHttp from 'azure-iot-device-http';
import deviceMqtt from 'azure-iot-device-mqtt';

import { accountKey, startAzuriteBlobs } from './support/azurite.mjs';
import { freePorts, startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { run, temporaryDirectory, within } from './support/program.mjs';
import { Inbox, openService, sharedAccessSignature } from './support/sdk.mjs';

async function start(t, args = []) {
  const hub = await startHub(t, { args: ['--host', 'hub.test', ...args] });
  const { amqpPort, httpsPort, mqttPort } = hub.info.hubs[0];
  redirect('hub.test', {
    443: httpsPort, [httpsPort]: httpsPort, [amqpPort]: amqpPort, 8883: mqttPort,
  });
  return hub;
}

function ask(method, url, { headers = {}, body } = {}) {
  return within('ask', new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve({
        status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts),
      }));
    });
    asked.on('error', reject);
    asked.end(body);
  }));
}

async function listen(t, hub) {
  const { service } = hub.info.hubs[0];
  const client = await openService(t, hub, service);
  const receiver = await within('receiver', new Promise((resolve, reject) => {
    client.getFileNotificationReceiver((error, got) => (error ? reject(error) : resolve(got)));
  }));
  return { receiver, inbox: new Inbox(receiver, 'message') };
}

const complete = (receiver, message) => within('complete', new Promise((resolve, reject) => {
  receiver.complete(message, (error) => (error ? reject(error) : resolve()));
}));

for (const [name, transport] of [['HTTPS', deviceHttp.Http], ['MQTT', deviceMqtt.Mqtt]]) {
  test(`a file of several blocks arrives, beside ${name}, and a service is told (W26)`, async (t) => {
    const hub = await start(t);
    const { primaryKey } = await hub.device('dev1');
    const { receiver, inbox } = await listen(t, hub);
    const client = device.Client.fromConnectionString(
      `HostName=hub.test;DeviceId=dev1;SharedAccessKey=${primaryKey}`, transport);
    t.after(() => within('close', client.close()).catch(() => {}));
    client.setRetryPolicy(new common.NoRetry());
    client.on('error', () => {});
    await within('open', client.open());
    const file = Buffer.alloc(9 * 1024 * 1024, 'isthmus');

    await within('uploadToBlob', client.uploadToBlob('a dir/file.bin',
      Readable.from([file.subarray(0, 5000), file.subarray(5000)]), file.length));
    const message = await inbox.next();
    const told = JSON.parse(message.data.toString());
    assert.deepEqual([told.deviceId, told.blobName, told.blobSizeInBytes],
      ['dev1', 'dev1/a dir/file.bin', file.length]);
    assert.match(told.blobUri, /^https:\/\/hub\.test(:\d+)?\/uploads-hub1\/dev1\/a dir/);
    await complete(receiver, message);
  });
}

test('a blob is put whole or in blocks, read again, and only with its own token (W26)', async (t) => {
  const hub = await start(t);
  const { primaryKey } = await hub.device('dev1');
  const token = sharedAccessSignature('hub.test/devices/dev1', primaryKey);
  const { httpsPort } = hub.info.hubs[0];
  const files = `https://hub.test:${httpsPort}/devices/dev1/files`;
  const json = { authorization: token, 'content-type': 'application/json' };
  const post = (path, body) => ask('POST', `${files}${path}?api-version=2021-04-12`,
    { headers: json, body: JSON.stringify(body) });
  const begin = async (blobName) => {
    const { status, body } = await post('', { blobName });
    assert.equal(status, 200, body.toString());
    const place = JSON.parse(body.toString());
    return {
      ...place, url: `https://${place.hostName}/${place.containerName}/${place.blobName}${place.sasToken}`,
    };
  };
  const place = await begin('one');
  const put = (url, body, headers = {}) => ask('PUT', url, { body, headers });
  const whole = { 'x-ms-blob-type': 'BlockBlob' };

  assert.equal((await put(place.url, 'content', whole)).status, 201);
  const got = await ask('GET', place.url);
  assert.deepEqual([got.status, got.body.toString()], [200, 'content']);
  assert.equal((await put(place.url, 'content')).status, 400);
  // Another blob, a changed signature, none.
  assert.equal((await put(place.url.replace('/one?', '/two?'), 'x', whole)).status, 403);
  assert.equal((await put(place.url.replace(/sig=.../, 'sig=AAA'), 'x', whole)).status, 403);
  assert.equal((await put(place.url.replace(/se=\d{4}/, 'se=2999'), 'x', whole)).status, 403);
  assert.equal((await put(place.url.replace(/\?.*/, ''), 'x', whole)).status, 403);

  // Blocks count in the order of the list.
  const block = (id, body) => put(`${place.url}&comp=block&blockid=${encodeURIComponent(id)}`, body);
  const list = (...ids) => put(`${place.url}&comp=blocklist`,
    `<?xml version="1.0"?><BlockList>${ids.map((id) => `<Latest>${id}</Latest>`).join('')}</BlockList>`);
  assert.equal((await block('Yg==', 'second')).status, 201);
  assert.equal((await block('YQ==', 'first ')).status, 201);
  assert.equal((await block('../../x', 'bad')).status, 400);
  assert.equal((await list('YQ==', 'YQA=')).status, 400);
  assert.equal((await ask('GET', place.url)).body.toString(), 'content');
  assert.equal((await list('YQ==', 'Yg==')).status, 201);
  assert.equal((await ask('GET', place.url)).body.toString(), 'first second');
  assert.equal((await put(`${place.url}&comp=blocklist`, '<nonsense')).status, 400);

  // How it went is said once; a failed upload is told to nobody.
  const { inbox } = await listen(t, hub);
  const failed = await begin('failed');
  assert.equal((await post(`/notifications/${failed.correlationId}`,
    { isSuccess: false, statusCode: 500, statusDescription: 'no' })).status, 204);
  assert.equal((await post('/notifications',
    { correlationId: place.correlationId, isSuccess: true, statusCode: 200 })).status, 204);
  assert.equal(JSON.parse((await inbox.next()).data.toString()).blobName, 'dev1/one');
  assert.equal((await post('/notifications', { correlationId: place.correlationId })).status, 404);
  assert.equal((await post('', {})).status, 400);
  for (let i = 0; i < 10; i += 1) await begin(`many${i}`);
  assert.equal((await post('', { blobName: 'too many' })).status, 403);
});

test('a notification that is not completed comes again (W26)', async (t) => {
  const hub = await start(t);
  const { primaryKey } = await hub.device('dev1');
  const client = device.Client.fromConnectionString(
    `HostName=hub.test;DeviceId=dev1;SharedAccessKey=${primaryKey}`, deviceHttp.Http);
  t.after(() => within('close', client.close()).catch(() => {}));
  client.setRetryPolicy(new common.NoRetry());
  const { receiver } = await listen(t, hub);
  const names = [];
  const done = new Promise((resolve, reject) => {
    receiver.on('message', (message) => {
      names.push(JSON.parse(message.data.toString()).blobName);
      if (names.length === 1) receiver.abandon(message, (error) => error && reject(error));
      else receiver.complete(message, (error) => (error ? reject(error) : resolve()));
    });
  });

  await within('uploadToBlob', client.uploadToBlob('f', Readable.from([Buffer.from('x')]), 1));
  await within('done', done);
  assert.deepEqual(names, ['dev1/f', 'dev1/f']);
});

/** A storage account that listens at this port. */
const account = (port, scheme = 'https') => 'AccountName=devstoreaccount1;' +
  `AccountKey=${accountKey};BlobEndpoint=${scheme}://127.0.0.1:${port}/devstoreaccount1`;

test('files go to Azurite with a token each, and services are told of them (W26)', async (t) => {
  const [port] = await freePorts(1);
  const hub = await start(t, ['--upload-store', account(port)]);
  const { primaryKey } = await hub.device('dev1');
  const client = device.Client.fromConnectionString(
    `HostName=hub.test;DeviceId=dev1;SharedAccessKey=${primaryKey}`, deviceHttp.Http);
  t.after(() => within('close', client.close()).catch(() => {}));
  client.setRetryPolicy(new common.NoRetry());
  await within('open', client.open());
  const upload = (name, body) =>
    within(name, client.uploadToBlob(name, Readable.from([body]), body.length));

  // Azurite does not run yet: the device is told, and may try as often as it likes.
  for (let i = 0; i < 11; i += 1) await assert.rejects(upload('early', Buffer.from('x')));

  const azurite = await startAzuriteBlobs(t, { port, tls: hub.directory });
  const { receiver, inbox } = await listen(t, hub);
  const large = Buffer.alloc(9 * 1024 * 1024, 'isthmus');
  for (const [name, body] of [['a dir/file.bin', large], ['small', Buffer.from('content')]]) {
    await upload(name, body);
    const message = await inbox.next();
    const told = JSON.parse(message.data.toString());
    assert.deepEqual([told.deviceId, told.blobName, told.blobSizeInBytes, told.blobUri],
      ['dev1', `dev1/${name}`, body.length, `${azurite.endpoint}/uploads-hub1/dev1/${name}`]);
    assert.ok(Math.abs(Date.parse(told.lastUpdatedTime) - Date.parse(told.enqueuedTimeUtc)) < 600000);
    await complete(receiver, message);
  }
  const held = await azurite.held('uploads-hub1');
  assert.deepEqual(Object.keys(held).sort(), ['dev1/a dir/file.bin', 'dev1/small']);
  assert.deepEqual(held['dev1/small'].bytes.toString(), 'content');
  assert.ok(held['dev1/a dir/file.bin'].bytes.equals(large));

  // A place is good for one blob only, and nothing is told of one that did not come.
  const post = (path, body) => ask('POST',
    `https://hub.test:${hub.info.hubs[0].httpsPort}/devices/dev1/files${path}?api-version=2021-04-12`, {
      headers: {
        authorization: sharedAccessSignature('hub.test/devices/dev1', primaryKey),
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
  const place = JSON.parse((await post('', { blobName: 'third' })).body.toString());
  const put = (name) => ask('PUT', `https://${place.hostName}/${place.containerName}/${name}${place.sasToken}`,
    { body: 'third', headers: { 'x-ms-blob-type': 'BlockBlob' } });
  assert.equal((await put('dev1/other')).status, 403);
  const finish = (correlationId) => post('/notifications', { correlationId, isSuccess: true });
  const nothing = JSON.parse((await post('', { blobName: 'nothing' })).body.toString());
  assert.equal((await finish(nothing.correlationId)).status, 204);
  assert.equal((await put(place.blobName)).status, 201);
  assert.equal((await finish(place.correlationId)).status, 204);
  assert.equal(JSON.parse((await inbox.next()).data.toString()).blobName, 'dev1/third');
  // The hub has no files of its own then.
  assert.notEqual((await ask('GET',
    `https://hub.test:${hub.info.hubs[0].httpsPort}/uploads-hub1/dev1/third${place.sasToken}`)).status, 200);
});

for (const [what, text, words] of [
  ['plain http', account(10000, 'http'), /https only.*--cert/s],
  ['no key', 'BlobEndpoint=https://127.0.0.1:10000/a;SharedAccessSignature=sig=x', /key is needed/],
]) {
  test(`a storage account with ${what} is refused in words`, async (t) => {
    const { status, output } = await run(['hub', '--data', await temporaryDirectory(t, 'hub'), '--amqp-port',
      '0', '--mqtt-port', '0', '--https-port', '0', '--control-port', '0', '--upload-store', text]);
    assert.equal(status, 2);
    assert.match(output, words);
  });
}
