// SPDX-License-Identifier: MIT
// Pictures go to the storage of the device's hub, which tells a service of them.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { makeCamera } from './support/camera.mjs';
import { startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { eventually, isthmus, within } from './support/program.mjs';
import { Inbox, openService } from './support/sdk.mjs';

test('pictures are uploaded through the hub, which tells of them', async (t) => {
  const hub = await startHub(t, { args: ['--host', 'hub.test'] });
  const [{ amqpPort, httpsPort, service }] = hub.info.hubs;
  redirect('hub.test', { 443: httpsPort, [amqpPort]: amqpPort });
  const client = await openService(t, hub, service);
  const receiver = await within('receiver', new Promise((resolve, reject) => {
    client.getFileNotificationReceiver((error, got) => (error ? reject(error) : resolve(got)));
  }));
  const inbox = new Inbox(receiver, 'message');
  // The name of a hub of this kind has its port; that of Azure's has none.
  const { primaryKey } = await hub.device('yard');
  const camera = await makeCamera(t, {
    AzureIoTHub: { ConnectionString: `HostName=hub.test;DeviceId=yard;SharedAccessKey=${primaryKey}` },
    AzureIoT: { TrustedCertificates: hub.info.certificate, AmqpPort: amqpPort },
  }, {
    Application: { ImageCameraUpload: true, ImageMarkedupUpload: true },
    Telemetry: { OnlyOnChange: true },
  });
  await camera.show({ red: 2, green: 1 });
  await camera.start({ environment: {
    LD_PRELOAD: join(dirname(isthmus), 'tests', 'redirect.so'), ISTHMUS_REDIRECT: `hub.test ${httpsPort}`,
  } });
  await camera.ready();
  const told = {};
  while (Object.keys(told).length < 2) {
    const message = JSON.parse((await inbox.next()).data.toString());
    assert.equal(message.deviceId, 'yard');
    told[/\/(camera|markedup)\//.exec(message.blobName)[1]] = message;
  }
  assert.match(told.camera.blobName, /^yard\/\d{8}\/camera\/\d{6}\.jpg$/);
  const picture = await readFile(camera.picture);
  assert.equal(told.camera.blobSizeInBytes, picture.length);
  const name = encodeURIComponent(told.camera.blobName.slice('yard/'.length));
  assert.deepEqual(await readFile(join(hub.directory, 'uploads', 'hub1', 'yard', name)), picture);
  await eventually('the count of uploads', async () => (await (await camera.get('/metrics')).text())
    .includes('isthmus_camera_uploads_total{result="sent",camera="yard"} 2'));
  await camera.program.stop();
});
