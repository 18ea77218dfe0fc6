// SPDX-License-Identifier: MIT
// The table of docs/local-hub.md, "What Microsoft's SDKs can do with it": each cell is tried here,
// with the packages as they are, and the page must say what came of it. After a change
// `ISTHMUS_WRITE_TABLE=1 node --test hub_sdk_table.test.mjs` writes the page.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { EventHubConsumerClient, earliestEventPosition } from '@azure/event-hubs';
import deviceSdk from 'azure-iot-device';
import deviceHttp from 'azure-iot-device-http';
import provisioning from 'azure-iot-provisioning-device';
import provisioningAmqp from 'azure-iot-provisioning-device-amqp';
import provisioningHttp from 'azure-iot-provisioning-device-http';
import provisioningMqtt from 'azure-iot-provisioning-device-mqtt';
import provisioningService from 'azure-iot-provisioning-service';
import symmetricKey from 'azure-iot-security-symmetric-key';
import WebSocket from 'ws';

import { startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { eventually, within } from './support/program.mjs';
import { Inbox, makeDevice, Message, openDevice, openJobs, openRegistry, openService,
  transports as sdkTransports } from './support/sdk.mjs';

const PAGE = fileURLToPath(new URL('../../docs/local-hub.md', import.meta.url));
const HOST = 'hub.test';
const DPS = 'global.azure-devices-provisioning.net';
const transports = { amqp: 'AMQP', amqpWs: 'AMQP by WebSocket', mqtt: 'MQTT',
  mqttWs: 'MQTT by WebSocket' };

async function start(t) {
  const hub = await startHub(t, { args: ['--host', HOST, '--host', DPS] });
  const { amqpPort, mqttPort, httpsPort } = hub.info.hubs[0];
  for (const name of [HOST, DPS]) {
    redirect(name, { 5671: amqpPort, 8883: mqttPort, 443: httpsPort, [httpsPort]: httpsPort });
  }
  return hub;
}

const named = (text) => text.replace(/HostName=[^;]*/, `HostName=${HOST}`);

/** What is tried with a device; each gets a hub and an opened client of `id`. */
const features = {
  'telemetry with properties': async ({ hub, client, id }) => {
    const message = new Message('{"n":1}');
    message.messageId = 'm';
    message.contentType = 'application/json';
    message.properties.add('k', 'v');
    await within('sendEvent', client.sendEvent(message));
    const [got] = await hub.telemetryOf(id);
    assert.deepEqual([got.body, got.messageId, got.contentType, got.properties],
      [{ n: 1 }, 'm', 'application/json', { k: 'v' }]);
  },
  'an empty message, and one of 255 KB': async ({ hub, client, id }) => {
    await within('empty', client.sendEvent(new Message('')));
    await within('large', client.sendEvent(new Message('x'.repeat(255 * 1024))));
    await hub.telemetryOf(id, 2);
  },
  'cloud-to-device messages, completed': async ({ hub, client, id }) => {
    const commands = new Inbox(client, 'message');
    await hub.control('POST', `/devices/${id}/messages`, { bodyText: 'b', messageId: 'c' });
    await within('complete', client.complete(await commands.next()));
    await eventually('completed', async () =>
      (await hub.control('GET', `/devices/${id}/messages/c`)).state === 'completed');
  },
  'messages that waited for the device': async ({ hub, id, string, transport }) => {
    const later = makeDevice(string, transport);
    const commands = new Inbox(later, 'message');
    await hub.control('POST', `/devices/${id}/messages`, { bodyText: 'b', messageId: 'w' });
    try {
      await within('open', later.open());
      assert.equal((await commands.next()).messageId, 'w');
    } finally {
      await later.close().catch(() => {});
    }
  },
  'direct methods': async ({ hub, client, id }) => {
    client.onDeviceMethod('m', (request, response) =>
      response.send(200, request.payload, () => {}));
    assert.deepEqual(await hub.control('POST', `/devices/${id}/methods/m`,
      { payload: { a: 1 }, connectTimeoutSeconds: 10 }), { status: 200, payload: { a: 1 } });
  },
  'twin: read, report, be told': async ({ hub, client, id }) => {
    const twin = await within('getTwin', client.getTwin());
    await within('report', new Promise((resolve, reject) => {
      twin.properties.reported.update({ r: 1 }, (error) => (error ? reject(error) : resolve()));
    }));
    const told = new Promise((resolve) => {
      twin.on('properties.desired.d', (value) => value === 2 && resolve(true));
    });
    await eventually('told', async () => {
      await hub.control('PATCH', `/devices/${id}/twin/desired`, { d: null });
      await hub.control('PATCH', `/devices/${id}/twin/desired`, { d: 2 });
      return Promise.race([told, new Promise((resolve) => setTimeout(resolve, 100))]);
    });
  },
  'a wrong key is refused': async ({ t, string, transport }) => {
    const wrong = string.replace(/SharedAccessKey=.*/, `SharedAccessKey=${'A'.repeat(43)}=`);
    await assert.rejects(openDevice(t, wrong, transport), { name: 'UnauthorizedError' });
  },
  'a cut connection is made again': async ({ hub, client, id }) => {
    const gone = new Inbox(client, 'disconnect');
    await within('before', client.sendEvent(new Message('1')));
    await hub.control('POST', '/faults', { kind: 'drop', device: id });
    await gone.next();
    await within('open', client.open());
    await within('after', client.sendEvent(new Message('2')));
  },
  'Microsoft\'s fault injection: a connection that the hub kills': async ({ hub, client, id }) => {
    const gone = new Inbox(client, 'disconnect');
    const order = new Message('');
    for (const [name, value] of [['Type', 'KillTcp'], ['CloseReason', 'test'], ['DelayInSecs', 0]]) {
      order.properties.add(`AzIoTHub_FaultOperation${name}`, String(value));
    }
    client.sendEvent(order).catch(() => {});
    await gone.next();
    await within('open', client.open());
    await within('after', client.sendEvent(new Message('after')));
    await hub.telemetryOf(id);
  },
};

const registrations = { AMQP: provisioningAmqp.Amqp, 'AMQP by WebSocket': provisioningAmqp.AmqpWs,
  MQTT: provisioningMqtt.Mqtt, 'MQTT by WebSocket': provisioningMqtt.MqttWs,
  HTTPS: provisioningHttp.Http };

async function tryDevices(t, hub) {
  const rows = [];
  for (const [name, run] of Object.entries(features)) {
    const cells = [];
    for (const transport of Object.keys(transports)) {
      const id = `d${rows.length}-${transport}`;
      const string = named((await hub.device(id)).connectionString);
      const client = await openDevice(t, string, transport);
      await run({ t, hub, client, id, string, transport });
      await within('close', client.close());
      cells.push('yes');
    }
    rows.push(`| ${name} | ${cells.join(' | ')} |`);
  }
  return ['| device | '.concat(Object.values(transports).join(' | '), ' |'), '|---|---|---|---|---|',
    ...rows];
}

/** Over HTTPS a device has messages and files only; a file goes there from every transport. */
async function tryHttps(hub) {
  for (const [i, run] of Object.values(features).slice(0, 3).entries()) {
    const id = `https${i}`;
    const string = named((await hub.device(id)).connectionString);
    const client = deviceSdk.Client.fromConnectionString(string, deviceHttp.Http);
    await within('open', client.open());
    await run({ hub, client, id });
    await within('upload', client.uploadToBlob('f', Readable.from([Buffer.from('x')]), 1));
    await within('close', client.close());
  }
  return ['| device: telemetry, messages completed | HTTPS |', '| device: file upload | HTTPS |'];
}

/** A module sends, and its twin is read. */
async function tryModules(hub) {
  for (const transport of Object.keys(transports)) {
    const id = `m-${transport}`;
    await hub.device(id);
    const { connectionString } = await hub.device(`${id}/mod`);
    const client = deviceSdk.ModuleClient.fromConnectionString(named(connectionString),
      sdkTransports[transport]);
    await within('open', client.open());
    await within('sendEvent', client.sendEvent(new Message('{}')));
    assert.equal((await hub.telemetryOf(id))[0].moduleId, 'mod');
    await within('getTwin', client.getTwin());
    await within('close', client.close());
  }
  return `| modules: telemetry, twin | ${Object.values(transports).join(', ')} |`;
}

async function tryProvisioning(hub) {
  for (const [name, Transport] of Object.entries(registrations)) {
    const id = `p-${name.replaceAll(' ', '').toLowerCase()}`;
    const client = provisioning.ProvisioningDeviceClient.create(DPS, hub.info.dps.idScope,
      new Transport(), new symmetricKey.SymmetricKeySecurityClient(id, hub.deviceKey(id)));
    assert.equal((await within(name, client.register())).status, 'assigned');
  }
  return `| provisioning by symmetric key | ${Object.keys(registrations).join(', ')} |`;
}

/** Reads with Event Hubs clients what a device has sent. */
async function tryEvents(t, hub) {
  const { connectionString } = await hub.device('e');
  const device = await openDevice(t, named(connectionString), 'amqp');
  await within('sendEvent', device.sendEvent(new Message('{"n":1}')));
  const string = hub.info.hubs[0].eventHub.replace(/sb:\/\/[^/]*/, `sb://${HOST}`);
  for (const options of [{}, { webSocketOptions: { webSocket: WebSocket } }]) {
    const client = new EventHubConsumerClient('$Default', string, options);
    let take;
    const taken = new Promise((resolve) => { take = resolve; });
    const reader = client.subscribe({
      processEvents: async (events) => events.filter((event) =>
        event.systemProperties['iothub-connection-device-id'] === 'e').forEach(take),
      processError: async (error) => t.diagnostic(error.message),
    }, { startPosition: earliestEventPosition });
    assert.deepEqual((await within('event', taken)).body, { n: 1 });
    await within('end', reader.close());
    await within('close', client.close());
  }
  return `| telemetry read with Event Hubs clients | ${transports.amqp}, ${transports.amqpWs} |`;
}

async function tryService(t, hub) {
  const policy = named(hub.info.hubs[0].iothubowner);
  await hub.device('s');
  for (const transport of ['amqp', 'amqpWs']) {
    const client = await openService(t, hub, policy, transport);
    await within('send', client.send('s', new Message('x')));
  }
  const registry = openRegistry(hub, policy);
  await within('create', registry.create({ deviceId: 'made' }));
  await within('twin', registry.updateTwin('made', { tags: { a: 1 } }, '*'));
  const query = registry.createQuery('SELECT * FROM devices WHERE tags.a = 1');
  assert.equal((await within('query', query.nextAsTwin())).result.length, 1);
  const enrollments = provisioningService.ProvisioningServiceClient.fromConnectionString(
    hub.info.dps.provisioningserviceowner.replace(/HostName=[^;]*/, `HostName=${DPS}`));
  await within('enroll', enrollments.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'made',
    attestation: { type: 'symmetricKey' }, provisioningStatus: 'enabled' }));
  await within('forget', enrollments.deleteEnrollmentGroup('made'));
  return [`| service: messages to devices | ${transports.amqp}, ${transports.amqpWs} |`,
    '| service: registry, twins, queries, direct methods | HTTPS |',
    '| service: enrollments, registrations | HTTPS |'];
}

/** Jobs and configurations reach a device's twin, and a job its method. */
async function tryFleet(t, hub) {
  const policy = named(hub.info.hubs[0].iothubowner);
  const registry = openRegistry(hub, policy);
  const jobs = openJobs(hub, policy);
  const device = await openDevice(t, named((await hub.device('f')).connectionString), 'amqp');
  const done = (id) => eventually(`job ${id}`, async () =>
    (await jobs.getJob(id)).jobStatus.status === 'completed');
  await within('twin job', jobs.scheduleTwinUpdate('t', "deviceId = 'f'",
    { etag: '*', tags: { floor: 2 } }, new Date(), 60));
  await done('t');
  device.onDeviceMethod('m', (request, response) => response.send(200, 'x', () => {}));
  await within('method', hub.control('POST', '/devices/f/methods/m', { payload: 1, connectTimeoutSeconds: 10 }));
  await within('method job', jobs.scheduleDeviceMethod('m', "deviceId = 'f'",
    { methodName: 'm', payload: 1, responseTimeoutInSeconds: 10 }, new Date(), 60));
  await done('m');
  await within('configuration', registry.addConfiguration({ id: 'c', priority: 1, targetCondition: 'tags.floor = 2',
    content: { deviceContent: { 'properties.desired.rate': 5 } } }));
  await eventually('applied', async () =>
    (await registry.getTwin('f')).responseBody.properties.desired.rate === 5);
  await within('close', device.close());
  return ['| service: jobs that update twins and call methods | HTTPS |',
    '| service: configurations of devices | HTTPS |'];
}

test('the page says what Microsoft\'s SDKs can do, and all of it is so', async (t) => {
  const hub = await start(t);
  const table = [...await tryDevices(t, hub), '', '| | over |', '|---|---|',
    ...await tryHttps(hub), await tryModules(hub), await tryProvisioning(hub), await tryEvents(t, hub), ...await tryService(t, hub),
    ...await tryFleet(t, hub)].join('\n');
  const page = await readFile(PAGE, 'utf8');
  const [before, rest] = page.split('<!-- table: tests/system/hub_sdk_table.test.mjs -->\n');
  const after = rest.slice(rest.indexOf('<!-- end of table -->'));
  const wanted = `${before}<!-- table: tests/system/hub_sdk_table.test.mjs -->\n${table}\n${after}`;

  if (process.env.ISTHMUS_WRITE_TABLE) await writeFile(PAGE, wanted);
  else assert.equal(page, wanted);
});
