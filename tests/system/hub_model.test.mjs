// SPDX-License-Identifier: MIT
// Telemetry and reported properties beside the device's model in DTDL (rule W37).
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { startHub } from './support/hub.mjs';
import { run, temporaryDirectory, within } from './support/program.mjs';
import { Message, openDevice } from './support/sdk.mjs';

const MODEL = 'dtmi:com:example:Thing;1';

test('what the model does not have is told as warnings (W37)', async (t) => {
  const folder = await temporaryDirectory(t, 'models');
  await writeFile(join(folder, 'thing.json'), JSON.stringify({
    '@context': 'dtmi:dtdl:context;2', '@id': MODEL, '@type': 'Interface', contents: [
      { '@type': 'Telemetry', name: 'temperature', schema: 'double' },
      { '@type': 'Property', name: 'serial', schema: 'string' },
    ],
  }));
  const hub = await startHub(t, { args: ['--model', folder] });
  const client = await openDevice(t, await hub.stringOf('dev1', 'mqtt'), 'mqtt', MODEL);
  const twin = await within('twin', client.getTwin());

  await within('good', client.sendEvent(new Message('{"temperature":21.5}')));
  await within('bad', client.sendEvent(new Message('{"temperature":"hot","wind":3}')));
  const [good, bad] = await hub.telemetryOf('dev1', 2);
  assert.equal(good.warnings, undefined);
  assert.deepEqual(bad.warnings, [`'temperature' is no double, as ${MODEL} has it`,
    `'wind' is no telemetry of ${MODEL}`]);
  const watched = await run(['hub', 'watch', '--data', hub.directory, '--from', '1', '--count', '2']);
  assert.match(watched.output, /! 'wind' is no telemetry/);
  await within('report', new Promise((resolve) => {
    twin.properties.reported.update({ serial: 1 }, resolve);
  }));
  assert.deepEqual((await hub.control('GET', '/devices/dev1/twin')).warnings,
    [`'serial' is no string, as ${MODEL} has it`]);
  await writeFile(join(folder, 'bad.json'), '{');
  const { status, output } = await run(['hub', '--data', join(folder, 'data'), '--model', folder]);
  assert.equal(status, 2);
  assert.match(output, /--model: .*bad\.json/);
});
