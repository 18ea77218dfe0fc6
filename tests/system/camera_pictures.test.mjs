// SPDX-License-Identifier: MIT
// What leaves a camera as a picture: files and uploads, obscured where it must be.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { startAzuriteBlobs } from './support/azurite.mjs';
import { isthmusCamera, makeCamera, onnxRuntime, provisionedBy, startCamera } from './support/camera.mjs';
import { startHub } from './support/hub.mjs';
import { drawCounts } from './support/picture.mjs';
import { eventually, run } from './support/program.mjs';
import { startStorage } from './support/storage.mjs';

/** What the model finds in a picture. */
async function tallyOf(camera, bytes) {
  const path = join(camera.directory, 'looked-at.jpg');
  await writeFile(path, bytes);
  const { stdout } = await run(['--once', '--image', path, '--model', camera.settings.Application.YoloV5ModelPath,
    '--threshold', '0.4', '--onnxruntime', onnxRuntime], { command: isthmusCamera });
  return JSON.parse(stdout).tally;
}

async function blobs(camera, storage, pattern) {
  return eventually(`a blob ${pattern}`, () => {
    camera.program.assertRuns();
    const found = [...storage.blobs].filter(([name]) => pattern.test(name));
    return found.length > 0 && found;
  });
}

test('private labels and areas are obscured in every picture that is written', async (t) => {
  const hub = await startHub(t);
  const camera = await startCamera(t, provisionedBy(hub), {
    Application: { ImageMarkedUpFilepath: 'marked.jpg', ImageCameraFilepath: 'camera.jpg' },
    Privacy: { Labels: ['Green'], Manner: 'Blank' },
  }, { red: 1, green: 2 });
  const [message] = await hub.telemetryOf('yard');
  assert.deepEqual(message.body, { red: 1, green: 2 }, 'it counts all the same');
  for (const file of ['camera.jpg', 'marked.jpg']) {
    const bytes = await readFile(join(camera.directory, 'data', file));
    const { red, green } = await tallyOf(camera, bytes);
    assert.equal(red, 1, file);
    assert.equal(green, undefined, file);
  }
  await camera.program.stop();
});

test('an area is obscured whatever is in it', async (t) => {
  const hub = await startHub(t);
  const camera = await startCamera(t, provisionedBy(hub), {
    Application: { ImageCameraFilepath: 'camera.jpg' },
    Privacy: { Manner: 'Blank', Areas: { all: { Polygon: [[0, 0], [1, 0], [1, 1], [0, 1]] } } },
  }, { red: 2, green: 1 });
  await hub.telemetryOf('yard');
  const bytes = await readFile(join(camera.directory, 'data', 'camera.jpg'));
  assert.deepEqual(await tallyOf(camera, bytes), {});
  await camera.program.stop();
});

test('a picture that can\'t be looked at is not written when there is something private', async (t) => {
  const hub = await startHub(t);
  const camera = await makeCamera(t, provisionedBy(hub), {
    Application: { ImageCameraFilepath: 'camera.jpg' },
    Privacy: { Labels: ['red'] },
  });
  const whole = drawCounts({ red: 1 });
  await camera.show(Buffer.concat([whole.subarray(0, whole.length / 2), Buffer.from([0xff, 0xd9])]));
  await camera.start();
  await camera.ready();
  await eventually('the refusal', () => camera.logged('CAMERA_PICTURE_REFUSED').length > 0);
  await assert.rejects(readFile(join(camera.directory, 'data', 'camera.jpg')), { code: 'ENOENT' });
  await camera.program.stop();
});

test('a private label that the model does not know is a mistake at start', async (t) => {
  const hub = await startHub(t);
  const camera = await makeCamera(t, provisionedBy(hub), { Privacy: { Labels: ['persn'] } });
  await camera.show({ red: 1 });
  await camera.start();
  await camera.program.expectEnd(1);
  assert.match(camera.program.tail, /Privacy\.Labels has 'persn', which the model does not know/);
});

test('pictures are uploaded to a storage account with the names of the earlier programs', async (t) => {
  const hub = await startHub(t);
  const storage = await startStorage(t);
  const camera = await startCamera(t, provisionedBy(hub), {
    Application: { ImageCameraUpload: true, ImageMarkedupUpload: true },
    Telemetry: { OnlyOnChange: true },
    AzureStorage: { ConnectionString: storage.connectionString },
  }, { red: 2, green: 1 });
  const [message] = await hub.telemetryOf('yard');
  const created = message.properties['iothub-creation-time-utc'];
  const [day, time] = created.split(/[T.]/).map((text) => text.replace(/[-:Z]/g, ''));
  const [[, picture]] = await blobs(camera, storage, new RegExp(`^${day}/camera/${time}\\.jpg$`));
  await blobs(camera, storage, new RegExp(`^${day}/markedup/${time}\\.jpg$`));
  assert.deepEqual(picture.bytes, await readFile(camera.picture));
  assert.equal(picture.headers['x-ms-blob-type'], 'BlockBlob');
  assert.equal(picture.headers['content-type'], 'image/jpeg');
  assert.match(picture.headers.authorization, /^SharedKey account:/);
  assert.equal(storage.blobs.size, 2, 'a picture goes with a tally that is told');
  await eventually('the count of uploads', async () => (await (await camera.get('/metrics')).text())
    .includes('isthmus_camera_uploads_total{result="sent",camera="yard"} 2'));
  await camera.program.stop();
});

test('what is uploaded is obscured, too, and a SAS is enough', async (t) => {
  const hub = await startHub(t);
  const storage = await startStorage(t, ['yard']);
  const camera = await startCamera(t, provisionedBy(hub), {
    Application: { ImageCameraUpload: true },
    Privacy: { Labels: ['red'], Manner: 'Blank' },
    AzureStorage: {
      ConnectionString: `BlobEndpoint=${storage.endpoint};SharedAccessSignature=sv=2021-12-02&sp=cw&sig=c2ln`,
      ImageCameraFilenameFormat: 'latest.jpg',
    },
  }, { red: 1, green: 2 });
  const [[, picture]] = await blobs(camera, storage, /^latest\.jpg$/);
  assert.equal(picture.url.searchParams.get('sig'), 'c2ln');
  assert.deepEqual(await tallyOf(camera, picture.bytes), { green: 2 });
  await camera.program.stop();
});

test('Azure\'s own emulator of storage takes pictures by key and by SAS, with tags of the tally', async (t) => {
  const hub = await startHub(t);
  const azurite = await startAzuriteBlobs(t);
  const camera = await startCamera(t, provisionedBy(hub), {
    Application: { DeviceID: 'Front.Yard', ImageCameraUpload: true, ImageMarkedupUpload: true },
    Telemetry: { OnlyOnChange: true },
    Zones: { all: { Polygon: [[0, 0], [1, 0], [1, 1], [0, 1]], Labels: ['red'] } },
    AzureStorage: { ConnectionString: azurite.connectionString },
  }, { red: 2, green: 1 });
  const held = await eventually('two blobs', async () => {
    camera.program.assertRuns();
    const found = await azurite.held('front-yard');
    return Object.keys(found).length === 2 && found;
  });
  const [picture, markedUp] = Object.keys(held).sort();
  assert.match(picture, /^\d{8}\/camera\/\d{6}\.jpg$/);
  assert.match(markedUp, /^\d{8}\/markedup\/\d{6}\.jpg$/);
  assert.deepEqual(held[picture].bytes, await readFile(camera.picture));
  for (const { tags } of Object.values(held)) assert.deepEqual(tags, { red: '2', green: '1', all_red: '2' });
  await camera.program.stop();

  // The next one has a SAS without the right to tag, or to make the container.
  camera.settings.AzureStorage = {
    ConnectionString: azurite.connectionStringFor('wc'),
    ImageCameraFilenameFormat: 'latest.jpg',
    ImageMarkedUpFilenameFormat: 'latest-marked-up.jpg',
  };
  await camera.show({ blue: 1 });
  await camera.start();
  const [latest] = await eventually('what the SAS allows', async () => {
    camera.program.assertRuns();
    const { 'latest.jpg': one, 'latest-marked-up.jpg': two } = await azurite.held('front-yard');
    return one && two && [one];
  });
  assert.deepEqual(latest.bytes, await readFile(camera.picture));
  assert.deepEqual(latest.tags, {});
  await camera.program.stop();
});
