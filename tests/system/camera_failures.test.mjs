// SPDX-License-Identifier: MIT
// What can go wrong around an edge camera: no tally that was stored is lost, and times stay right.
import assert from 'node:assert/strict';
import { access, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { makeCamera, provisionedBy, startCamera } from './support/camera.mjs';
import { clockOf, startOldHub } from './support/clock.mjs';
import { startHub } from './support/hub.mjs';
import { drawCounts } from './support/picture.mjs';
import { eventually, isthmus, temporaryDirectory, within } from './support/program.mjs';
import { startSnapshots } from './support/snapshots.mjs';
import { startStorage } from './support/storage.mjs';

const bounded = { timeout: 600000 };
const preloads = join(dirname(isthmus), 'tests');

/** Pictures that can be told apart for a while: what is in number `index`. */
const countsOf = (index) => ({ red: (index % 4) + 1, green: Math.floor(index / 4) % 5, blue: Math.floor(index / 20) % 5 });

/** As it is told: what there is none of has no member. */
const tallyOf = (index) => Object.fromEntries(Object.entries(countsOf(index)).filter(([, count]) => count > 0));

const drawn = new Map();

function pictureOf(index) {
  const counts = countsOf(index);
  const key = JSON.stringify(counts);
  if (!drawn.has(key)) drawn.set(key, drawCounts(counts));
  return drawn.get(key);
}

function numbered(t, options) {
  return startSnapshots(t, pictureOf, options);
}

/** Of several with one message id, which a send that was repeated has, the first. */
function distinct(messages) {
  const seen = new Set();
  return messages.filter((message) => !seen.has(message.messageId) && seen.add(message.messageId));
}

/** The numbers of the pictures whose tallies these are, in their order. */
function numbersOf(messages) {
  let next = 0;
  return messages.map((message) => {
    const body = JSON.stringify(message.body);
    while (JSON.stringify(tallyOf(next)) !== body) {
      next += 1;
      assert.ok(next < 10000, `${body} is the tally of no picture, or out of order`);
    }
    return next++;
  });
}

async function toldBy(camera) {
  return (await camera.health()).cameras[0].told;
}

async function healthy(camera, what, check) {
  return eventually(what, async () => {
    camera.program.assertRuns();
    const [health] = (await camera.health()).cameras;
    return check(health) && health;
  }, 60000);
}

test('while the hub is away tallies wait, and arrive in order with the times of their pictures', bounded, async (t) => {
  const directory = await temporaryDirectory(t, 'hub');
  // What both hubs accept: their memory ends with them.
  const record = join(directory, 'telemetry.jsonl');
  const recorded = async () => distinct((await readFile(record, 'utf8')).split('\n').slice(0, -1).map((line) => JSON.parse(line)));
  const first = await startHub(t, { directory, args: ['--record', record] });
  const snapshots = await numbered(t);
  const camera = await startCamera(t, provisionedBy(first), { SecurityCamera: { CameraUrl: snapshots.url } });
  await first.telemetryOf('yard', 2);
  const port = new URL(`https://${first.info.dps.endpoint}`).port;
  const amqp = first.info.hubs[0].device.match(/HostName=[^;]*:(\d+)/)[1];
  await first.program.stop();

  const waiting = await toldBy(camera);
  const away = Date.now();
  await healthy(camera, 'tallies that wait', (health) => health.told >= waiting + 10);
  const back = Date.now();
  await startHub(t, { directory, args: ['--amqp-port', amqp, '--dps-port', port, '--record', record] });
  const told = await toldBy(camera);
  const all = await eventually('what waited', async () => {
    camera.program.assertRuns();
    const messages = await recorded();
    return messages.length >= told && messages;
  }, 120000);
  const numbers = numbersOf(all);
  assert.deepEqual(numbers, numbers.map((_, index) => index));
  const times = all.map((message) => Date.parse(message.properties['iothub-creation-time-utc']));
  assert.deepEqual(times, [...times].sort((a, b) => a - b));
  assert.ok(times.filter((time) => time >= away && time <= back).length >= 8);
  await camera.program.stop();
});

test('killed at any moment: what was stored arrives, once for each id, in order', bounded, async (t) => {
  const hub = await startHub(t);
  const snapshots = await numbered(t);
  const camera = await makeCamera(t, provisionedBy(hub), {
    SecurityCamera: { CameraUrl: snapshots.url }, Application: { ImageTimerPeriod: '00:00:00.05' },
  });
  const trigger = join(camera.directory, 'trigger');
  await writeFile(trigger, '');
  let kills = 0;
  for (let step = 1; step <= 120; step += 7) {
    await camera.start({ environment: {
      LD_PRELOAD: join(preloads, 'kill_at.so'), ISTHMUS_KILL_AT: String(step), ISTHMUS_KILL_TRIGGER: trigger,
    } });
    const { signal } = await within(`the end at step ${step}`, camera.program.ended, 120000).catch((error) => {
      throw new Error(`${error.message}\n${camera.program.tail}`);
    });
    assert.equal(signal, 'SIGKILL', camera.program.tail);
    kills += 1;
  }
  await camera.start();
  await camera.ready();
  await healthy(camera, 'new tallies', (health) => health.told >= 3);
  const invoked = await eventually('an end of the pictures', async () => {
    try {
      return await hub.control('POST', '/devices/yard/methods/ImageTimerStop', {});
    } catch {
      return undefined; // not connected yet
    }
  });
  assert.equal(invoked.status, 200);
  await eventually('an empty store', async () =>
    /^isthmus_store_events 0$/m.test(await (await camera.get('/metrics')).text()));
  const messages = await hub.telemetry('device=yard');
  const numbers = numbersOf(distinct(messages));
  // A picture that was under way when the program was killed is not in any tally.
  assert.ok(snapshots.given - numbers.length <= kills + 1, `${numbers.length} of ${snapshots.given}, ${kills} kills`);
  assert.ok(numbers.length >= 3);
  await camera.program.stop();
});

test('it speaks to camera, hub, provisioning service and storage, and to nobody else', bounded, async (t) => {
  const hub = await startHub(t);
  const storage = await startStorage(t);
  const snapshots = await numbered(t, { user: 'viewer', password: 'a word', algorithm: 'MD5' });
  const camera = await makeCamera(t, provisionedBy(hub), {
    SecurityCamera: { CameraUrl: snapshots.url, CameraUserName: 'viewer', CameraUserPassword: 'a word' },
    Application: { ImageCameraUpload: true },
    AzureStorage: { ConnectionString: storage.connectionString },
  });
  const log = join(camera.directory, 'connections');
  await camera.start({ environment: { LD_PRELOAD: join(preloads, 'connect_log.so'), ISTHMUS_CONNECT_LOG: log } });
  await camera.ready();
  await hub.telemetryOf('yard', 5);
  await eventually('an uploaded picture', () => storage.blobs.size > 0);
  await camera.program.stop();
  const spoken = new Set((await readFile(log, 'utf8')).trim().split('\n'));
  const amqp = hub.info.hubs[0].device.match(/HostName=[^;]*:(\d+)/)[1];
  const dps = new URL(`https://${hub.info.dps.endpoint}`).port;
  const allowed = [String(snapshots.port), String(storage.port), amqp, dps].flatMap((port) => [`127.0.0.1 ${port}`, `::1 ${port}`]);
  // The system's own way of looking a name up: name service cache, and the test of which address is usable.
  const others = [...spoken].filter((line) => !allowed.includes(line) &&
    !/^unix \/(var\/)?run\/(nscd|systemd)\//.test(line) && !/^(127\.0\.0\.1|::1) 0$/.test(line));
  assert.deepEqual(others, []);
  for (const port of [snapshots.port, storage.port, amqp, dps]) assert.ok(spoken.has(`127.0.0.1 ${port}`), `nobody spoke to ${port}`);
});

test('steps of the clock stop nothing, and each tally has the time that the clock showed', bounded, async (t) => {
  const hub = await startHub(t);
  const snapshots = await numbered(t);
  const camera = await makeCamera(t, provisionedBy(hub), { SecurityCamera: { CameraUrl: snapshots.url } });
  const clock = join(camera.directory, 'clock');
  await writeFile(clock, '0');
  await camera.start({ environment: { LD_PRELOAD: join(preloads, 'clock_step.so'), ISTHMUS_CLOCK_STEP: clock } });
  await camera.ready();
  await hub.telemetryOf('yard', 2);
  for (const step of [7200, -1800, 0]) {
    await writeFile(clock, String(step));
    const { told } = (await camera.health()).cameras[0];
    await healthy(camera, `pictures with the clock at ${step} s`, (health) => health.told >= told + 4);
    await eventually(`a tally with the clock at ${step} s`, async () =>
      (await hub.telemetry('device=yard')).some((message) => {
        const off = Date.parse(message.properties['iothub-creation-time-utc']) - Date.parse(message.enqueuedTimeUtc);
        return Math.abs(off - step * 1000) < 300000;
      }), 100000);
  }
  const told = await toldBy(camera);
  const messages = await eventually('all tallies', async () => {
    const found = distinct(await hub.telemetry('device=yard'));
    return found.length >= told && found;
  }, 100000);
  const numbers = numbersOf(messages);
  assert.deepEqual(numbers, numbers.map((_, index) => index));
  await camera.program.stop();
});

// A Raspberry Pi has no battery clock, and may be switched off before it knows the time.
for (const [when, isKilled] of [['', false], [', also over a kill', true]]) {
  test(`a clock that is wrong at the start: it is said, and all tallies get their right times when it is set${when}`, bounded, async (t) => {
    const hub = await startOldHub(t);
    const clock = await clockOf(t, -7200);
    const camera = await makeCamera(t, provisionedBy(hub));
    camera.settings.Source.MaximumAgeSeconds = 0;
    await camera.show({ red: 1 });
    const before = Date.now();
    await camera.start(clock);
    await camera.ready();
    const { ahead_s: ahead } = await eventually('CLOCK_WRONG', () => camera.logged('CLOCK_WRONG')[0], 60000);
    assert.ok(Math.abs(ahead + 7200) < 60, `${ahead} s`);
    const { told } = await healthy(camera, 'tallies that wait', (health) => health.told >= 3);
    if (isKilled) {
      camera.program.kill('SIGKILL');
      await camera.program.ended;
      await clock.set(0);
      await camera.start(clock);
      await camera.ready();
    } else {
      await clock.set(0);
      await eventually('CLOCK_SET', () => camera.logged('CLOCK_SET')[0], 60000);
    }
    const messages = await hub.telemetryOf('yard', told, 60000);
    for (const { properties } of messages) {
      const created = Date.parse(properties['iothub-creation-time-utc']);
      assert.ok(created >= before - 1000 && created <= Date.now(), properties['iothub-creation-time-utc']);
    }
  });
}

/** How cameras answer that have no picture. */
const manners = {
  'a login page with status 200': (response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end('<html>Please log in</html>');
  },
  'status 500': (response) => {
    response.writeHead(500);
    response.end();
  },
  'half a picture': (response, picture) => {
    response.writeHead(200, { 'Content-Type': 'image/jpeg', 'Content-Length': picture.length });
    response.write(picture.subarray(0, picture.length / 2), () => response.destroy());
  },
  'half a picture that says it is whole': (response, picture) => {
    response.writeHead(200, { 'Content-Type': 'image/jpeg' });
    response.end(picture.subarray(0, picture.length / 2));
  },
  'a body without an end': (response, picture) => {
    const more = () => {
      while (!response.destroyed && response.write(picture)) continue;
      if (!response.destroyed) response.once('drain', more);
    };
    response.writeHead(200, { 'Content-Type': 'image/jpeg' });
    response.on('error', () => {});
    more();
  },
};

for (const [name, manner] of Object.entries(manners)) {
  test(`a camera that answers with ${name}: nothing is told, and it comes back`, bounded, async (t) => {
    const hub = await startHub(t);
    const snapshots = await numbered(t);
    const camera = await startCamera(t, provisionedBy(hub), {
      SecurityCamera: { CameraUrl: snapshots.url }, Source: { MaximumBytes: 1000000 },
    });
    await hub.telemetryOf('yard');
    snapshots.manners = manner;
    const bad = await healthy(camera, 'trouble', (health) => health.trouble);
    const { told } = bad;
    await healthy(camera, 'more trouble', (health) => health.failed > bad.failed);
    assert.equal(await toldBy(camera), told);
    snapshots.manners = undefined;
    await healthy(camera, 'new tallies', (health) => health.told > told && !health.trouble);
    await camera.program.stop();
  });
}

test('a wrong password is said, and not tried without end', bounded, async (t) => {
  const hub = await startHub(t);
  const snapshots = await numbered(t, { user: 'viewer', password: 'right' });
  const camera = await startCamera(t, provisionedBy(hub), {
    SecurityCamera: { CameraUrl: snapshots.url, CameraUserName: 'viewer', CameraUserPassword: 'wrong.SECRET' },
  });
  const health = await healthy(camera, 'trouble', (each) => each.trouble);
  assert.match(health.trouble, /401|password|user/i);
  assert.doesNotMatch(camera.program.tail, /SECRET/);
  assert.equal(snapshots.given, 0);
  await access(join(camera.directory, 'data'));
  await camera.program.stop();
});

test('a camera that hangs keeps nothing from ending', bounded, async (t) => {
  const hub = await startHub(t);
  const snapshots = await numbered(t);
  snapshots.manners = () => {};
  const camera = await startCamera(t, provisionedBy(hub), {
    SecurityCamera: { CameraUrl: snapshots.url }, Source: { TimeoutSeconds: 600 },
  });
  await eventually('a request', () => snapshots.requests > 0);
  await camera.program.stop();
});
