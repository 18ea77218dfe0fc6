// SPDX-License-Identifier: MIT
// `isthmus device`, and the bound on the number of devices.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { connectedTo, provisionedBy, startGateway, startGatewayOn, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, run } from './support/program.mjs';

const cleanups = [];
const suite = { after: (run) => cleanups.unshift(run) };
let hub;

before(async () => {
  hub = await startHub(suite);
});

after(async () => {
  for (const run of cleanups) await run();
});

function tool(gateway) {
  const data = join(gateway.directory, 'data');
  return {
    isthmus: (...args) => run(['device', ...args, '--data', data]),
    async lines(...args) {
      const { status, stdout, output } = await run(['device', ...args, '--json', '--data', data]);
      assert.equal(status, 0, output);
      return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    },
  };
}

async function take(gateway, application, device) {
  const answer = await gateway.uplink(uplinkOf(application, device));
  assert.equal(answer.status, 202, answer.text);
}

async function letters(gateway) {
  const { stdout } = await run(['queue', 'export', 'dead', '--data', join(gateway.directory, 'data')]);
  return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

test('a claimed id is released while the gateway runs, and the next sender gets it', async (t) => {
  const gateway = await startGateway(t, provisionedBy(hub));
  const { isthmus, lines } = tool(gateway);

  await take(gateway, 'squatter', 'collar-99');
  await hub.telemetryOf('collar-99', 1);
  await take(gateway, 'herd', 'collar-99');
  await eventually('the dead letter', async () => (await letters(gateway)).length === 1);

  const devices = await lines('list');
  assert.deepEqual(devices.map(({ device, state, waitingEvents }) => [device, state, waitingEvents]).sort(), [
    ['things-stack/herd/collar-99', 'new', 0],
    ['things-stack/squatter/collar-99', 'ready', 0],
  ]);
  const [shown] = await lines('show', 'things-stack/squatter/collar-99');
  assert.deepEqual([shown.network, shown.application, shown.deviceId, shown.hubDeviceId, shown.scope, shown.hub],
    ['things-stack', 'squatter', 'collar-99', 'collar-99', hub.info.dps.idScope, hub.info.hubs[0].hostName]);

  const ambiguous = await isthmus('release', 'collar-99');
  assert.equal(ambiguous.status, 1);
  assert.match(ambiguous.output, /2 devices are called 'collar-99'/);
  const loser = await isthmus('release', 'things-stack/herd/collar-99');
  assert.equal(loser.status, 1);
  assert.match(loser.output, /has no IoT Hub device id/);

  const released = await isthmus('release', 'things-stack/squatter/collar-99');
  assert.equal(released.status, 0, released.output);
  assert.equal(released.stdout, 'collar-99 is free; things-stack/squatter/collar-99 had it\n');
  await take(gateway, 'herd', 'collar-99');
  await hub.telemetryOf('collar-99', 2);
  await take(gateway, 'squatter', 'collar-99');
  await eventually('the dead letter', async () => (await letters(gateway)).length === 2);

  // The claim is where it now belongs after a restart as well.
  const file = join(gateway.directory, 'isthmus.json');
  await gateway.kill();
  const again = await startGatewayOn(t, file, gateway.directory);
  await take(again, 'squatter', 'collar-99');
  await eventually('the dead letter', async () => (await letters(again)).length === 3);
  await take(again, 'herd', 'collar-99');
  await hub.telemetryOf('collar-99', 3);
});

test('events that wait keep an id from being released, unless they may be lost to the dead letters', async (t) => {
  // The hub does not know the device, so it is held and its events wait.
  const gateway = await startGateway(t, connectedTo(hub));
  const { isthmus, lines } = tool(gateway);

  await take(gateway, 'herd', 'unknown-1');
  await take(gateway, 'herd', 'unknown-1');
  await eventually('the refusal', async () => (await lines('show', 'unknown-1'))[0].state === 'held');
  assert.equal((await lines('show', 'unknown-1'))[0].waitingEvents, 2);
  const refused = await isthmus('release', 'unknown-1');
  assert.equal(refused.status, 1);
  assert.match(refused.output, /events wait/);
  assert.equal((await isthmus('release', 'unknown-1', '--force')).status, 0);
  await eventually('the dead letters', async () => (await letters(gateway)).length === 2);
  assert.match((await letters(gateway))[0].reason, /released by an operator/);
  assert.equal((await lines('show', 'unknown-1'))[0].waitingEvents, 0);
});

test('without a running gateway the store is read and changed', async (t) => {
  const gateway = await startGateway(t, connectedTo(hub));
  const { isthmus, lines } = tool(gateway);

  await take(gateway, 'squatter', 'unknown-2');
  await eventually('the refusal', async () => (await lines('show', 'unknown-2'))[0].state === 'held');
  await gateway.stop();
  const [stored] = await lines('list');
  assert.deepEqual(stored, {
    device: 'things-stack/squatter/unknown-2',
    network: 'things-stack',
    application: 'squatter',
    deviceId: 'unknown-2',
    hubDeviceId: 'unknown-2',
    scope: hub.info.hubs[0].hostName,
    waitingEvents: 1,
  });
  const refused = await isthmus('release', 'unknown-2');
  assert.equal(refused.status, 1);
  assert.match(refused.output, /1 events wait/);
  const released = await isthmus('release', 'unknown-2', '--force');
  assert.equal(released.status, 0, released.output);
  assert.deepEqual(await lines('list'), []);
  assert.match((await letters(gateway))[0].reason, /released by an operator/);
  assert.equal((await isthmus('show', 'unknown-2')).status, 1);
});

test('beyond the bound new devices are refused, and known ones go on', async (t) => {
  const gateway = await startGateway(t, provisionedBy(hub), { Limits: { Devices: 2 } });
  const { isthmus } = tool(gateway);

  await take(gateway, 'herd', 'bound-1');
  await take(gateway, 'herd', 'bound-2');
  const refused = await gateway.uplink(uplinkOf('herd', 'bound-3'));
  assert.equal(refused.status, 503, refused.text);
  assert.match(JSON.parse(refused.text).detail, /2 devices, as many as Limits.Devices allows/);
  assert.equal((await gateway.logged('DEVICE_LIMIT')).device, 'things-stack/herd/bound-3');
  assert.equal(await gateway.metric('isthmus_events_over_device_limit_total'), 1);
  assert.equal((await gateway.logged('WEBHOOK_LOST')).network, 'things-stack');
  assert.equal(await gateway.metric('isthmus_webhooks_lost_total'), 1);
  await take(gateway, 'herd', 'bound-1');
  await hub.telemetryOf('bound-1', 2);
  await hub.telemetryOf('bound-2', 1);

  const file = join(gateway.directory, 'isthmus.json');
  await gateway.kill();
  const again = await startGatewayOn(t, file, gateway.directory);
  assert.equal((await again.uplink(uplinkOf('herd', 'bound-3'))).status, 503);
  await take(again, 'herd', 'bound-2');
  await hub.telemetryOf('bound-2', 2);
  const released = await isthmus('release', 'bound-1');
  assert.equal(released.status, 0, released.output);
  await take(again, 'herd', 'bound-3');
  await hub.telemetryOf('bound-3', 1);
});

test('what comes again because retries are switched on is not lost', async (t) => {
  const gateway = await startGateway(t, provisionedBy(hub),
    { Limits: { Devices: 1 }, TheThingsIndustries: { WebhookRetries: true } });
  await take(gateway, 'herd', 'again-1');
  assert.equal((await gateway.uplink(uplinkOf('herd', 'again-2'))).status, 503);
  assert.equal(await gateway.metric('isthmus_webhooks_lost_total'), 0);
});
