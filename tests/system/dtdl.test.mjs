// SPDX-License-Identifier: MIT
// The DTDL interface of a camera, from the model and from the camera's settings.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { makeCamera, makeModel, provisionedBy, startCamera } from './support/camera.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, run, temporaryDirectory } from './support/program.mjs';

async function fromLabels(...options) {
  const { status, stdout, output } = await run(['dtdl', 'from-labels', ...options]);
  return { status, output, interface: status === 0 ? JSON.parse(stdout) : undefined };
}

const telemetryOf = (made) => made.contents.filter((each) => each['@type'] === 'Telemetry').map((each) => each.name);

test('the labels of a model are telemetry', async (t) => {
  const model = join(await temporaryDirectory(t), 'model.onnx');
  await makeModel(model);
  const made = await fromLabels('--model', model, '--id', 'dtmi:example:yard;3');
  assert.deepEqual(telemetryOf(made.interface), ['red', 'green', 'blue']);
  assert.equal(made.interface['@id'], 'dtmi:example:yard;3');
});

test('the settings of a camera say all of it', async (t) => {
  const directory = await temporaryDirectory(t);
  const config = join(directory, 'camera.json');
  const Polygon = [[0, 0], [1, 0], [1, 1]];
  await makeModel(join(directory, 'model.onnx'));
  await writeFile(config, JSON.stringify({
    Application: { YoloV5ModelPath: 'model.onnx' },
    AzureIoT: { DtdlModelId: 'dtmi:example:yard;1' },
    AzureIoTHubDPS: { IDScope: '0ne1', GroupEnrollmentKey: 'aGFsbG8=' },
    Telemetry: { Details: true },
    Cameras: {
      front: { Source: { File: 'a.jpg' }, Zones: { gate: { Polygon, Labels: ['red', 'blue'] } } },
      back: { Source: { File: 'b.jpg' }, Zones: { 'the lawn': { Polygon } } },
    },
  }), { mode: 0o600 });
  const made = await fromLabels('--config', config);
  assert.equal(made.status, 0, made.output);
  assert.equal(made.interface['@id'], 'dtmi:example:yard;1');
  assert.deepEqual(telemetryOf(made.interface), ['red', 'green', 'blue', 'gate_red', 'gate_blue',
    'the_lawn_red', 'the_lawn_green', 'the_lawn_blue', 'details']);
  const other = await fromLabels('--config', config, '--id', 'dtmi:example:other;1', '--zone', 'gate=green');
  assert.equal(other.interface['@id'], 'dtmi:example:other;1');
  assert.ok(telemetryOf(other.interface).includes('gate_green'));
  assert.ok(!telemetryOf(other.interface).includes('gate_red'), 'an option goes before the settings');
});

test('all that a camera sends, reports and takes is in its interface', async (t) => {
  const hub = await startHub(t);
  const camera = await startCamera(t, provisionedBy(hub), {
    Telemetry: { Details: true },
    Zones: { 'the gate': { Polygon: [[0, 0], [1, 0], [1, 1], [0, 1]] } },
  }, { red: 2, blue: 1 });
  const { interface: made } = await fromLabels('--config', camera.config);
  const [{ body }] = await hub.telemetryOf('yard');
  for (const name of Object.keys(body)) assert.ok(telemetryOf(made).includes(name), name);
  assert.equal(body.the_gate_red, 2);
  const reported = await eventually('what it reports', async () => {
    const { reported: twin } = await hub.control('GET', '/devices/yard/twin');
    return twin.ImageTimerPeriod && Object.keys(twin).filter((name) => !name.startsWith('$'));
  });
  const properties = made.contents.filter((each) => each['@type'] === 'Property');
  assert.deepEqual(properties.map((each) => each.name).sort(), reported.sort());
  for (const { name, writable } of properties) assert.equal(Boolean(writable), ['ImageTimerDue', 'ImageTimerPeriod'].includes(name));
});

test('a zone of several cameras has what any of them counts in it', async (t) => {
  const config = join(await temporaryDirectory(t), 'camera.json');
  const Polygon = [[0, 0], [1, 0], [1, 1]];
  const camera = (file, zones) => ({ Source: { File: file }, Zones: zones });
  await makeModel(join(config, '..', 'model.onnx'));
  await writeFile(config, JSON.stringify({
    Application: { YoloV5ModelPath: 'model.onnx' },
    AzureIoTHubDPS: { IDScope: '0ne1', GroupEnrollmentKey: 'aGFsbG8=' },
    Cameras: {
      front: camera('a.jpg', { gate: { Polygon, Labels: ['red'] }, lawn: { Polygon, Labels: ['red'] } }),
      back: camera('b.jpg', { gate: { Polygon, Labels: ['blue', 'red'] }, lawn: { Polygon } }),
    },
  }), { mode: 0o600 });
  const made = await fromLabels('--config', config);
  assert.deepEqual(telemetryOf(made.interface), ['red', 'green', 'blue', 'gate_red', 'gate_blue',
    'lawn_red', 'lawn_green', 'lawn_blue']);
});

test('labels that come to one name are refused by the camera and for the model, until a file renames them', async (t) => {
  const camera = await makeCamera(t, { AzureIoTHub: { ConnectionString: 'HostName=127.0.0.1;DeviceId=yard;SharedAccessKey=a2V5' } });
  const labels = join(camera.directory, 'labels.txt');
  camera.settings.Application.LabelsPath = labels;
  await writeFile(labels, 'traffic light\ntraffic_light\nblue\n');
  await camera.show({ red: 1 });
  await camera.start();
  await camera.program.expectEnd(1);
  assert.match(camera.logged('CAMERAS_NOT_STARTED')[0].reason,
    /^camera yard: 'traffic light' and 'traffic_light' would both be called 'traffic_light' in telemetry; .*LabelsPath/);
  const refused = await fromLabels('--config', camera.config);
  assert.equal(refused.status, 1);
  assert.match(refused.output, /two labels or zones would have this name in telemetry: 'traffic_light'/);

  await writeFile(labels, 'traffic light\nlantern\nblue\n');
  await camera.start();
  await camera.ready();
  assert.deepEqual(telemetryOf((await fromLabels('--config', camera.config)).interface), ['traffic_light', 'lantern', 'blue']);
});

test('what can\'t be made is said', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'camera.json'), '{"Application": {"ImageTimerDue": "soon"}}', { mode: 0o600 });
  const config = await fromLabels('--config', join(directory, 'camera.json'));
  assert.equal(config.status, 2);
  assert.match(config.output, /camera\.json:1:\d+: Application\.ImageTimerDue: this is no TimeSpan/);
  const label = await fromLabels('--only', 'persn');
  assert.equal(label.status, 1);
  assert.match(label.output, /the model knows no such label: 'persn'/);
  const model = await fromLabels('--model', join(directory, 'camera.json'));
  assert.equal(model.status, 1);
  assert.match(model.output, /no ONNX model/);
});
