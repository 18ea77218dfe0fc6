// SPDX-License-Identifier: MIT
// Things that are followed from picture to picture: what is new, what stands still, what has gone.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeCamera, provisionedBy } from './support/camera.mjs';
import { startHub } from './support/hub.mjs';
import { drawCounts } from './support/picture.mjs';
import { startSnapshots } from './support/snapshots.mjs';

/** The tallies of these pictures, one after another. */
async function tallies(t, Counting, scenes) {
  const hub = await startHub(t);
  const pictures = scenes.map((scene) => drawCounts(scene));
  const snapshots = await startSnapshots(t, (index) => pictures[Math.min(index, pictures.length - 1)]);
  const camera = await makeCamera(t, provisionedBy(hub), { Counting, SecurityCamera: { CameraUrl: snapshots.url } });
  await camera.start();
  await camera.ready();
  const messages = await hub.telemetryOf('yard', scenes.length);
  await camera.program.stop();
  return messages.slice(0, scenes.length).map((message) => message.body);
}

test('a thing counts after several pictures, and is gone after several without it', async (t) => {
  const bodies = await tallies(t, { AppearsAfter: 2, GoneAfter: 2 },
    [{ red: 1 }, { red: 1, blue: 1 }, { red: 1 }, {}, { red: 1 }, {}, {}]);
  assert.deepEqual(bodies, [{}, { red: 1 }, { red: 1 }, { red: 1 }, { red: 1 }, { red: 1 }, {}]);
});

test('what stands still is told once', async (t) => {
  const bodies = await tallies(t, { StillOnce: true }, [{ red: 1 }, { red: 1 }, { red: 1, green: 1 }, { red: 1, green: 1 }, {}, { red: 1 }]);
  assert.deepEqual(bodies, [{ red: 1 }, {}, { green: 1 }, {}, {}, { red: 1 }]);
});

test('by the rules of the first program a tally holds all that was found, and goes out for what is of interest', async (t) => {
  const hub = await startHub(t);
  const pictures = [{ blue: 2 }, { red: 1, blue: 1 }, { green: 1 }, { red: 2 }].map((scene) => drawCounts(scene));
  const snapshots = await startSnapshots(t, (index) => pictures[Math.min(index, pictures.length - 1)]);
  const camera = await makeCamera(t, provisionedBy(hub), {
    Counting: { Rules: 'First' },
    Application: { PredictionLabelsOfInterest: ['RED'], PredictionLabelsMinimum: ['green'] },
    SecurityCamera: { CameraUrl: snapshots.url },
  });
  await camera.start();
  await camera.ready();
  const messages = await hub.telemetryOf('yard', 2);
  assert.deepEqual(messages.slice(0, 2).map((message) => message.body), [{ red: 1, blue: 1 }, { red: 2 }]);
  await camera.program.stop();
});
