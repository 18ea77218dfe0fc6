// SPDX-License-Identifier: MIT
// Three gateways on one PostgreSQL, a small version of `make test-cluster`: one is killed, one frozen for
// longer than its lease, one stopped, under load.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LEASE_SECONDS, settle, SHARDS, startCluster } from './support/cluster.mjs';
import { uplinkOf } from './support/gateway.mjs';
import { Load } from './support/load.mjs';
import { lacksPostgres } from './support/postgres.mjs';
import { eventually, run } from './support/program.mjs';

const options = { timeout: 300000, skip: lacksPostgres };

async function statusOf(replica) {
  const { status, stdout, output } = await run(['cluster', 'status', '--json', '--config', replica.file]);
  assert.ok([0, 1].includes(status), output);
  return { status, ...JSON.parse(stdout) };
}

test('three gateways share a database: one is killed, one frozen, one stopped', options, async (t) => {
  const cluster = await startCluster(t);
  const [first, second, third] = cluster.replicas;
  const load = new Load({ devices: 90 });

  load.gateway = cluster;
  t.after(() => load.stop());
  await load.round();
  load.start(8);
  await load.goesOn(100);

  const before = await statusOf(first);
  assert.deepEqual([before.status, before.owned, before.shards, before.tasksHeld], [0, SHARDS, SHARDS, 2]);
  assert.deepEqual(before.members.map(({ name, state, spilled }) => [name, state, spilled]).sort(),
    cluster.replicas.map(({ name }) => [name, 'live', 0]));
  assert.equal(before.members.reduce((all, { shards }) => all + shards, 0), SHARDS);
  for (const { name, events, oldestEventSeconds } of before.members) {
    assert.ok(events >= 0 && oldestEventSeconds >= 0, name);
  }
  const shown = await run(['cluster', 'status', '--config', first.file]);
  assert.match(shown.stdout, /^member +state +shards +waiting +oldest +spilled /);
  assert.equal(await first.gateway.metric('isthmus_member{name="replica1"}'), 1);
  const own = JSON.parse((await run(['status', '--json', '--config', first.file])).stdout).member;
  assert.deepEqual([own.name, own.members, own.shards > 0, own.leaseMilliseconds > 0], ['replica1', 3, true, true]);
  assert.match((await run(['status', '--config', first.file])).stdout, /^member +replica1: one of 3, owns \d+ shards/m);

  await first.kill();
  second.freeze();
  await cluster.owned();
  await load.goesOn(200);
  second.thaw();
  await first.start();
  await cluster.owned();
  await load.goesOn(100);
  await third.stop();
  await cluster.owned();
  await load.goesOn(100);
  assert.deepEqual((await statusOf(first)).members.map(({ name }) => name).sort(), ['replica1', 'replica2']);
  t.diagnostic(`lease ${LEASE_SECONDS} s`);
  await settle(cluster, load, { mayBeStrange: 1 });
});

test('ids that differ in case only are one identity, whichever gateways have the devices', options, async (t) => {
  const cluster = await startCluster(t, { replicas: 2 });
  const named = async () => {
    for (let i = 0; ; i++) {
      const names = [`Probe-${i}`, `probe-${i}`];
      const owners = await Promise.all(names.map((name) => cluster.ownerOf(name)));
      if (owners[0] !== owners[1]) return { names, owners };
    }
  };
  const { names: [first, second], owners: [, other] } = await named();

  await cluster.uplink(uplinkOf('application1', first));
  await cluster.hub.telemetryOf(first);
  await cluster.uplink(uplinkOf('application1', second));
  await eventually('the clash', () => other.gateway.log.some(({ id, owner }) =>
    id === 'DEVICE_CLASH' && owner === `things-stack/application1/${first}`));
  await eventually('its event among the dead letters', async () => (await statusOf(other)).deadLetters === 1);
  await Promise.all(cluster.replicas.map((replica) => replica.stop()));
});
