// SPDX-License-Identifier: MIT
// Many devices and several services: what goes wrong with one is no matter of the others, and
// nobody registers twice without need.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { provisionedBy, startGateway, startGatewayOn, uplinkOf, writeConfiguration } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, run, temporaryDirectory } from './support/program.mjs';

const bounded = { timeout: 120000 };
const otherKey = Buffer.from('another key of nobody').toString('base64');

async function registers(hub) {
  return (await hub.control('GET', '/stats')).provisioning.registers;
}

function names(prefix, count) {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
}

async function send(gateway, application, devices) {
  for (const device of devices) {
    const answer = await gateway.uplink(uplinkOf(application, device));
    assert.equal(answer.status, 202, answer.text);
  }
}

async function arrived(hub, devices, count = 1) {
  for (const device of devices) await hub.telemetryOf(device, count);
}

/** Runs isthmus provision on the ids; resolves to { outcomes by id, summary }. */
async function provision(file, directory, ids, args = [], status = 0) {
  const devices = join(directory, 'devices');
  await writeFile(devices, ids.map((id) => `${id}\n`).join(''));
  const result = await run(['provision', '--config', file, '--devices', devices, '--network', 'things-stack', '--application', 'herd', ...args]);
  assert.equal(result.status, status, result.output);
  const lines = result.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const { summary } = lines.pop();
  return { summary, outcomes: Object.fromEntries(lines.map((line) => [line.device.split('/').pop(), line])) };
}

test('each application has its own service, key and hub at the same time', bounded, async (t) => {
  const herd = await startHub(t);
  const orchard = await startHub(t);
  const shed = await startHub(t);
  const home = await temporaryDirectory(t, 'gateway');
  const trusted = join(home, 'trusted.pem');
  const all = [herd, orchard, shed];

  await writeFile(trusted, (await Promise.all(all.map((hub) => readFile(hub.info.certificate)))).join(''));
  await shed.device('tool-1');
  const azure = provisionedBy(herd, {
    TrustedCertificates: trusted,
    Applications: {
      orchard: {
        GlobalDeviceEndpoint: orchard.info.dps.endpoint, IdScope: orchard.info.dps.idScope,
        GroupEnrollmentKey: orchard.info.dps.groupEnrollmentKey,
      },
      shed: { ConnectionString: shed.info.hubs[0].device },
    },
  });
  const gateway = await startGateway(t, azure, {}, home);
  await send(gateway, 'orchard', ['tree-1']);
  await send(gateway, 'herd', ['cow-1']);
  await send(gateway, 'shed', ['tool-1']);
  await arrived(orchard, ['tree-1']);
  await arrived(herd, ['cow-1']);
  await arrived(shed, ['tool-1']);

  // One service that says nothing delays nobody but its own.
  const { id } = await orchard.control('POST', '/faults', { kind: 'dps_status', status: 503 });
  await send(gateway, 'orchard', names('late', 20));
  await send(gateway, 'herd', names('calf', 20));
  await send(gateway, 'shed', ['tool-1']);
  await arrived(herd, names('calf', 20));
  await arrived(shed, ['tool-1'], 2);
  assert.equal(await registers(shed), 0);
  assert.equal(await registers(herd), 21);
  const state = (name) => gateway.metric(`isthmus_devices_by_state{state="${name}"}`);
  assert.equal(await state('ready'), 23);
  assert.equal(await state('registering') + await state('held'), 20);
  const listed = await run(['device', 'list', '--data', join(home, 'data'), '--limit', '1']);
  assert.match(listed.stdout, /\nall: .*23 ready/);
  await orchard.control('DELETE', `/faults/${id}`);
  await arrived(orchard, names('late', 20));

  // One application gets another service: its devices register there, and nobody else does.
  await gateway.stop();
  azure.Applications.orchard = {
    GlobalDeviceEndpoint: shed.info.dps.endpoint, IdScope: shed.info.dps.idScope,
    GroupEnrollmentKey: shed.info.dps.groupEnrollmentKey,
  };
  const asked = [await registers(herd), await registers(orchard)];
  const again = await startGateway(t, azure, {}, home);
  await send(again, 'orchard', names('late', 20));
  await send(again, 'herd', names('calf', 20));
  await arrived(shed, names('late', 20));
  await arrived(herd, names('calf', 20), 2);
  assert.equal(await registers(shed), 20);
  assert.deepEqual([await registers(herd), await registers(orchard)], asked);
});

test('what DPS says no to is told with its reason, and only that is asked again', bounded, async (t) => {
  const hub = await startHub(t);
  const directory = await temporaryDirectory(t, 'gateway');
  const file = await writeConfiguration(directory, provisionedBy(hub));
  const gateway = await startGatewayOn(t, file, directory);
  const well = names('well', 20);
  const sick = ['disabled', 'wrong-key', 'broken', 'refused'];

  await hub.control('PUT', '/enrollments/individual/disabled', { status: 'disabled', primaryKey: hub.deviceKey('disabled') });
  await hub.control('PUT', '/enrollments/individual/wrong-key', { primaryKey: otherKey });
  await hub.control('POST', '/faults', { kind: 'dps_status', device: 'broken', status: 500, retryAfterSeconds: 600 });
  await hub.control('POST', '/faults', { kind: 'dps_failed', device: 'refused', errorCode: 400208 });
  const first = await provision(file, directory, [...sick, ...well], [], 1);
  assert.equal(first.summary.assigned, well.length);
  assert.equal(first.summary.failed, sick.length);
  assert.match(first.outcomes.disabled.reason, /disabled/);
  assert.match(first.outcomes['wrong-key'].reason, /401|nauthori[sz]ed|key/);
  assert.match(first.outcomes.broken.reason, /500/);
  assert.equal(first.outcomes.refused.errorCode, 400208);
  assert.equal(await gateway.metric('isthmus_dps_throttled_total'), 0);

  // Uplinks of those that are well do not wait for those that are not, and ask nothing.
  const asked = await registers(hub);
  await send(gateway, 'herd', well);
  await arrived(hub, well);
  assert.equal(await registers(hub), asked);
  await hub.control('DELETE', '/faults');
  await hub.control('DELETE', '/enrollments/individual/disabled');
  await hub.control('DELETE', '/enrollments/individual/wrong-key');
  const second = await provision(file, directory, [...sick, ...well]);
  assert.equal(second.summary.known, well.length);
  assert.equal(second.summary.assigned, sick.length);
  assert.equal(await registers(hub), asked + sick.length);
});

test('a network that is silent for a while, and a gateway that is killed: nobody registers twice needlessly', bounded, async (t) => {
  const hub = await startHub(t);
  const azure = provisionedBy(hub);
  const done = names('done', 10);
  const open = names('open', 10);
  const silent = names('silent', 10);
  const first = await startGateway(t, azure);

  await send(first, 'herd', done);
  await arrived(hub, done);
  for (const device of open) await hub.control('POST', '/faults', { kind: 'dps_slow', device, delayMs: 600000 });
  await send(first, 'herd', open);
  await eventually('all asked', async () => (await registers(hub)) === done.length + open.length);
  await first.kill();

  // Who was not assigned when the gateway was killed is asked about again, the others are not.
  await hub.control('DELETE', '/faults');
  for (const { registrationId } of (await hub.control('GET', '/registrations')).registrations)
    if (open.includes(registrationId)) await hub.control('DELETE', `/registrations/${registrationId}`);
  const second = await startGateway(t, azure, {}, first.directory);
  await send(second, 'herd', done);
  await arrived(hub, done, 2);
  await arrived(hub, open);
  assert.equal(await registers(hub), done.length + 2 * open.length);

  // Nothing comes back from the network while these are being assigned.
  const before = await registers(hub);
  for (const device of silent) await hub.control('POST', '/faults', { kind: 'dps_slow', device, delayMs: 1000 });
  await send(second, 'herd', silent);
  await eventually('all asked', async () => (await registers(hub)) === before + silent.length);
  const polls = () => second.metric('isthmus_dps_requests_total{kind="poll"}');
  const polled = await polls();
  hub.program.kill('SIGSTOP');
  try {
    await eventually('a request to poll', async () => (await polls()) > polled);
  } finally {
    hub.program.kill('SIGCONT');
  }
  await arrived(hub, silent);
  assert.equal(await registers(hub), before + silent.length);
});

test('a hub that refuses a device that was moved to it: the others move, and its events wait', bounded, async (t) => {
  const hub = await startHub(t, { args: ['--hubs', '2'] });
  const directory = await temporaryDirectory(t, 'gateway');
  const file = await writeConfiguration(directory, provisionedBy(hub));
  const gateway = await startGatewayOn(t, file, directory);
  const ids = names('cow', 5);
  const { id: second } = hub.info.hubs[1];

  for (const id of ids) await hub.control('PUT', `/enrollments/individual/${id}`, { hub: 'hub1', primaryKey: hub.deviceKey(id) });
  await send(gateway, 'herd', ids);
  await arrived(hub, ids);
  for (const id of ids) await hub.control('PUT', `/enrollments/individual/${id}`, { hub: second, primaryKey: hub.deviceKey(id) });
  await hub.control('POST', '/faults', { kind: 'token', hub: second, device: 'cow-0', status: 401 });
  const moved = await provision(file, directory, ids, ['--again']);
  assert.equal(moved.summary.moved, ids.length);
  await send(gateway, 'herd', ids);
  const others = ids.filter((id) => id !== 'cow-0');
  await arrived(hub, others, 2);
  for (const id of others) assert.equal((await hub.telemetryOf(id, 2))[1].hub, second);
  // The old hub may refuse them, too, since they are not there any more.
  const held = gateway.log.filter((entry) => entry.id === 'DEVICE_HELD' && /fault rule/.test(entry.reason));
  assert.deepEqual([...new Set(held.map((entry) => entry.device))], ['things-stack/herd/cow-0']);
  const view = JSON.parse((await run(['device', 'show', 'cow-0', '--json', '--config', file])).stdout);
  assert.equal(view.state, 'held');
  assert.match(view.heldBecause, /401/);
  assert.ok(view.nextTry > view.movedAt);
  assert.equal(view.waitingEvents, 1);
  assert.equal(await gateway.metric('isthmus_events_dead_lettered_total'), 0);
});
