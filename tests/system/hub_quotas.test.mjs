// SPDX-License-Identifier: MIT
// A hub of a size has the limits of that size (rule W34), as Microsoft's SDKs see them.
import assert from 'node:assert/strict';
import test from 'node:test';

import { startHub } from './support/hub.mjs';
import { run, temporaryDirectory, within } from './support/program.mjs';
import { Inbox, Message, openDevice, openRegistry } from './support/sdk.mjs';

test('queries beyond the rate are throttled (W34)', async (t) => {
  const hub = await startHub(t, { args: ['--sku', 'S1', '--units', '2'] });
  const registry = openRegistry(hub, hub.info.hubs[0].iothubowner);
  const query = () => registry.createQuery('SELECT * FROM devices').nextAsTwin();

  let count = 0;

  // Two thirds of a query come back each second.
  await assert.rejects(async () => {
    for (; count < 1000; count++) await query();
  }, { name: 'ThrottlingError' });
  assert.ok(count >= 40, `${count} queries are a minute's worth`);
  await registry.list(); // which counts for itself
});

test('when the messages of the day are used up, there are no more (W34)', async (t) => {
  const hub = await startHub(t, { args: ['--sku', 'F1'] });
  const large = Buffer.alloc(255 * 1024);
  const amqp = await openDevice(t, await hub.stringOf('dev1', 'amqp'));

  for (let i = 0; i < 15; i++) await within(`message ${i}`, amqp.sendEvent(new Message(large)));
  await assert.rejects(within('refused', amqp.sendEvent(new Message(large))),
    { name: 'IotHubQuotaExceededError' });
  const mqtt = await openDevice(t, await hub.stringOf('dev2', 'mqtt'), 'mqtt');
  const gone = new Inbox(mqtt, 'disconnect');
  mqtt.sendEvent(new Message(large)).catch(() => {});
  await gone.next();
  const { quotas } = await hub.control('GET', '/stats');
  assert.equal(quotas[0].sku, 'F1');
  assert.equal(quotas[0].messagesADay, 8000);
  assert.ok(quotas[0].messagesToday > 15 * 510 && quotas[0].messagesToday <= 8000);
});

test('a size that there is not is refused', async (t) => {
  const data = await temporaryDirectory(t, 'hub');

  for (const args of [['--sku', 'S4'], ['--sku', 'F1', '--units', '2']]) {
    const { status, output } = await run(['hub', '--data', data, ...args]);
    assert.equal(status, 2);
    assert.match(output, /there is no hub of size (S4|F1) with \d units: sizes are F1 \(1 unit\), S1,/);
  }
});
