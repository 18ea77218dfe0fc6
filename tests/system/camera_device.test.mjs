// SPDX-License-Identifier: MIT
// A video device, by the plug-in and FFmpeg: there is none where tests run, so fake_video.c is one, as
// the kernel's documentation says that devices answer.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { makeCamera, provisionedBy } from './support/camera.mjs';
import { startHub } from './support/hub.mjs';
import { drawCounts } from './support/picture.mjs';
import { eventually, isthmus } from './support/program.mjs';

const plugin = join(dirname(isthmus), 'isthmus-camera-video.so');
const skip = !existsSync(plugin) && 'isthmus-camera-video.so is not built';
const device = '/dev/isthmus-video-of-a-test';

/** YUYV (4:2:2, BT.601 of limited range), as many webcams give it: red on the left, blue on the right. */
function halves(width, height) {
  const red = [81, 90, 81, 240];
  const blue = [41, 240, 41, 110];
  const grey = [126, 128, 126, 128];
  const row = (top) => Array.from({ length: width / 2 }, (_, pair) => {
    const isInside = top && (pair % (width / 4)) > width / 12 && (pair % (width / 4)) < width / 6;
    if (!isInside) return grey;
    return pair < width / 4 ? red : blue;
  }).flat();
  return Buffer.from(Array.from({ length: height }, (_, y) => row(y > height / 3 && y < (height * 2) / 3)).flat());
}

async function startWithDevice(t, hub, format, frame) {
  const camera = await makeCamera(t, provisionedBy(hub), { Source: { Device: device, TimeoutSeconds: 2 } });
  const path = join(camera.directory, 'frame');
  if (frame) await writeFile(path, frame);
  await camera.start({ environment: {
    LD_PRELOAD: join(dirname(isthmus), 'tests', 'fake_video.so'),
    ISTHMUS_VIDEO_DEVICE: device, ISTHMUS_VIDEO_FORMAT: format, ISTHMUS_VIDEO_FRAME: path,
  } });
  await camera.ready();
  return { camera, path };
}

const formats = {
  'Motion JPEG': ['MJPG 640 480', () => drawCounts({ red: 2, green: 1 }, 640, 480), { red: 2, green: 1 }],
  'raw pictures (YUYV)': ['YUYV 320 240', () => halves(320, 240), { red: 1, blue: 1 }],
};

for (const [name, [format, frame, tally]] of Object.entries(formats)) {
  test(`a device that gives ${name} is looked at`, { skip }, async (t) => {
    const hub = await startHub(t);
    const { camera } = await startWithDevice(t, hub, format, frame());
    const messages = await hub.telemetryOf('yard', 2);
    for (const { body } of messages) assert.deepEqual(body, tally);
    await camera.program.stop();
  });
}

test('a device that gives no picture is told of, comes back, and keeps nothing from ending', { skip }, async (t) => {
  const hub = await startHub(t);
  const { camera, path } = await startWithDevice(t, hub, 'MJPG 640 480');
  await eventually('a failure', async () => {
    const [health] = (await camera.health()).cameras;
    return /within 2000 ms/.test(health.trouble);
  }, 60000);
  await writeFile(path, drawCounts({ blue: 1 }, 640, 480));
  const [{ body }] = await hub.telemetryOf('yard', 1, 60000);
  assert.deepEqual(body, { blue: 1 });
  await rm(path);
  await eventually('another failure', () => camera.logged('CAMERA_FAILED').length > 1, 60000);
  await camera.program.stop();
});
