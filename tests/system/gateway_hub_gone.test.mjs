// SPDX-License-Identifier: MIT
// A hub that is gone for good: its devices get the hub that the provisioning service names now.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually } from './support/program.mjs';

const devices = ['moved-1', 'moved-2', 'moved-3'];

// The gateway gives the hub a minute.
test('devices of a hub that is gone move to the hub that DPS names', { timeout: 180000 }, async (t) => {
  const hub = await startHub(t, { args: ['--hubs', '2'] });
  await hub.control('PUT', '/enrollments/group/default', { hub: 'hub1' });
  const gateway = await startGateway(t, provisionedBy(hub));
  const asked = () => gateway.metric('isthmus_dps_registrations_total{result="assigned"}');

  for (const device of devices) await gateway.uplink(uplinkOf('application1', device));
  for (const device of devices) await hub.telemetryOf(device);
  assert.ok((await hub.telemetry()).every((message) => message.hub === 'hub1'));

  await hub.control('PUT', '/enrollments/group/default', { hub: 'hub2' });
  await hub.control('POST', '/faults', { kind: 'open', hub: 'hub1', condition: 'amqp:not-found' });
  await hub.control('POST', '/faults', { kind: 'drop' });
  for (const device of devices) await gateway.uplink(uplinkOf('application1', device));
  await eventually('all at the other hub', async () => {
    const messages = await hub.telemetry();
    return devices.every((device) =>
      messages.some((each) => each.deviceId === device && each.hub === 'hub2'));
  }, 150000);
  assert.equal(await asked(), 2 * devices.length);
  assert.equal(await gateway.metric('isthmus_events_dead_lettered_total'), 0);
});
