// SPDX-License-Identifier: MIT
// Three gateways on a PostgreSQL primary with a synchronous standby, which fail under load, and are cut off
// from each other and from the gateways.
//
//   ISTHMUS_CLUSTER_DEVICES  devices (2000)
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LEASE_SECONDS, settle, startCluster } from '../system/support/cluster.mjs';
import { Load } from '../system/support/load.mjs';
import { lacksPostgres } from '../system/support/postgres.mjs';
import { eventually } from '../system/support/program.mjs';

const devices = Number(process.env.ISTHMUS_CLUSTER_DEVICES ?? 2000);
const options = { timeout: 900000, skip: lacksPostgres };
const beyondLeaseMs = 2 * LEASE_SECONDS * 1000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function start(t, settings) {
  const cluster = await startCluster(t, settings);
  const load = new Load({ devices });
  load.gateway = cluster;
  t.after(() => load.stop());
  await load.round(32);
  load.start(16);
  await load.goesOn(300);
  return { cluster, load };
}

/** The standby becomes the primary, and is asked from now on. */
async function promote(cluster) {
  await cluster.standby.promote();
  cluster.postgres = cluster.standby;
}

/** The standby becomes the primary; resolves when all is owned anew. */
async function failOver(cluster) {
  await promote(cluster);
  const since = Date.now();
  await eventually('somebody who sees it', async () =>
    (await cluster.sql("SELECT count(*) FROM isthmus.members WHERE name = 'failover'")) === '1\n', 120000);
  await cluster.owned();
  cluster.test.diagnostic(`all shards have owners ${Date.now() - since} ms after the failover (lease ${LEASE_SECONDS} s)`);
}

/** The outage is over for everybody. */
async function ends(cluster, load) {
  await cluster.unspilled();
  load.isLoose = false;
}

test('the primary is killed together with a replica, and its standby promoted', options, async (t) => {
  const { cluster, load } = await start(t, { standby: true });
  const [first, second] = cluster.replicas;

  load.isLoose = true;
  await Promise.all([first.kill(), cluster.postgres.kill()]);
  await load.goesOn(200);
  await failOver(cluster);
  await ends(cluster, load);
  await load.goesOn(500);
  await second.kill();
  await cluster.owned();
  await load.goesOn(500);
  await settle(cluster, load);
  assert.equal(load.unavailable, 0);
});

test('the primary is killed while the shards of a dead replica find new owners', options, async (t) => {
  const { cluster, load } = await start(t, { standby: true });
  const [first] = cluster.replicas;
  const { pid } = first;

  await first.kill();
  // From now on its shards are free.
  await eventually('the end of its membership', async () =>
    (await cluster.sql(`SELECT count(*) FROM isthmus.members WHERE pid = ${pid} AND state = 'gone'`)) === '1\n');
  load.isLoose = true;
  await cluster.postgres.kill();
  await load.goesOn(100);
  await failOver(cluster);
  await ends(cluster, load);
  await load.goesOn(500);
  await settle(cluster, load);
});

test('the standby is away, and commits wait for it', options, async (t) => {
  const { cluster, load } = await start(t, { standby: true });

  load.isLoose = true;
  await cluster.standby.kill();
  await load.goesOn(300);
  await pause(beyondLeaseMs);
  await load.goesOn(300);
  await cluster.standby.start();
  await cluster.owned();
  await ends(cluster, load);
  await load.goesOn(500);
  await settle(cluster, load);
  assert.equal(load.unavailable, 0);
});

test('the primary is cut off from its standby, which is promoted when it dies', options, async (t) => {
  const { cluster, load } = await start(t, { standby: true, apart: true });

  load.isLoose = true;
  cluster.between.hold();
  await load.goesOn(300);
  await pause(beyondLeaseMs);
  // What was acknowledged meanwhile is on the disks of replicas, and not in the primary alone.
  await load.goesOn(300);
  await cluster.postgres.kill();
  await load.goesOn(100);
  cluster.between.pass();
  await failOver(cluster);
  await ends(cluster, load);
  await load.goesOn(500);
  await settle(cluster, load);
  assert.equal(load.unavailable, 0);
});

test('a replica is killed during a failover, and another one while it moves its spill', options, async (t) => {
  const { cluster, load } = await start(t, { standby: true });
  const [first, second] = cluster.replicas;

  load.isLoose = true;
  await cluster.postgres.kill();
  await load.goesOn(300);
  await first.kill();
  await load.goesOn(300);
  await promote(cluster);
  await second.gateway.logged('STORE_BACK');
  await second.kill();
  await first.start();
  await second.start();
  await cluster.owned();
  await ends(cluster, load);
  await load.goesOn(500);
  await settle(cluster, load);
});

const cuts = [
  ['is cut off from the database, which hears nothing and says nothing', (proxy) => proxy.hold()],
  ['hears the database no more', (proxy) => proxy.hold('back')],
  ['is heard by the database no more', (proxy) => proxy.hold('there')],
  ['is three seconds away from the database', (proxy) => proxy.delay(3000)],
  ['has all its connections to the database reset', (proxy) => proxy.cut()],
];

for (const [what, cut] of cuts) {
  test(`a replica ${what}`, options, async (t) => {
    const { cluster, load } = await start(t, { proxied: true });
    const [replica] = cluster.replicas;

    load.isLoose = true;
    for (const proxy of replica.proxies) cut(proxy);
    cluster.ends(replica.pid);
    await load.goesOn(300);
    await pause(beyondLeaseMs);
    await load.goesOn(300);
    for (const proxy of replica.proxies) proxy.pass();
    await cluster.owned();
    await ends(cluster, load);
    await load.goesOn(300);
    await settle(cluster, load);
    assert.equal(load.unavailable, 0);
  });
}
