// SPDX-License-Identifier: MIT
// A film, picture by picture: each picture's tally arrives, in order, and says what is in it. Of real
// people where ISTHMUS_TEST_DATA is set, else of shapes, with the model in each of its layouts.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { makeCamera, makeModel, provisionedBy } from './support/camera.mjs';
import { startHub } from './support/hub.mjs';
import { drawCounts } from './support/picture.mjs';
import { eventually, temporaryDirectory } from './support/program.mjs';
import { startSnapshots } from './support/snapshots.mjs';

const bounded = { timeout: 600000 };
const run = promisify(execFile);
const data = process.env.ISTHMUS_TEST_DATA;

/** Shows the pictures, each once, to a camera; resolves to their tallies. `prepare` may change settings. */
async function tallies(t, pictures, prepare) {
  const hub = await startHub(t);
  const snapshots = await startSnapshots(t, (index) => pictures[Math.min(index, pictures.length - 1)]);
  const camera = await makeCamera(t, provisionedBy(hub), {
    Application: { ImageTimerPeriod: '00:00:00.05', PredictionLabelsMinimum: ['person', 'red'] },
    SecurityCamera: { CameraUrl: snapshots.url },
  });
  await prepare(camera);
  await camera.start();
  await camera.ready();
  const messages = await eventually(`${pictures.length} tallies`, async () => {
    camera.program.assertRuns();
    const found = await hub.telemetry('device=yard');
    return found.length >= pictures.length && found;
  }, 300000);
  await camera.program.stop();
  return messages.slice(0, pictures.length).map((message) => message.body);
}

const walk = data && join(data, 'camera', 'walk.expect.json');
const models = [
  { file: 'yolov5n.onnx', threshold: 0.25, column: 1, sum: 'sum_v5_person_025', off: 1 },
  { file: 'yolov5n.onnx', threshold: 0.5, column: 2, sum: 'sum_v5_person_050', off: 1 },
  // Its scores follow from the processor's instructions for whole numbers, and from each pixel.
  { file: 'yolov8n-uint8.onnx', threshold: 0.5, column: 5, sum: 'sum_v8_person_050', off: 2 },
];

for (const { file, threshold, column, sum, off } of models) {
  test(`people who walk, by ${file} from ${threshold} on`, { ...bounded, skip: !data && 'ISTHMUS_TEST_DATA is not set' }, async (t) => {
    const expected = JSON.parse(await readFile(walk, 'utf8'));
    const folder = await temporaryDirectory(t, 'film');
    await run('ffmpeg', ['-loglevel', 'error', '-i', join(data, 'camera', expected.clip), '-q:v', '1', join(folder, '%03d.jpg')]);
    const frames = (await readdir(folder)).sort();
    assert.equal(frames.length, expected.frames);
    const bodies = await tallies(t, await Promise.all(frames.map((name) => readFile(join(folder, name)))), (camera) => {
      camera.settings.Application.YoloV5ModelPath = join(data, 'camera', file);
      camera.settings.Application.PredictionScoreThreshold = threshold;
    });
    const counts = bodies.map((body) => body.person);
    const total = counts.reduce((a, b) => a + b, 0);
    counts.forEach((count, frame) => assert.ok(Math.abs(count - expected.rows[frame][column]) <= off,
      `frame ${frame}: ${count}, not ${expected.rows[frame][column]}`));
    assert.ok(Math.abs(total - expected[sum]) <= 0.05 * expected[sum], `${total}, not ${expected[sum]}`);
  });
}

for (const layout of ['v5', 'v8', 'end-to-end']) {
  test(`shapes that come and go, in the layout ${layout}`, bounded, async (t) => {
    const scenes = Array.from({ length: 24 }, (_, index) => ({ red: index % 5, green: Math.floor(index / 2) % 4, blue: Math.floor(index / 5) }));
    const bodies = await tallies(t, scenes.map((scene) => drawCounts(scene)), (camera) =>
      makeModel(camera.settings.Application.YoloV5ModelPath, '--layout', layout));
    assert.deepEqual(bodies, scenes.map(({ red, ...others }) =>
      ({ red, ...Object.fromEntries(Object.entries(others).filter(([, count]) => count > 0)) })));
  });
}
