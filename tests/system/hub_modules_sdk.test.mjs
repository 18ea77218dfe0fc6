// SPDX-License-Identifier: MIT
// Modules and edge devices with Microsoft's SDKs (rule W27).
import assert from 'node:assert/strict';
import test from 'node:test';

import common from 'azure-iot-common';
import device from 'azure-iot-device';
import service from 'azure-iothub';

import { startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { within } from './support/program.mjs';
import { Message, transports } from './support/sdk.mjs';

async function start(t) {
  const hub = await startHub(t, { args: ['--host', 'hub.test'] });
  const { amqpPort, httpsPort, mqttPort, iothubowner } = hub.info.hubs[0];
  redirect('hub.test', { 5671: amqpPort, 443: httpsPort, 8883: mqttPort });
  const owner = iothubowner.replace(/:\d+;/, ';');
  return { hub, registry: service.Registry.fromConnectionString(owner), owner };
}

async function addModule(registry, deviceId, moduleId) {
  await registry.addModule({ deviceId, moduleId });
  const { responseBody } = await registry.getModule(deviceId, moduleId);
  const key = responseBody.authentication.symmetricKey.primaryKey;
  return `HostName=hub.test;DeviceId=${deviceId};ModuleId=${moduleId};SharedAccessKey=${key}`;
}

async function open(t, text, transport) {
  const client = device.ModuleClient.fromConnectionString(text, transports[transport]);
  client.on('error', () => {});
  client.setRetryPolicy(new common.NoRetry());
  t.after(() => within('close', client.close()).catch(() => {}));
  await within('open', client.open());
  return client;
}

for (const transport of Object.keys(transports)) {
  test(`a module sends, has a twin and takes methods over ${transport} (W27)`, async (t) => {
    const { hub, registry, owner } = await start(t);
    await hub.device('dev1');
    const text = await addModule(registry, 'dev1', 'mod1');
    const client = await open(t, text, transport);

    await within('sendEvent', client.sendEvent(new Message('{"t":1}')));
    const [told] = await hub.telemetryOf('dev1');
    assert.deepEqual([told.deviceId, told.moduleId, told.body], ['dev1', 'mod1', { t: 1 }]);

    const twin = await within('getTwin', client.getTwin());
    const changed = new Promise((resolve) => {
      twin.on('properties.desired', (patch) => patch.wanted && resolve(patch.wanted));
    });
    await within('update', new Promise((resolve, reject) => {
      twin.properties.reported.update({ here: true }, (error) => (error ? reject(error) : resolve()));
    }));
    await registry.updateModuleTwin('dev1', 'mod1', { properties: { desired: { wanted: 7 } } }, '*');
    assert.equal(await within('desired', changed), 7);
    const { responseBody } = await registry.getModuleTwin('dev1', 'mod1');
    assert.deepEqual([responseBody.deviceId, responseBody.moduleId,
      responseBody.properties.reported.here], ['dev1', 'mod1', true]);
    assert.equal((await registry.getTwin('dev1')).responseBody.properties.reported.here, undefined);

    client.onMethod('echo', (request, response) => response.send(200, request.payload));
    const services = service.Client.fromConnectionString(owner);
    const answer = await services.invokeDeviceMethod('dev1', 'mod1',
      { methodName: 'echo', payload: { x: 1 }, connectTimeoutInSeconds: 20, responseTimeoutInSeconds: 20 });
    assert.deepEqual(answer.result.payload, { x: 1 });
  });

  // Inputs need an edge hub: github.com/Azure/azure-iot-sdk-node/pull/279.
  test(`what a module sends to an output is telemetry over ${transport} (W27)`, async (t) => {
    const { hub, registry } = await start(t);
    await hub.device('dev1');
    const client = await open(t, await addModule(registry, 'dev1', 'mod1'), transport);

    await within('sendOutputEvent', client.sendOutputEvent('out1', new Message('{"t":2}')));
    const [told] = await hub.telemetryOf('dev1');
    assert.deepEqual([told.deviceId, told.moduleId, told.body], ['dev1', 'mod1', { t: 2 }]);
  });

  test(`a module is not its device over ${transport} (W27)`, async (t) => {
    const { hub, registry } = await start(t);
    const { primaryKey } = await hub.device('dev1');
    const text = await addModule(registry, 'dev1', 'mod1');
    const wrong = text.replace(/SharedAccessKey=.*/, `SharedAccessKey=${primaryKey}`);

    await assert.rejects(open(t, wrong, transport));
    await assert.rejects(open(t, text.replace('mod1', 'mod2'), transport));
    await registry.removeModule('dev1', 'mod1');
    await assert.rejects(open(t, text, transport));
  });
}

test('modules belong to their device, and go with it (W27)', async (t) => {
  const { hub, registry } = await start(t);
  await hub.device('dev1');
  await addModule(registry, 'dev1', 'mod1');
  await addModule(registry, 'dev1', 'mod2');
  const names = async () => (await registry.getModulesOnDevice('dev1')).responseBody
    .map(({ moduleId }) => moduleId);

  assert.deepEqual(await names(), ['mod1', 'mod2']);
  assert.deepEqual((await registry.list()).responseBody.map(({ deviceId }) => deviceId), ['dev1']);
  await assert.rejects(registry.addModule({ deviceId: 'dev1', moduleId: 'mod1' }));
  await assert.rejects(registry.addModule({ deviceId: 'gone', moduleId: 'mod1' }));
  await assert.rejects(registry.addModule({ deviceId: 'dev1', moduleId: 'a b' }));
  const query = registry.createQuery('SELECT * FROM devices.modules WHERE moduleId = \'mod2\'');
  assert.deepEqual((await query.nextAsTwin()).result.map(({ moduleId }) => moduleId), ['mod2']);
  await registry.removeModule('dev1', 'mod1');
  assert.deepEqual(await names(), ['mod2']);
  await registry.delete('dev1');
  await assert.rejects(registry.getModule('dev1', 'mod2'));
  await hub.device('dev1');
  assert.deepEqual(await names(), []);
});

test('edge devices have scopes, which their children name (W27)', async (t) => {
  const { registry } = await start(t);
  const create = async (document) => (await registry.create(document)).responseBody;
  const edge = { status: 'enabled', capabilities: { iotEdge: true } };
  const root = await create({ deviceId: 'root', ...edge });
  const child = await create({ deviceId: 'child', ...edge, parentScopes: [root.deviceScope] });
  const leaf = await create({ deviceId: 'leaf', deviceScope: child.deviceScope });

  const modules = (await registry.getModulesOnDevice('root')).responseBody;
  assert.deepEqual(modules.map(({ moduleId }) => moduleId).sort(), ['$edgeAgent', '$edgeHub']);
  assert.ok(modules.every(({ authentication }) => authentication.symmetricKey.primaryKey));
  assert.deepEqual((await registry.getModulesOnDevice('leaf')).responseBody, []);
  assert.match(root.deviceScope, /^ms-azure-iot-edge:\/\/root-\d+$/);
  assert.deepEqual([root.parentScopes, child.parentScopes], [undefined, [root.deviceScope]]);
  assert.deepEqual([leaf.deviceScope, leaf.parentScopes],
    [child.deviceScope, [child.deviceScope]]);
  for (const scope of ['nonsense', 'ms-azure-iot-edge://gone-1', 'ms-azure-iot-edge://root-1']) {
    await assert.rejects(create({ deviceId: 'other', deviceScope: scope }), /ArgumentError|Scope/i);
  }
});
