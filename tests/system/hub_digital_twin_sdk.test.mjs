// SPDX-License-Identifier: MIT
// Digital twins with Microsoft's DigitalTwinClient against the local hub (rule W36).
import assert from 'node:assert/strict';
import test from 'node:test';

import service from 'azure-iothub';

import { startHub } from './support/hub.mjs';
import { eventually, within } from './support/program.mjs';
import { openDevice } from './support/sdk.mjs';

const MODEL = 'dtmi:com:example:TemperatureController;1';

/** A device of plug and play that is connected, and the service's client for its digital twin. */
async function started(t) {
  const hub = await startHub(t);
  const { iothubowner } = hub.info.hubs[0];
  const twins = new service.DigitalTwinClient(new service.IoTHubTokenCredentials(iothubowner));
  const device = await openDevice(t, await hub.stringOf('dev1', 'mqtt'), 'mqtt', MODEL);

  // The client knows port 443 only.
  twins._pl.baseUri = `https://${hub.info.dps.endpoint}`;
  return { hub, twins, device, twin: await within('twin', device.getTwin()) };
}

const report = (twin, patch) => within('report', new Promise((resolve, reject) => {
  twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
}));

test('a digital twin tells properties, components and what the device answered (W36)', async (t) => {
  const { twins, twin } = await started(t);

  await report(twin, {
    serialNumber: 'A1',
    thermostat1: { __t: 'c', maxTemp: 38.5, targetTemperature: { value: 21, ac: 200, av: 3, ad: 'done' } },
  });
  const { digitalTwin } = await twins.getDigitalTwin('dev1').then((answer) => ({ digitalTwin: answer.body ?? answer }));
  const { $metadata: metadata, thermostat1 } = digitalTwin;

  assert.equal(digitalTwin.$dtId, 'dev1');
  assert.equal(metadata.$model, MODEL);
  assert.equal(digitalTwin.serialNumber, 'A1');
  assert.ok(Date.parse(metadata.serialNumber.lastUpdateTime) > 0);
  assert.equal(thermostat1.maxTemp, 38.5);
  assert.equal(thermostat1.targetTemperature, 21);
  assert.deepEqual({ ...thermostat1.$metadata.targetTemperature, lastUpdateTime: undefined },
    { ackVersion: 3, ackCode: 200, ackDescription: 'done', lastUpdateTime: undefined });
  await assert.rejects(twins.getDigitalTwin('nobody'), { statusCode: 404 });
});

test('a patch of a digital twin changes desired properties (W36)', async (t) => {
  const { hub, twins, device, twin } = await started(t);
  const told = [];

  twin.on('properties.desired', (delta) => told.push(delta));
  await twins.updateDigitalTwin('dev1', [
    { op: 'add', path: '/interval', value: 5 },
    { op: 'add', path: '/thermostat1/targetTemperature', value: 21.5 },
    { op: 'replace', path: '/thermostat2', value: { targetTemperature: 3, $metadata: {} } },
  ]);
  await eventually('the device is told', () => told.some((delta) =>
    delta.interval === 5 && delta.thermostat1?.__t === 'c' && delta.thermostat1.targetTemperature === 21.5));
  const answer = await twins.getDigitalTwin('dev1');
  const found = answer.body ?? answer;
  assert.equal(found.$metadata.interval.desiredValue, 5);
  assert.equal(found.interval, undefined);
  assert.equal(found.thermostat2.$metadata.targetTemperature.desiredValue, 3);
  await twins.updateDigitalTwin('dev1', [{ op: 'remove', path: '/interval' }]);
  assert.equal((await hub.control('GET', '/devices/dev1/twin')).desired.interval, undefined);
  await assert.rejects(twins.updateDigitalTwin('dev1', [{ op: 'add', path: 'x', value: 1 }]), { statusCode: 400 });
  await assert.rejects(twins.updateDigitalTwin('dev1', [{ op: 'add', path: '/x', value: 1 }], '"old"'),
    { statusCode: 412 });
  await device.close();
});

test('commands of the root and of components are methods (W36)', async (t) => {
  const { twins, device } = await started(t);

  for (const [name, status] of [['reboot', 200], ['thermostat1*getMaxMinReport', 201]]) {
    device.onDeviceMethod(name, (request, response) => response.send(status, { got: request.payload }, () => {}));
  }
  const root = await eventually('the command', () =>
    twins.invokeCommand('dev1', 'reboot', { delay: 3 }, { connectTimeoutInSeconds: 5 }));
  assert.deepEqual((root.body ?? root).got, { delay: 3 });
  const component = await twins.invokeComponentCommand('dev1', 'thermostat1', 'getMaxMinReport', 'since');
  assert.deepEqual((component.body ?? component).got, 'since');
  assert.equal(component._response.headers.get('x-ms-command-statuscode'), '201');
  await assert.rejects(twins.invokeCommand('nobody', 'reboot', 1), { statusCode: 404 });
});
