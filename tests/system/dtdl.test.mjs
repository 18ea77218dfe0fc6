// SPDX-License-Identifier: MIT
// The DTDL interface of a camera, from the model and from the camera's settings.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { makeModel } from './support/camera.mjs';
import { run, temporaryDirectory } from './support/program.mjs';

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
