// SPDX-License-Identifier: MIT
// This machine's clock is wrong, and is set: nothing is forgotten, and all send again.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clockOf, startOldHub } from './support/clock.mjs';
import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { eventually } from './support/program.mjs';

const bounded = { timeout: 240000 };
/* A refused device may pause for half a minute before it tries again. */
const patience = 100000;
const devices = Array.from({ length: 12 }, (_, i) => `clocked-${i}`);

async function postAll(gateway) {
  for (const device of devices) await gateway.uplink(uplinkOf('application1', device));
}

async function sendAll(gateway, hub, count) {
  await postAll(gateway);
  for (const device of devices) await hub.telemetryOf(device, count, patience);
}

test('a clock that is two hours behind at the start: it is said, and nobody registers anew', bounded, async (t) => {
  const hub = await startOldHub(t);
  const azure = provisionedBy(hub);
  const first = await startGateway(t, azure);
  await sendAll(first, hub, 1);
  await first.stop();

  const clock = await clockOf(t, -7200);
  const second = await startGateway(t, azure, {}, first.directory, clock.environment);
  const assigned = () => second.metric('isthmus_dps_registrations_total{result="assigned"}');
  for (const device of devices) await second.uplink(uplinkOf('application1', device));
  const { ahead_s: ahead } = await second.logged('CLOCK_WRONG');
  assert.ok(Math.abs(ahead + 7200) < 60, `${ahead} s`);
  await eventually('a refusal', async () => (await second.metric('isthmus_devices_refused')) > 0, patience);

  await clock.set(0);
  await second.logged('CLOCK_SET');
  for (const device of devices) await hub.telemetryOf(device, 2, patience);
  assert.equal(await assigned(), 0);
  assert.equal(await second.metric('isthmus_events_dead_lettered_total'), 0);
});

test('a clock that steps by a day and back: nothing is lost or rejected', bounded, async (t) => {
  const hub = await startOldHub(t);
  const clock = await clockOf(t, 0);
  const gateway = await startGateway(t, provisionedBy(hub), {}, undefined, clock.environment);
  let count = 0;

  await sendAll(gateway, hub, ++count);
  /* While the clock is wrong a token may be renewed in vain: then events wait until it is right. */
  for (const seconds of [86400, -86400]) {
    await clock.set(seconds);
    await postAll(gateway);
    count += 1;
  }
  await clock.set(0);
  await sendAll(gateway, hub, ++count);
  assert.equal(await gateway.metric('isthmus_events_dead_lettered_total'), 0);
  assert.equal(await gateway.metric('isthmus_dps_registrations_total{result="assigned"}'), devices.length);
});
