// SPDX-License-Identifier: MIT
// Many pictures cost no more than few: memory and open files stay level. `make soak-camera` takes 2,000
// pictures and looks for a minute at what waiting costs; otherwise there are ISTHMUS_SOAK_PICTURES (200).
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { provisionedBy, startCamera } from './support/camera.mjs';
import { startHub } from './support/hub.mjs';
import { drawCounts } from './support/picture.mjs';
import { eventually } from './support/program.mjs';
import { startSnapshots } from './support/snapshots.mjs';

const pictures = Number(process.env.ISTHMUS_SOAK_PICTURES ?? 200);
const isLong = pictures >= 2000;
const patience = pictures * 2000;
/** What the allocator may keep of one picture and another, of an HTTP and a hub connection. */
const GROWTH_KB = 6000;
/** A tenth of a percent of a core. */
const IDLE_SHARE = 0.001;

async function look(camera) {
  const { pid } = camera.program;
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ');
  return {
    memoryKb: Number(/VmRSS:\s+(\d+)/.exec(status)[1]),
    files: (await readdir(`/proc/${pid}/fd`)).length,
    threads: Number(/Threads:\s+(\d+)/.exec(status)[1]),
    ticks: Number(stat[11]) + Number(stat[12]),
  };
}

/** Waits for so many pictures, all of whose tallies the hub has. */
async function after(camera, count) {
  await eventually(`${count} pictures`, async () => {
    camera.program.assertRuns();
    const [health] = (await camera.health()).cameras;
    return health.pictures >= count;
  }, patience);
  return look(camera);
}

test(`${pictures} pictures: memory, open files and threads stay level`, { timeout: patience + 300000 }, async (t) => {
  const hub = await startHub(t);
  const shown = [{ red: 3, green: 2, blue: 1 }, { red: 1 }, { green: 4, blue: 2 }].map((counts) => drawCounts(counts));
  const snapshots = await startSnapshots(t, (index) => shown[index % shown.length], { user: 'viewer', password: 'a word' });
  const camera = await startCamera(t, provisionedBy(hub), {
    Application: { ImageTimerPeriod: '00:00:00.02', ImageMarkedUpFilepath: 'marked-up.jpg' },
    Zones: { half: { Polygon: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]] } },
    Telemetry: { Details: true },
    SecurityCamera: { CameraUrl: snapshots.url, CameraUserName: 'viewer', CameraUserPassword: 'a word' },
  });
  const early = await after(camera, pictures / 4);
  const late = await after(camera, pictures);
  t.diagnostic(`${JSON.stringify(early)} after ${pictures / 4} pictures, ${JSON.stringify(late)} after ${pictures}`);
  assert.ok(late.memoryKb <= early.memoryKb + GROWTH_KB, `${early.memoryKb} kB, then ${late.memoryKb} kB`);
  assert.ok(late.files <= early.files + 2, `${early.files} files, then ${late.files}`);
  assert.equal(late.threads, early.threads);

  if (isLong) {
    const { status } = await hub.control('POST', '/devices/yard/methods/ImageTimerStop', {});
    assert.equal(status, 200);
    await eventually('an empty store', async () => /^isthmus_store_events 0$/m.test(await (await camera.get('/metrics')).text()), patience);
    const seconds = 60;
    const { ticks } = await look(camera);
    await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
    const spent = (await look(camera)).ticks - ticks;
    t.diagnostic(`${spent} ticks of a hundredth of a second in ${seconds} s of waiting`);
    assert.ok(spent / 100 / seconds < IDLE_SHARE, `${spent} ticks in ${seconds} s`);
  }
  await camera.program.stop();
});
