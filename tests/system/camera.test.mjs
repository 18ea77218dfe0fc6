// SPDX-License-Identifier: MIT
// What a camera sees becomes telemetry of a device of its own.
import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { isthmusCamera, makeCamera, provisionedBy, startCamera } from './support/camera.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, run, temporaryDirectory } from './support/program.mjs';

const model = 'dtmi:example:Camera;1';

/** Settings of a device that has its own connection string. */
function connectedAs(device, hub) {
  return {
    AzureIoTHub: { ConnectionString: device.connectionString },
    AzureIoT: { TrustedCertificates: hub.info.certificate },
  };
}

/** The one camera's part of /healthz, when `check` is content with it. */
function healthOnce(camera, what, check) {
  return eventually(what, async () => {
    camera.program.assertRuns();
    const [health] = (await camera.health()).cameras;
    return check(health) && health;
  });
}

test('a camera provisioned by DPS, with its model, sends what it counts', async (t) => {
  const hub = await startHub(t);
  const azure = provisionedBy(hub);
  azure.AzureIoT.DtdlModelId = model;
  const before = Date.now();
  const camera = await startCamera(t, azure, {}, { red: 3, green: 2, blue: 1 });
  const [message] = await hub.telemetryOf('yard');
  assert.deepEqual(message.body, { red: 3, green: 2, blue: 1 });
  assert.equal(message.modelId, model);
  assert.equal(message.contentType, 'application/json');
  assert.equal(message.contentEncoding, 'utf-8');
  assert.deepEqual(Object.keys(message.properties), ['iothub-creation-time-utc']);
  const created = Date.parse(message.properties['iothub-creation-time-utc']);
  assert.ok(created >= before - 1000 && created <= Date.now());
  const registrations = JSON.stringify(await hub.control('GET', '/registrations'));
  assert.match(registrations, /yard/);
  assert.match(registrations, /dtmi:example:Camera;1/);
  await camera.program.stop();
});

test('a camera with a connection string of its own needs no provisioning', async (t) => {
  const hub = await startHub(t);
  const device = await hub.device('porch');
  const camera = await startCamera(t, connectedAs(device, hub), {}, { blue: 1 });
  const [message] = await hub.telemetryOf('porch');
  assert.deepEqual(message.body, { blue: 1 });
  await camera.program.stop();
});

test('several cameras are several devices, with zones, masks and labels of their own', async (t) => {
  const hub = await startHub(t);
  const left = { Polygon: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]] };
  const directory = await temporaryDirectory(t, 'pictures');
  const camera = await makeCamera(t, provisionedBy(hub), {
    Source: { File: join(directory, 'shared.jpg') },
    Application: { DeviceID: undefined },
    Cameras: {
      'with-zone': { Zones: { 'the left': { ...left, Labels: ['red'] } }, Telemetry: { Details: true } },
      'with-mask': { Masks: { left } },
      'with-labels': { Application: { PredictionLabelsOfInterest: ['Green'], PredictionLabelsMinimum: ['blue'] } },
    },
  });
  const { drawCounts } = await import('./support/picture.mjs');
  await camera.put(drawCounts({ red: 2, green: 1 }), join(directory, 'shared.jpg'));
  await camera.start();
  await camera.ready();
  const [zone] = await hub.telemetryOf('with-zone');
  const { details, ...tally } = zone.body;
  assert.deepEqual(tally, { red: 2, green: 1, the_left_red: 1 });
  assert.equal(details.length, 3);
  const inside = details.filter((each) => each.zones.length > 0);
  assert.deepEqual(inside.map((each) => [each.label, each.zones]), [['red', ['the left']]]);
  assert.ok(inside[0].box.every((corner) => corner >= 0 && corner <= 0.5) && inside[0].score > 0.4);
  const [mask] = await hub.telemetryOf('with-mask');
  assert.deepEqual(mask.body, { red: 1 });
  const [labels] = await hub.telemetryOf('with-labels');
  assert.deepEqual(labels.body, { red: 2, green: 1, blue: 0 });
  await camera.program.stop();
});

test('only changes are told, also that what was there has gone', async (t) => {
  const hub = await startHub(t);
  const camera = await startCamera(t, provisionedBy(hub), { Telemetry: { OnlyOnChange: true } }, { red: 1 });
  await hub.telemetryOf('yard', 1);
  const pictures = (await healthOnce(camera, 'pictures', () => true)).pictures;
  await healthOnce(camera, 'more pictures', (health) => health.pictures >= pictures + 3);
  await camera.show({ red: 2, blue: 1 });
  await hub.telemetryOf('yard', 2);
  await camera.show({ red: 2 });
  const messages = await hub.telemetryOf('yard', 3);
  assert.deepEqual(messages.map((message) => message.body),
    [{ red: 1 }, { red: 2, blue: 1 }, { red: 2, blue: 0 }]);
  await camera.program.stop();
});

test('the marked-up picture and the camera\'s own are written', async (t) => {
  const hub = await startHub(t);
  const camera = await startCamera(t, provisionedBy(hub), {
    Application: { ImageMarkedUpFilepath: 'marked.jpg', ImageCameraFilepath: 'camera.jpg' },
  });
  await hub.telemetryOf('yard');
  const data = join(camera.directory, 'data');
  assert.deepEqual(await readFile(join(data, 'camera.jpg')), await readFile(camera.picture));
  const marked = await readFile(join(data, 'marked.jpg'));
  assert.deepEqual([...marked.subarray(0, 2)], [0xff, 0xd8]);
  assert.notDeepEqual(marked, await readFile(camera.picture));
  await camera.program.stop();
});

test('direct methods stop and start the timer, and a restart changes nothing of it', async (t) => {
  const hub = await startHub(t);
  const camera = await startCamera(t, provisionedBy(hub));
  const invoke = (name) => hub.control('POST', `/devices/yard/methods/${name}`, {});
  await hub.telemetryOf('yard');
  assert.equal((await invoke('MakeCoffee')).status, 501);
  assert.equal((await invoke('ImageTimerStop')).status, 200);
  await healthOnce(camera, 'a stopped timer', (health) => !health.timerStarted);
  await eventually('the report', async () =>
    (await hub.control('GET', '/devices/yard/twin')).reported.ImageTimerStarted === false);
  // Answered means kept: not even this undoes it.
  camera.program.kill('SIGKILL');
  await camera.program.ended;
  await camera.start();
  await camera.ready();
  const stopped = await healthOnce(camera, 'a connected camera', (health) => health.cloud === 'ready');
  assert.equal(stopped.timerStarted, false);
  const told = (await hub.telemetry('device=yard')).length;
  assert.equal((await invoke('ImageTimerStart')).status, 200);
  await hub.telemetryOf('yard', told + 2);
  await camera.program.stop();
});

test('desired properties set the timer, also those of the time away, and hold over a restart', async (t) => {
  const hub = await startHub(t);
  const camera = await startCamera(t, provisionedBy(hub));
  await hub.telemetryOf('yard');
  const want = (desired) => hub.control('PATCH', '/devices/yard/twin/desired', desired);
  const reported = (what, check) => eventually(what, async () => {
    const twin = (await hub.control('GET', '/devices/yard/twin')).reported;
    return check(twin) && twin;
  });
  const first = await reported('a first report', (twin) => twin.ImageTimerPeriod);
  assert.deepEqual(first.ImageTimerPeriod, { value: '00:00:00.2000000', ac: 203, av: 0, ad: '' });
  assert.equal(first.PredictionScoreThreshold, 0.4);
  assert.equal(typeof first.MachineName, 'string');

  await want({ ImageTimerPeriod: '00:00:00.3', Unknown: 1 });
  const set = await reported('an acknowledgement', (twin) => twin.ImageTimerPeriod.ac === 200);
  assert.equal(set.ImageTimerPeriod.value, '00:00:00.3000000');
  assert.equal((await healthOnce(camera, 'its health', () => true)).periodMs, 300);
  await want({ ImageTimerPeriod: 'often', ImageTimerDue: '00:00:00.1' });
  const wrong = await reported('a refusal', (twin) => twin.ImageTimerPeriod.ac === 400);
  assert.equal(wrong.ImageTimerPeriod.value, '00:00:00.3000000');
  assert.match(wrong.ImageTimerPeriod.ad, /TimeSpan/);
  assert.deepEqual([wrong.ImageTimerDue.value, wrong.ImageTimerDue.ac], ['00:00:00.1000000', 200]);

  camera.program.kill('SIGKILL');
  await camera.program.ended;
  await want({ ImageTimerPeriod: '00:00:00.4' });
  await camera.start();
  await camera.ready();
  const offline = await reported('what was set while it was away', (twin) => twin.ImageTimerPeriod.value === '00:00:00.4000000');
  assert.equal(offline.ImageTimerPeriod.ac, 200);
  camera.program.kill('SIGKILL');
  await camera.program.ended;
  await camera.start();
  await camera.ready();
  const kept = await healthOnce(camera, 'its health', () => true);
  assert.equal(kept.periodMs, 400);
  // Another period in the configuration wins.
  await camera.program.stop();
  camera.settings.Application.ImageTimerPeriod = '00:00:00.5';
  await camera.start();
  await camera.ready();
  assert.equal((await healthOnce(camera, 'its health', () => true)).periodMs, 500);
  await camera.program.stop();
});

test('a camera that gives no picture, half of one or none of a kind is told of, and comes back', async (t) => {
  const hub = await startHub(t);
  const camera = await startCamera(t, provisionedBy(hub), {}, { red: 1 });
  await hub.telemetryOf('yard');
  await camera.put((await readFile(camera.picture)).subarray(0, 900));
  await healthOnce(camera, 'trouble', (health) => health.trouble);
  const told = (await healthOnce(camera, 'its health', () => true)).told;
  await rm(camera.picture);
  await eventually('a missing picture', () => camera.logged('CAMERA_FAILED').length > 0);
  assert.equal((await healthOnce(camera, 'its health', () => true)).told, told);
  await camera.show({ red: 2 });
  await eventually('telemetry of the new picture', async () =>
    (await hub.telemetry('device=yard')).some((message) => message.body.red === 2));
  assert.equal((await camera.health()).status, 'good');
  await camera.program.stop();
});

test('a model that is missing, broken or of another kind is refused with what is needed', async (t) => {
  const hub = await startHub(t);
  const camera = await makeCamera(t, provisionedBy(hub));
  await camera.show({ red: 1 });
  await writeFile(camera.settings.Application.YoloV5ModelPath, 'this is no model');
  await camera.start();
  await camera.program.expectEnd(1);
  const [line] = camera.logged('CAMERAS_NOT_STARTED');
  assert.match(line.reason, /model\.onnx/);
  await rm(camera.settings.Application.YoloV5ModelPath);
  await camera.start();
  await camera.program.expectEnd(2);
  assert.match(camera.program.tail, /model\.onnx can't be read/);
});

test('without ONNX Runtime it says what is missing', async (t) => {
  const hub = await startHub(t);
  const camera = await makeCamera(t, provisionedBy(hub));
  await camera.show({ red: 1 });
  camera.settings.Application.OnnxRuntimePath = camera.picture;
  await camera.start();
  await camera.program.expectEnd(1);
  assert.match(camera.logged('CAMERAS_NOT_STARTED')[0].reason, /picture\.jpg/);
});

test('health and metrics say how each camera is, and answer no web page', async (t) => {
  const hub = await startHub(t);
  const camera = await startCamera(t, provisionedBy(hub));
  await hub.telemetryOf('yard');
  const metrics = await (await camera.get('/metrics')).text();
  assert.match(metrics, /^isthmus_camera_pictures_total\{result="looked_at",camera="yard"\} [1-9]/m);
  assert.match(metrics, /^isthmus_camera_ticks_skipped_total\{camera="yard"\} \d+$/m);
  assert.match(metrics, /^isthmus_events_accepted_total [1-9]/m);
  const answer = await fetch(`http://127.0.0.1:${camera.port}/healthz`, { headers: { Origin: 'http://example.org' } });
  assert.equal(answer.status, 403);
  assert.equal((await camera.get('/nothing')).status, 404);
  await camera.program.stop();
});

test('config check and show say what is in force', async (t) => {
  const hub = await startHub(t);
  const camera = await makeCamera(t, provisionedBy(hub));
  await writeFile(camera.config, JSON.stringify(camera.settings), { mode: 0o600 });
  const check = await run(['config', 'check', '--config', camera.config], { command: isthmusCamera });
  assert.equal(check.status, 0, check.output);
  const show = await run(['config', 'show', '--config', camera.config], { command: isthmusCamera });
  const shown = JSON.parse(show.stdout);
  assert.equal(shown.Application.PredictionScoreThreshold, 0.4);
  assert.match(shown.AzureIoTHubDPS.GroupEnrollmentKey, /^\*\*\*/);
  camera.settings.Application.ImageTimerPeriod = 'often';
  await writeFile(camera.config, JSON.stringify(camera.settings, null, 2), { mode: 0o600 });
  const wrong = await run(['config', 'check', '--config', camera.config], { command: isthmusCamera });
  assert.equal(wrong.status, 2);
  assert.match(wrong.output, /camera\.json:\d+:\d+: Application\.ImageTimerPeriod: this is no TimeSpan/);
});

test('nothing is written into the home folder', async (t) => {
  const hub = await startHub(t);
  const home = await temporaryDirectory(t, 'home');
  const camera = await makeCamera(t, provisionedBy(hub));
  await camera.show({ red: 1 });
  await camera.start({ environment: { HOME: home, XDG_CACHE_HOME: join(home, 'cache') } });
  await camera.ready();
  await hub.telemetryOf('yard');
  await camera.program.stop();
  assert.deepEqual(await readdir(home), []);
  assert.ok((await stat(join(camera.directory, 'data'))).isDirectory());
});
