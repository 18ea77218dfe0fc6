// SPDX-License-Identifier: MIT
// Each way in which Azure fails: nothing acknowledged is lost, and each device's order is kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connectedTo, provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { drained, Load } from './support/load.mjs';
import { eventually } from './support/program.mjs';

const bounded = { timeout: 240000 };

/** A hub, a gateway and a load of eight devices, which are connected already if `known`. */
async function scene(t, { known = true, azure = {} } = {}) {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub, azure));
  const load = new Load({ devices: 8 });

  load.gateway = gateway;
  t.after(() => load.stop());
  if (known) {
    await load.round();
    await drained(gateway);
  }
  return { hub, gateway, load };
}

/** Resolves when a rule has applied as often as it was ordered, or at least `least` times. */
async function applied(hub, id, least = Infinity) {
  await eventually(`fault ${id} to happen`, async () => {
    const { faults } = await hub.control('GET', '/faults');
    const fault = faults.find((each) => each.id === id);
    return fault === undefined || fault.applied >= least;
  });
}

async function order(hub, fault) {
  return (await hub.control('POST', '/faults', fault)).id;
}

/** Ends the load, waits until all is accepted, compares, and wants no dead letter. */
async function settle(t, { hub, gateway, load }) {
  await load.stop();
  await drained(gateway, 45000);
  const result = load.check(await hub.telemetry());
  assert.equal(load.unavailable, 0);
  assert.equal(load.failed, 0);
  assert.equal(await gateway.metric('isthmus_events_dead_lettered_total'), 0);
  t.diagnostic(JSON.stringify(result));
  return result;
}

for (const condition of ['com.microsoft:device-container-throttled', 'amqp:resource-limit-exceeded']) {
  test(`sends are throttled with ${condition}`, bounded, async (t) => {
    const all = await scene(t);
    const fault = await order(all.hub, { kind: 'reject', condition, times: 20 });

    all.load.start(8, 20);
    await applied(all.hub, fault);
    const result = await settle(t, all);
    assert.equal(await all.gateway.metric('isthmus_events_retried_total'), 20);
    assert.equal(result.doubles, 0);
  });
}

test('a token is refused once for each device, while it connects', bounded, async (t) => {
  const all = await scene(t, { known: false });
  for (const device of all.load.devices) {
    await order(all.hub, { kind: 'token', status: 401, device, times: 1 });
  }

  all.load.start(8, 20);
  await eventually('faults that are used up', async () =>
    (await all.hub.control('GET', '/faults')).faults.length === 0);
  await settle(t, all);
});

test('links are detached with amqp:link:detach-forced, at rest and by a send', bounded, async (t) => {
  const all = await scene(t);

  all.load.start(8, 20);
  for (let i = 0; i < 3; i++) {
    await all.load.goesOn(50);
    await eventually('a link to detach', async () =>
      (await all.hub.control('POST', '/faults', { kind: 'detach_now' })).hit > 0);
  }
  const fault = await order(all.hub, { kind: 'detach', condition: 'amqp:link:detach-forced', times: 5 });
  await applied(all.hub, fault);
  await settle(t, all);
});

test('a hub gives no credit for a while', bounded, async (t) => {
  const all = await scene(t);
  const fault = await order(all.hub, { kind: 'credit' });

  // What was granted before is used up, thousands of sends, then everything waits.
  all.load.start(8);
  await eventually('events that wait', async () => {
    const waiting = await all.gateway.metric('isthmus_store_events');
    return waiting > 200;
  }, 120000);
  await all.load.stop();
  await all.hub.control('DELETE', `/faults/${fault}`);
  await all.load.round();
  const result = await settle(t, all);
  assert.equal(result.doubles, 0);
});

test('connections are cut, at rest and after a send that was recorded', bounded, async (t) => {
  const all = await scene(t);

  all.load.start(8, 20);
  for (let i = 0; i < 3; i++) {
    await all.load.goesOn(50);
    await eventually('a connection to cut', async () =>
      (await all.hub.control('POST', '/faults', { kind: 'drop' })).hit > 0);
  }
  const fault = await order(all.hub, { kind: 'cut', times: 3 });
  await applied(all.hub, fault);
  const result = await settle(t, all);
  assert.ok(result.doubles >= 1, 'what was recorded without an answer was not sent again');
  assert.ok(await all.gateway.metric('isthmus_hub_disconnects_total') > 0);
});

test('telemetry is recorded, but never acknowledged: it is sent again as the same message', bounded, async (t) => {
  const all = await scene(t);
  const fault = await order(all.hub, { kind: 'disposition', times: 5 });

  await all.load.round();
  await applied(all.hub, fault);
  await all.hub.control('POST', '/faults', { kind: 'drop' });
  const result = await settle(t, all);
  assert.ok(result.doubles >= 5, `${result.doubles} doubles`);
});

test('acknowledgements are slow', bounded, async (t) => {
  const all = await scene(t);
  const fault = await order(all.hub, {
    kind: 'slow', distribution: 'uniform', delayMs: 1, delayMaxMs: 200, times: 200,
  });

  all.load.start(8, 20);
  await applied(all.hub, fault);
  const result = await settle(t, all);
  assert.equal(result.doubles, 0);
});

test('DPS answers 429 with Retry-After: nobody registers before', bounded, async (t) => {
  const all = await scene(t, { known: false });
  const fault = await order(all.hub, {
    kind: 'dps_status', status: 429, errorCode: 429001, retryAfterSeconds: 2, times: 1,
  });

  await all.load.post(all.load.devices[0]);
  await applied(all.hub, fault);
  const throttledAt = Date.now();
  await all.load.round();
  await all.hub.telemetryOf(all.load.devices[0]);
  // The clocks of two programs are compared, so a little is let off.
  assert.ok(Date.now() - throttledAt > 1500, 'Retry-After was not heeded');
  await settle(t, all);
  assert.equal(await all.gateway.metric('isthmus_dps_throttled_total'), 1);
});

test('DPS answers 500', bounded, async (t) => {
  const all = await scene(t, { known: false });
  const fault = await order(all.hub, { kind: 'dps_status', status: 500, errorCode: 500001, times: 4 });

  await all.load.round();
  await applied(all.hub, fault);
  await all.load.round();
  await settle(t, all);
  assert.equal((await all.hub.control('GET', '/stats')).provisioning.assigned, 8);
});

test('DPS assigns slowly', bounded, async (t) => {
  const all = await scene(t, { known: false });
  await order(all.hub, { kind: 'dps_slow', delayMs: 1500 });

  all.load.start(8, 20);
  await all.load.goesOn(200);
  await settle(t, all);
});

test('the first connections are refused, and the next ones succeed', bounded, async (t) => {
  const all = await scene(t, { known: false });
  await order(all.hub, { kind: 'connect', hub: 'hub1', times: 1 });
  await order(all.hub, { kind: 'open', condition: 'amqp:internal-error', times: 1 });
  await order(all.hub, { kind: 'attach', condition: 'amqp:internal-error', times: 3 });

  all.load.start(8, 20);
  await eventually('faults that are used up', async () =>
    (await all.hub.control('GET', '/faults')).faults.length === 0);
  await settle(t, all);
});

test('a device that is disabled at the hub is held, and the others go on', bounded, async (t) => {
  const hub = await startHub(t, { args: ['--device', 'good-1', '--device', 'bad-1'] });
  const gateway = await startGateway(t, connectedTo(hub));

  await hub.device('bad-1', { status: 'disabled' });
  await gateway.uplink(uplinkOf('application1', 'bad-1'));
  const held = await gateway.logged('DEVICE_HELD');
  assert.match(held.device, /bad-1/);
  assert.ok(held.again_in_ms > 0);
  for (let i = 0; i < 20; i++) await gateway.uplink(uplinkOf('application1', 'good-1'));
  await hub.telemetryOf('good-1', 20);
  await eventually('a store that keeps one event only', async () =>
    (await gateway.metric('isthmus_store_events')) === 1);
  assert.equal(await gateway.metric('isthmus_devices_refused'), 1);
  assert.equal((await hub.telemetry('device=bad-1')).length, 0);

  await hub.device('bad-1', { status: 'enabled' });
  await gateway.stop();
  const again = await startGateway(t, connectedTo(hub), {}, gateway.directory);
  await drained(again);
  assert.equal((await hub.telemetry('device=bad-1')).length, 1);
});
