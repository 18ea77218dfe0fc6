// SPDX-License-Identifier: MIT
// What a known and a connected device cost the local hub in memory (bench/README.md): the latter
// mostly OpenSSL's objects and proton's. The bounds leave room for other versions of both, and none
// for a buffer that an idle connection keeps, or for what a start has read.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

import rhea from 'rhea';

import { startHub } from './support/hub.mjs';
import { connectPacket, MqttWire } from './support/mqtt_wire.mjs';
import { temporaryDirectory, within } from './support/program.mjs';
import { sharedAccessSignature } from './support/sdk.mjs';

const FIRST = 50; // they load what is no device's
const MORE = 150;
const KNOWN = 2000;

async function overMqtt(t, hub, deviceId, password) {
  const wire = new MqttWire(hub.info.hubs[0].mqttPort);
  t.after(() => wire.end());
  wire.send(connectPacket({ clientId: deviceId, userName: `localhost/${deviceId}/?api-version=2021-04-12`, password }));
  assert.equal(await wire.next(), '20020000');
}

async function overAmqp(t, hub, deviceId, password) {
  const connection = rhea.create_container().connect({ port: hub.info.hubs[0].amqpPort, host: '127.0.0.1',
    servername: 'localhost', transport: 'tls', reconnect: false, username: deviceId, password });
  connection.on('disconnected', () => {});
  t.after(() => connection.close());
  const sender = connection.open_sender(`/devices/${deviceId}/messages/events`);
  await within('a link', new Promise((resolve) => { sender.once('sendable', resolve); }));
}

const memoryKiB = async (hub) =>
  Number(/RssAnon:\s+(\d+)/.exec(await readFile(`/proc/${hub.info.pid}/status`, 'utf8'))[1]);

for (const [name, connect, mostKiB] of [['MQTT', overMqtt, 22], ['AMQP', overAmqp, 49]]) {
  test(`a device that is connected over ${name} costs less than ${mostKiB} KiB`, async (t) => {
    const hub = await startHub(t);
    const ids = [...Array(FIRST + MORE).keys()].map((i) => `dev${i}`);
    const keys = [];
    let at = 0;

    const connectMore = async (count) => {
      for (const until = at + count; at < until; at += 25) {
        await Promise.all(ids.slice(at, at + 25).map((id, i) =>
          connect(t, hub, id, sharedAccessSignature(`localhost/devices/${id}`, keys[at + i]))));
      }
    };

    for (const id of ids) keys.push((await hub.device(id)).primaryKey);
    await connectMore(FIRST);
    const before = await memoryKiB(hub);
    await connectMore(MORE);
    const each = (await memoryKiB(hub) - before) / MORE;
    t.diagnostic(`${each.toFixed(1)} KiB`);
    assert.ok(each < mostKiB, `${each} KiB for a device`);
  });
}

test('a device that is known from before costs less than 1.5 KiB', async (t) => {
  const directory = await temporaryDirectory(t, 'hub');
  const first = await startHub(t, { directory });
  const before = await memoryKiB(first);

  for (let i = 0; i < KNOWN; i += 50) {
    await Promise.all([...Array(50).keys()].map((k) => first.device(`dev${i + k}`)));
  }
  await first.program.stop();
  const second = await startHub(t, { directory });
  const each = (await memoryKiB(second) - before) / KNOWN;
  t.diagnostic(`${each.toFixed(2)} KiB`);
  assert.ok(each < 1.5, `${each} KiB for a device`);
});
