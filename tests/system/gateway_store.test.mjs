// SPDX-License-Identifier: MIT
// The store of a running gateway: shares of its bound, dead letters, backup.
import assert from 'node:assert/strict';
import { mkdir, readdir, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, run, temporaryDirectory } from './support/program.mjs';

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

test('dead letters of a running gateway are replayed in order and dropped', { timeout: 90000 }, async (t) => {
  const hub = await startHub(t);
  const directory = await temporaryDirectory(t, 'letters');
  const formatter = async (text) => {
    await writeFile(join(directory, 'codec.new'), text);
    await rename(join(directory, 'codec.new'), join(directory, 'codec.js'));
  };
  await formatter('function decodeUplink() { throw new Error("not yet"); }');
  const gateway = await startGateway(t, provisionedBy(hub), {
    PayloadFormatters: { Directory: directory, UplinkFormatterDefault: 'codec' },
  });
  const queue = (...args) => run(['queue', ...args, '--data', join(gateway.directory, 'data')]);
  const send = async (device, number) => {
    const { status } = await gateway.uplink(uplinkOf('application1', device, {
      frm_payload: Buffer.from([number]).toString('base64'), decoded_payload: undefined,
    }));
    assert.equal(status, 202);
  };
  const dead = async (count) => eventually(`${count} dead letters`, async () => {
    const { stdout } = await queue('dead');
    const ids = stdout.split('\n').slice(1).filter(Boolean).map((line) => line.trim().split(' ')[0]);
    return ids.length === count && ids;
  });

  for (let number = 0; number < 10; number++) await send(`letters-${number % 2}`, number);
  const ids = await dead(10);
  await formatter('function decodeUplink({ bytes }) { return { data: { number: bytes[0] } }; }');
  await eventually('the mended formatter', async () => {
    await send('probe', 1);
    return (await hub.telemetry()).some(({ deviceId }) => deviceId === 'probe');
  });

  await t.test('a running gateway is asked, not its file', async () => {
    /* A folder with nothing but the way to its socket. */
    const only = await temporaryDirectory(t, 'socket');
    await symlink(join(gateway.directory, 'data', 'control.sock'), join(only, 'control.sock'));
    const ask = (...args) => run(['queue', ...args, '--data', only]);
    const letters = await ask('dead');
    assert.equal(letters.status, 0, letters.output);
    assert.equal(letters.stdout, (await queue('dead')).stdout);
    const whole = (await ask('show', ids[3])).stdout;
    assert.match(whole, /^state +dead$/m);
    assert.match(whole, /^device +things-stack\/application1\/letters-1$/m);
    assert.match(whole, /^reason .*not yet/m);
    assert.match(whole, /^record +\{.*\}$/m);
    assert.match((await ask('list')).stdout, /^0 events wait, \d+ dead letters, 0 bytes$/m);
    assert.equal((await ask('list', 'things-stack/application1/letters-1')).stdout.trim().split('\n').length, 1);
    const none = await ask('show', '999999999');
    assert.equal(none.status, 1);
    assert.match(none.output, /nothing in the store has the id 999999999/);
  });

  const dropped = await queue('drop', ids[9]);
  assert.equal(dropped.status, 0, dropped.output);
  assert.match(dropped.stdout, /^1 dropped, \d+ dead letters are left\n$/);
  const chosen = await queue('replay', ids[1], ids[0]);
  assert.equal(chosen.status, 0, chosen.output);
  assert.match(chosen.stdout, /^2 replayed, \d+ dead letters are left\n$/);
  const all = await queue('replay', '--all');
  assert.equal(all.status, 0, all.output);
  assert.match(all.stdout, /^\d+ replayed, 0 dead letters are left\n$/);
  const numbers = async (device, count) =>
    (await hub.telemetryOf(device, count)).map(({ body }) => body.number);
  assert.deepEqual(await numbers('letters-0', 5), [0, 2, 4, 6, 8]);
  assert.deepEqual(await numbers('letters-1', 4), [1, 3, 5, 7]);
  const wrong = await queue('replay', ids[0]);
  assert.equal(wrong.status, 1);
  assert.match(wrong.output, /nothing was changed/);
});

test('a backup under load: a gateway on the copy sends all that was acknowledged before', { timeout: 90000 }, async (t) => {
  const hub = await startHub(t);
  const unreachable = provisionedBy(hub);
  unreachable.AzureIoTHub.DeviceProvisioningService.GlobalDeviceEndpoint = 'localhost:1';
  const first = await startGateway(t, unreachable);
  const copy = join(first.directory, 'copy.sqlite');
  const data = join(first.directory, 'data');
  const acknowledged = [];
  let posting = true;
  const poster = (async () => {
    for (let number = 0; posting; number++) {
      const { status } = await first.uplink(uplinkOf('application1', 'saved', {
        decoded_payload: { number },
      }));
      if (status === 202) acknowledged.push(number);
    }
  })();

  await eventually('some events', () => acknowledged.length >= 100);
  const before = acknowledged.length;
  const backup = await run(['store', 'backup', copy, '--data', data]);
  assert.equal(backup.status, 0, backup.output);
  assert.match(backup.stdout, /^\d+ waiting events and 0 dead letters are in /);
  await eventually('more events', () => acknowledged.length > before + 20);
  posting = false;
  await poster;
  const again = await run(['store', 'backup', copy, '--data', data]);
  assert.equal(again.status, 1);
  assert.match(again.output, /--force/);
  await first.kill();
  assert.equal((await hub.telemetry()).length, 0);

  const directory = await temporaryDirectory(t, 'restored');
  await mkdir(join(directory, 'data'), { mode: 0o700 });
  await rename(copy, join(directory, 'data', 'store.sqlite'));
  await startGateway(t, provisionedBy(hub), {}, directory);
  const messages = await hub.telemetryOf('saved', before);
  assert.deepEqual(messages.slice(0, before).map(({ body }) => body.number),
    acknowledged.slice(0, before));
});
