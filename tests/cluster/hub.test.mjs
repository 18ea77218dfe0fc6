// SPDX-License-Identifier: MIT
// Three gateways on one PostgreSQL, one of which loses its way to the hub: the others act for its devices.
//
//   ISTHMUS_CLUSTER_DEVICES  devices (2000)
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { LEASE_SECONDS, settle, startCluster } from '../system/support/cluster.mjs';
import { Load } from '../system/support/load.mjs';
import { lacksPostgres } from '../system/support/postgres.mjs';
import { eventually, isthmus } from '../system/support/program.mjs';
import { startProxy } from '../system/support/proxy.mjs';

const devices = Number(process.env.ISTHMUS_CLUSTER_DEVICES ?? 2000);
const options = { timeout: 900000, skip: lacksPostgres };
const ABSENCE_SECONDS = 5;
// A hub that says nothing is given up after a minute and a half.
const ABSENT_DEADLINE_MS = 240000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves to a cluster under load, and a proxy between its first replica and the hub. */
async function start(t, settings = {}) {
  let proxy;
  let port;
  const cluster = await startCluster(t, {
    store: { HubAbsenceSeconds: ABSENCE_SECONDS },
    more: async (hub) => {
      port = hub.info.hubs[0].amqpPort;
      proxy = await startProxy(t, port);
      return {};
    },
    each: (number) => (number === 1
      ? { LD_PRELOAD: join(dirname(isthmus), 'tests', 'redirect.so'), ISTHMUS_REDIRECT: `none ${proxy.port} ${port}` }
      : {}),
    ...settings,
  });
  const load = new Load({ devices });
  load.gateway = cluster;
  t.after(() => load.stop());
  await load.round(32);
  await cluster.drained();
  load.start(16);
  await load.goesOn(300);
  return { cluster, load, proxy };
}

const cuts = [
  ['has all its connections to the hub reset', (proxy) => proxy.cut()],
  ['is cut off from the hub, which hears nothing and says nothing', (proxy) => proxy.hold()],
];

for (const [what, cut] of cuts) {
  test(`a replica ${what}`, options, async (t) => {
    const { cluster, load, proxy } = await start(t);
    const [replica, ...others] = cluster.replicas;

    cut(proxy);
    cluster.ends(replica.pid);
    await cluster.owned(others, ABSENT_DEADLINE_MS);
    await load.goesOn(300);
    // It takes webhooks all the time, and what it takes is sent.
    await load.stop();
    await eventually('an empty store', async () => (await cluster.sql('SELECT count(*) FROM isthmus.events')) === '0\n',
      120000);
    load.start(16);
    // What it had sent on connections that it has given up does not come any more.
    proxy.cut();
    proxy.pass();
    await cluster.owned();
    await load.goesOn(300);
    await settle(cluster, load);
    assert.equal(load.unavailable, 0);
    assert.equal(load.failed, 0);
  });
}

test('a replica is cut off from hub and database, and has the hub back first', options, async (t) => {
  const { cluster, load, proxy } = await start(t, { proxied: true });
  const [replica, ...others] = cluster.replicas;

  load.isLoose = true;
  proxy.cut();
  // What comes now waits in it.
  await load.goesOn(300);
  for (const way of replica.proxies) way.hold();
  cluster.ends(replica.pid);
  await cluster.owned(others);
  proxy.pass();
  // Time enough for who believed to own its devices to connect them.
  await pause(2 * LEASE_SECONDS * 1000);
  await load.goesOn(300);
  for (const way of replica.proxies) way.pass();
  await cluster.owned();
  await cluster.unspilled();
  load.isLoose = false;
  await load.goesOn(300);
  await settle(cluster, load);
});
