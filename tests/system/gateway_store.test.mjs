// SPDX-License-Identifier: MIT
// The store of a running gateway: shares of its bound, dead letters, backup.
import assert from 'node:assert/strict';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { temporaryDirectory } from './support/program.mjs';

/** Posts uplinks of one device until one is refused, or `most` times; resolves to the answer. */
async function postUntilRefused(gateway, device, most) {
  let answer;
  for (let i = 0; i < most; i++) {
    answer = await gateway.uplink(uplinkOf('application1', device));
    if (answer.status !== 202) return answer;
  }
  return answer;
}

test('one device fills its share of the store: it is refused by name, others go on', { timeout: 90000 }, async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub), { Store: { MaximumBytes: 1048576 } });

  await hub.program.stop();
  const refused = await postUntilRefused(gateway, 'noisy', 5000);
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers['retry-after']) > 0, JSON.stringify(refused.headers));
  assert.match(JSON.parse(refused.text).detail, /things-stack\/application1\/noisy/);
  assert.equal((await gateway.logged('STORE_SHARE_USED')).device, 'things-stack/application1/noisy');
  for (let i = 0; i < 20; i++) {
    assert.equal((await gateway.uplink(uplinkOf('application1', `healthy-${i}`))).status, 202);
  }
  assert.equal((await gateway.get('/readyz')).status, 200);
  assert.ok(await gateway.metric('isthmus_store_refused_total{reason="share"}') >= 1);
  assert.equal(await gateway.metric('isthmus_store_refused_total{reason="full"}'), 0);
});

test('a data folder that others may enter is closed to them, and no file in it is theirs', async (t) => {
  const hub = await startHub(t);
  const directory = await temporaryDirectory(t, 'open');
  const data = join(directory, 'data');
  const umask = process.umask(0o022);

  t.after(() => process.umask(umask));
  await mkdir(data, { mode: 0o755 });
  const gateway = await startGateway(t, provisionedBy(hub), {}, directory);
  assert.equal((await gateway.uplink(uplinkOf('application1', 'secretive'))).status, 202);
  await gateway.logged('DATA_FOLDER_CLOSED');
  assert.equal((await stat(data)).mode & 0o777, 0o700);
  for (const name of await readdir(data)) {
    assert.equal((await stat(join(data, name))).mode & 0o077, 0, name);
  }
  assert.ok((await readdir(data)).includes('store.sqlite-wal'));
});
