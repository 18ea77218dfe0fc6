// SPDX-License-Identifier: MIT
// The networks' listings say which devices there are, and what they are.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { ControlError, startHub } from './support/hub.mjs';
import { eventually, run, temporaryDirectory } from './support/program.mjs';
import { myriotaToken, startListings } from './support/listings.mjs';
import { apiKey, startThingsStack, webhookId } from './support/things_stack.mjs';

const orchard = '/api/v3/applications/orchard/devices';
const soil = 'dtmi:orchard:Soil;1';

/** What the hub knows of a device; undefined if nothing. */
async function deviceOf(hub, id) {
  try {
    return await hub.control('GET', `/devices/${encodeURIComponent(id)}`);
  } catch (error) {
    if (error instanceof ControlError && error.status === 404) return undefined;
    throw error;
  }
}

/** Resolves to the device when it is connected with a model ('' = none). */
async function connected(hub, id, model = '') {
  return eventually(`${id} connected as ${model || 'a device without a model'}`, async () => {
    const device = await deviceOf(hub, id);
    return device?.connectionState === 'Connected' && (device.modelId ?? '') === model && device;
  });
}

async function registrationOf(hub, id) {
  const { registrations } = await hub.control('GET', '/registrations');
  return registrations.find((each) => each.registrationId === id);
}

/** Resolves to the registration when the device has registered with a model ('' = none). */
async function registered(hub, id, model = '') {
  return eventually(`${id} registered as ${model || 'a device without a model'}`, async () => {
    const registration = await registrationOf(hub, id);
    return registration && (registration.modelId ?? '') === model && registration;
  });
}

function delivery(terminal, path = 1) {
  return {
    EndpointRef: 'ksnb8GB_TuGj:__jLfs2BQJ2d',
    Timestamp: 1692928585,
    Data: JSON.stringify({
      Packets: [{ Timestamp: 1692927646796 + path, TerminalId: terminal, Value: '00ff' }],
    }),
    Id: '5f6bd4d4-7d1b-4f0f-9a4c-2f1b5d8b7c11',
    CertificateUrl: 'https://security.myriota.com/data.crt',
    Signature: '',
  };
}

/** How often the gateway has logged an event. */
function count(gateway, id, match = () => true) {
  return gateway.log.filter((entry) => entry.id === id && match(entry)).length;
}

/** Makes the gateway read the lists again, and resolves when it has read them all. */
async function refresh(gateway, lists = 1) {
  const before = count(gateway, 'DEVICE_LIST_READ');
  gateway.program.kill('SIGHUP');
  await eventually('the lists are read again', () =>
    count(gateway, 'DEVICE_LIST_READ') >= before + lists);
}

function thingsStack(listings, settings = {}) {
  return {
    TheThingsIndustries: {
      ApiBaseUrl: listings.thingsUrl,
      WebhookBaseURL: `${listings.thingsUrl}/as/applications`,
      DevicePageSize: 2,
      Applications: { orchard: { ApiKey: apiKey } },
      ...settings,
    },
  };
}

test('devices of The Things Stack: pages, models, who is connected, and changes', async (t) => {
  const hub = await startHub(t);
  const listings = await startListings(t, hub);
  const list = [
    { device_id: 'soil-1', attributes: { azureintegration: 'TRUE', dtdlmodelid: soil } },
    { device_id: 'soil-2', attributes: { azureintegration: 'False' } },
    { device_id: 'soil-3', attributes: { azureintegration: 'yes' } },
    { device_id: 'soil-4' },
    { device_id: 'soil-5', attributes: { 'dtdl-model-id': 'dtmi:orchard:Air;3', row: '5' } },
  ];
  const settings = thingsStack(listings);
  listings.applications.set('orchard', list);
  listings.order({ status: 429, headers: { 'retry-after': '1' } });
  let gateway = await startGateway(t, provisionedBy(hub, {
    Applications: { orchard: { DtdlModelId: 'dtmi:orchard:Any;1' } },
  }), settings);

  await t.test('all pages are read, after the listing was busy', async () => {
    const read = await gateway.logged('DEVICE_LIST_READ');
    assert.equal(read.devices, 5);
    assert.equal(read.again_in_ms, 60 * 60 * 1000);
    assert.deepEqual(listings.queriesOf(orchard).map(({ page, limit }) => [page, limit]),
      [['1', '2'], ['1', '2'], ['2', '2'], ['3', '2'], ['4', '2']]);
    assert.match((await gateway.logged('DEVICE_LIST_FAILED')).reason, /429/);
  });

  await t.test('the model of a device: its attribute, else its application', async () => {
    await connected(hub, 'soil-1', soil);
    await connected(hub, 'soil-4', 'dtmi:orchard:Any;1');
    await connected(hub, 'soil-5', 'dtmi:orchard:Air;3');
    assert.equal((await registrationOf(hub, 'soil-1')).modelId, soil);
  });

  await t.test('an attribute that is neither true nor false falls through', async () => {
    await connected(hub, 'soil-3', 'dtmi:orchard:Any;1');
    const warned = await gateway.logged('DEVICE_ATTRIBUTE_INVALID');
    assert.equal(warned.device, 'soil-3');
    assert.match(warned.reason, /yes/);
  });

  await t.test('a device that is switched off is not connected, its uplinks are not sent', async () => {
    assert.equal((await gateway.uplink(uplinkOf('orchard', 'soil-2'))).status, 200);
    assert.equal(await gateway.metric('isthmus_events_not_integrated_total'), 1);
    assert.equal(await deviceOf(hub, 'soil-2'), undefined);
    const { stdout } = await run(['status', '--devices', '--data', `${gateway.directory}/data`]);
    assert.match(stdout, /things-stack\/orchard\/soil-2 .*not to be in Azure/);
  });

  await t.test('a device that is not listed is known by its uplink', async () => {
    assert.equal((await gateway.uplink(uplinkOf('orchard', 'late-1'))).status, 202);
    await hub.telemetryOf('late-1');
  });

  await t.test('after a restart without listing all is as it was', async () => {
    const before = (await registrationOf(hub, 'soil-1')).count;
    await gateway.stop();
    listings.away = true;
    gateway = await startGateway(t, provisionedBy(hub), settings, gateway.directory);
    await gateway.logged('DEVICE_LIST_FAILED');
    assert.equal((await gateway.uplink(uplinkOf('orchard', 'soil-2'))).status, 200);
    assert.equal((await gateway.uplink(uplinkOf('orchard', 'soil-1'))).status, 202);
    const [message] = await hub.telemetryOf('soil-1');
    assert.equal(message.modelId, soil);
    await connected(hub, 'soil-5', 'dtmi:orchard:Air;3');
    assert.equal((await registrationOf(hub, 'soil-1')).count, before);
    assert.equal(await deviceOf(hub, 'soil-2'), undefined);
  });

  await t.test('a refresh takes up what is new and what has changed', async () => {
    listings.away = false;
    list[0].attributes = { dtdlmodelid: 'dtmi:orchard:Soil;2' };
    list[1].attributes = {};
    list[4].attributes = { azureintegration: 'false' };
    list.splice(3, 1, { device_id: 'soil-6', attributes: { dtdlmodelid: soil } });
    await refresh(gateway);
    await connected(hub, 'soil-1', 'dtmi:orchard:Soil;2');
    await connected(hub, 'soil-2');
    await connected(hub, 'soil-6', soil);
    assert.equal((await registrationOf(hub, 'soil-1')).modelId, 'dtmi:orchard:Soil;2');
    await eventually('soil-5 is let go', async () =>
      (await deviceOf(hub, 'soil-5')).connectionState === 'Disconnected');
    assert.equal((await gateway.uplink(uplinkOf('orchard', 'soil-5'))).status, 200);
    assert.equal((await gateway.uplink(uplinkOf('orchard', 'soil-4'))).status, 202);
    await hub.telemetryOf('soil-4');
  });
});

test('a module whose id needs its application waits for its first uplink', async (t) => {
  const hub = await startHub(t);
  const listings = await startListings(t, hub);
  listings.modules = [{ Id: '0001020304', Attributes: { DtdlModelId: 'dtmi:herd:Collar;1' } }];
  const gateway = await startGateway(t, provisionedBy(hub, {
    DeviceIdTemplate: '{application}-{device}',
  }), {
    Myriota: { BaseUrl: listings.myriotaUrl, ApiToken: myriotaToken, SignatureMode: 'Off' },
  });
  assert.equal((await gateway.logged('DEVICE_LIST_READ')).waiting, 1);
  assert.equal((await gateway.post('/myriota/tracker', delivery('0001020304'))).status, 202);
  const [message] = await hub.telemetryOf('tracker-0001020304');
  assert.equal(message.modelId, 'dtmi:herd:Collar;1');

  // Another application now: another id, and only that one.
  assert.equal((await gateway.post('/myriota/collar', delivery('0001020304', 2))).status, 202);
  await hub.telemetryOf('collar-0001020304');
  await gateway.stop();
  const again = await startGateway(t, provisionedBy(hub, {
    DeviceIdTemplate: '{application}-{device}',
  }), { Myriota: { SignatureMode: 'Off' } }, gateway.directory);
  assert.equal((await again.post('/myriota/collar', delivery('0001020304', 3))).status, 202);
  await hub.telemetryOf('collar-0001020304', 2);
  assert.equal((await hub.telemetryOf('tracker-0001020304')).length, 1);
});

test('a command reaches a device that has never sent anything', async (t) => {
  const hub = await startHub(t);
  const listings = await startListings(t, hub);
  const stack = await startThingsStack(t, hub);
  listings.applications.set('orchard', [
    { device_id: 'valve-1', dev_eui: '70B3D57ED0061A01' },
  ]);
  await startGateway(t, provisionedBy(hub, { DeviceIdTemplate: '{dev_eui}' }), thingsStack(listings, {
    WebhookBaseURL: stack.baseUrl,
    Applications: { orchard: { ApiKey: apiKey, WebhookId: webhookId } },
  }));
  await connected(hub, '70B3D57ED0061A01');
  await hub.control('POST', '/devices/70B3D57ED0061A01/messages', {
    bodyText: 'AAE=', properties: { Port: '10' },
  });
  assert.equal((await stack.downlink('valve-1')).frm_payload, 'AAE=');
});

test('a device whose model changes under load loses nothing and keeps its order', async (t) => {
  const hub = await startHub(t);
  const listings = await startListings(t, hub);
  const device = { device_id: 'soil-1', attributes: { dtdlmodelid: `${soil}` } };
  listings.applications.set('orchard', [device]);
  const gateway = await startGateway(t, provisionedBy(hub), thingsStack(listings));
  const sent = [];
  for (let version = 1; version <= 5; version += 1) {
    for (let i = 0; i < 40; i += 1) {
      const uplink = uplinkOf('orchard', 'soil-1');
      sent.push(uplink.uplink_message.f_cnt);
      assert.equal((await gateway.uplink(uplink)).status, 202);
      if (i === 20) {
        device.attributes = { dtdlmodelid: `dtmi:orchard:Soil;${version + 1}` };
        await refresh(gateway);
      }
    }
  }
  await connected(hub, 'soil-1', 'dtmi:orchard:Soil;6');
  const arrived = await eventually('the last one', async () => {
    const messages = await hub.telemetry('device=soil-1');
    return messages.at(-1)?.body.counter === sent.at(-1) && messages;
  });
  // A message whose answer was lost with its connection comes again, as the same message.
  const ids = new Set();
  const unique = arrived.filter(({ messageId }) => !ids.has(messageId) && ids.add(messageId));
  assert.deepEqual(unique.map(({ body }) => body.counter), sent);
});

test('what waits for a device that is switched off becomes dead letters', async (t) => {
  const hub = await startHub(t);
  const listings = await startListings(t, hub);
  const device = { device_id: 'soil-1' };
  listings.applications.set('orchard', [device]);
  await hub.control('POST', '/faults', { kind: 'credit', device: 'soil-1' });
  const gateway = await startGateway(t, provisionedBy(hub), thingsStack(listings));
  assert.equal((await gateway.uplink(uplinkOf('orchard', 'soil-1'))).status, 202);
  assert.equal((await gateway.uplink(uplinkOf('orchard', 'soil-1'))).status, 202);
  device.attributes = { azureintegration: 'false' };
  await refresh(gateway);
  assert.match((await gateway.logged('EVENT_DEAD')).reason, /azureintegration/);
  await eventually('both are dead letters', async () =>
    (await gateway.metric('isthmus_store_dead_letters')) === 2);
  assert.deepEqual(await hub.telemetry('device=soil-1'), []);
});

test('with a default of false only those that are switched on are connected', async (t) => {
  const hub = await startHub(t);
  const listings = await startListings(t, hub);
  listings.applications.set('orchard', [
    { device_id: 'soil-1', attributes: { azureintegration: 'true' } }, { device_id: 'soil-2' },
  ]);
  listings.applications.set('field', [{ device_id: 'soil-3' }]);
  const gateway = await startGateway(t, provisionedBy(hub), thingsStack(listings, {
    DeviceIntegrationDefault: false,
    ApiKey: apiKey,
    Applications: { orchard: { WebhookId: webhookId }, field: { DeviceIntegrationDefault: true } },
  }));
  await connected(hub, 'soil-1');
  await connected(hub, 'soil-3');
  assert.equal((await gateway.uplink(uplinkOf('orchard', 'soil-2'))).status, 200);
  assert.equal((await gateway.uplink(uplinkOf('elsewhere', 'soil-4'))).status, 200);
  assert.equal((await gateway.uplink(uplinkOf('field', 'soil-5'))).status, 202);
  await hub.telemetryOf('soil-5');
  assert.equal(await deviceOf(hub, 'soil-2'), undefined);
  assert.equal(await deviceOf(hub, 'soil-4'), undefined);
});

test('a module of two applications: each event goes to the hub of its own, in order', async (t) => {
  const hub = await startHub(t, { args: ['--hubs', '2'] });
  const [one, two] = hub.info.hubs;
  for (const name of ['hub1', 'hub2']) await hub.device('0042', {}, name);
  const gateway = await startGateway(t, {
    TrustedCertificates: hub.info.certificate,
    Applications: {
      east: { ConnectionString: one.device, DtdlModelId: 'dtmi:x:East;1' },
      west: { ConnectionString: two.device, DtdlModelId: 'dtmi:x:West;1' },
    },
  }, { Myriota: { SignatureMode: 'Off' } });
  const send = async (application, number) => assert.equal(
    (await gateway.post(`/myriota/${application}`, delivery('0042', number))).status, 202);

  await send('east', 1);
  await hub.telemetryOf('0042', 1);
  const { id } = await hub.control('POST', '/faults', {
    kind: 'reject', hub: 'hub1', condition: 'com.microsoft:device-container-throttled',
  });
  for (let number = 2; number <= 9; number += 1) await send(number % 2 ? 'west' : 'east', number);
  await eventually('an event waits', () => gateway.metric('isthmus_events_retried_total'));
  await hub.control('DELETE', `/faults/${id}`);
  const messages = await hub.telemetryOf('0042', 9);
  const numbersOf = (name) => messages.filter((message) => message.hub === name)
    .map((message) => Date.parse(message.body.PacketArrivedAtUtc) - 1692927646796);
  assert.deepEqual(numbersOf('hub1'), [1, 2, 4, 6, 8]);
  assert.deepEqual(numbersOf('hub2'), [3, 5, 7, 9]);
  for (const message of messages)
    assert.equal(message.modelId, message.hub === 'hub1' ? 'dtmi:x:East;1' : 'dtmi:x:West;1');
  assert.equal(count(gateway, 'DEVICE_CHANGED'), 0);
  assert.equal(await gateway.metric('isthmus_hub_tokens_total'), 2);
});

test('a module of two applications with one hub and two models does not flap', async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub, {
    ApplicationToDtdlModelIdMapping: { east: 'dtmi:x:East;1', west: 'dtmi:x:West;1' },
  }), { Myriota: { SignatureMode: 'Off' } });

  for (let number = 1; number <= 10; number += 1) {
    const path = `/myriota/${number % 2 ? 'east' : 'west'}`;
    assert.equal((await gateway.post(path, delivery('0043', number))).status, 202);
    await hub.telemetryOf('0043', number);
  }
  assert.equal((await registrationOf(hub, '0043')).count, 1);
  assert.equal(count(gateway, 'DEVICE_CHANGED'), 0);
});

test('modules of Myriota: pages, attributes in any case or none, their application', async (t) => {
  const hub = await startHub(t);
  const listings = await startListings(t, hub);
  listings.modules = [
    { Id: '0001020304', Attributes: { DtdlModelId: 'dtmi:herd:Collar;1' } },
    { Id: '00d1000a7f', Attributes: null },
    { Id: '00d1000a80', Attributes: { DTDLMODELID: 'dtmi:herd:Tank;1' } },
    { Id: '00d1000a81' },
    { Id: '00d1000a82', Attributes: { dtdlmodelid: 'a tank' } },
  ];
  listings.away = true;
  const settings = {
    Myriota: { BaseUrl: listings.myriotaUrl, ApiToken: myriotaToken, SignatureMode: 'Off' },
  };
  const azure = provisionedBy(hub, {
    ApplicationToDtdlModelIdMapping: { tracker: 'dtmi:herd:Tracker;1' },
  });
  let gateway = await startGateway(t, azure, settings);

  await t.test('a listing that is away at the start delays nothing', async () => {
    const failed = await gateway.logged('DEVICE_LIST_FAILED');
    assert.ok(failed.again_in_ms > 0);
    assert.equal((await gateway.post('/myriota/herd', delivery('early-1'))).status, 202);
    await hub.telemetryOf('early-1');
    listings.away = false;
    const read = await gateway.logged('DEVICE_LIST_READ');
    assert.equal(read.devices, 5);
    assert.deepEqual(listings.queriesOf('/v1/modules').map(({ NextItem }) => NextItem),
      [undefined, '00d1000a80', '00d1000a82']);
  });

  await t.test('attributes in any case, absent and null', async () => {
    await registered(hub, '0001020304', 'dtmi:herd:Collar;1');
    await registered(hub, '00d1000a7f');
    await registered(hub, '00d1000a80', 'dtmi:herd:Tank;1');
    await registered(hub, '00d1000a81');
    await registered(hub, '00d1000a82');
    assert.match((await gateway.logged('DEVICE_ATTRIBUTE_INVALID')).reason, /a tank/);
  });

  await t.test('the first uplink tells the application, and the device stays one', async () => {
    for (const id of ['0001020304', '00d1000a7f']) {
      assert.equal((await gateway.post('/myriota/tracker', delivery(id))).status, 202);
      await hub.telemetryOf(id);
    }
    await registered(hub, '00d1000a7f', 'dtmi:herd:Tracker;1');
    assert.equal((await registrationOf(hub, '0001020304')).count, 1);
    assert.equal(count(gateway, 'DEVICE_CLASH'), 0);
    await gateway.stop();
    gateway = await startGateway(t, azure, settings, gateway.directory);
    await registered(hub, '00d1000a7f', 'dtmi:herd:Tracker;1');
    assert.equal((await registrationOf(hub, '00d1000a7f')).count, 2);
  });

  await t.test('a list that goes in circles ends', async () => {
    listings.endless = '0001020304';
    await refresh(gateway);
    assert.match((await gateway.logged('DEVICE_LIST_ENDLESS')).reason, /read already|same device/);
  });

  await t.test('a token that is not good is named', async () => {
    listings.endless = undefined;
    listings.order({ status: 401 });
    gateway.program.kill('SIGHUP');
    await eventually('the refusal', () => count(gateway, 'DEVICE_LIST_FAILED', ({ reason }) =>
      /ApiToken/.test(reason)) > 0);
  });
});

test('without formatters what a listing names one for waits; with them it goes on, in order', async (t) => {
  const hub = await startHub(t);
  const listings = await startListings(t, hub);
  const formatters = await temporaryDirectory(t, 'formatters');
  const directory = join(formatters, 'later');
  listings.applications.set('orchard', [
    { device_id: 'soil-1', attributes: { payloadformatteruplink: 'soil' } }, { device_id: 'soil-2' },
  ]);
  const settings = { ...thingsStack(listings), PayloadFormatters: { Directory: directory } };
  const first = await startGateway(t, provisionedBy(hub), settings);
  const send = async (gateway, device, byte) => assert.equal((await gateway.uplink(uplinkOf('orchard', device, {
    frm_payload: Buffer.from([byte]).toString('base64'), decoded_payload: undefined,
  }))).status, 202);

  await connected(hub, 'soil-1');
  for (const byte of [1, 2]) await send(first, 'soil-1', byte);
  await send(first, 'soil-2', 3);
  await hub.telemetryOf('soil-2');
  const said = await first.logged('FORMATTERS_OFF');
  assert.equal(said.formatter, 'soil');
  assert.match(said.device, /soil-1$/);
  assert.equal(await first.metric('isthmus_store_dead_letters'), 0);
  await eventually('two events wait', async () => (await first.metric('isthmus_store_events')) === 2);
  await first.stop();

  await mkdir(directory);
  await writeFile(join(directory, 'soil.js'), 'function decodeUplink({ bytes }) { return { data: { wet: bytes[0] } }; }');
  const second = await startGateway(t, provisionedBy(hub), settings, first.directory);
  const messages = await hub.telemetryOf('soil-1', 2);
  assert.deepEqual(messages.map(({ body }) => body.wet), [1, 2]);
  assert.equal(await second.metric('isthmus_events_dead_lettered_total'), 0);
});
