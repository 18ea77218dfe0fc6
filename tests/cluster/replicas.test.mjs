// SPDX-License-Identifier: MIT
// Three gateways on one PostgreSQL that are killed, frozen, replaced and given wrong clocks under load.
//
//   ISTHMUS_CLUSTER_DEVICES  devices (2000)
//   ISTHMUS_CLUSTER_SECONDS  how long each test goes on (40)
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clockOf } from '../system/support/clock.mjs';
import { LEASE_SECONDS, settle, startCluster, strikes } from '../system/support/cluster.mjs';
import { Load } from '../system/support/load.mjs';
import { lacksPostgres } from '../system/support/postgres.mjs';

const devices = Number(process.env.ISTHMUS_CLUSTER_DEVICES ?? 2000);
const seconds = Number(process.env.ISTHMUS_CLUSTER_SECONDS ?? 40);
const options = { timeout: 900000, skip: lacksPostgres };

const SIGKILL = 9;
const SIGSTOP = 19;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** One of them, by chance. */
const anyOf = (list) => list[Math.floor(Math.random() * list.length)];

async function start(t, settings = {}) {
  const cluster = await startCluster(t, settings);
  const load = new Load({ devices });
  load.gateway = cluster;
  t.after(() => load.stop());
  // Each device is known to a hub before anything happens.
  await load.round(32);
  load.start(16);
  return { cluster, load };
}

/** Does it again and again until the time is over. */
async function repeatedly(act) {
  const end = Date.now() + seconds * 1000;
  let count = 0;
  while (Date.now() < end) {
    await act(count);
    count += 1;
  }
  return count;
}

test('every 5 s a replica is killed', options, async (t) => {
  const { cluster, load } = await start(t);

  await repeatedly(async () => {
    const replica = anyOf(cluster.taking);
    await replica.kill();
    await pause(2000);
    await replica.start();
    await pause(3000);
  });
  await settle(cluster, load);
});

test('a replica is frozen for two leases, and wakes', options, async (t) => {
  const { cluster, load } = await start(t);

  const freezes = await repeatedly(async () => {
    const replica = anyOf(cluster.taking);
    replica.freeze();
    await pause(2 * LEASE_SECONDS * 1000);
    replica.thaw();
    await pause(3000);
  });
  await settle(cluster, load, { mayBeStrange: freezes });
});

test('a replica freezes between the look at its lease and a write', options, async (t) => {
  const { cluster, load } = await start(t, { environment: strikes(SIGSTOP, { ISTHMUS_KILL_LOCAL: '1' }) });

  const freezes = await repeatedly(async () => {
    const replica = anyOf(cluster.taking);
    await replica.strikeAt(1 + Math.floor(Math.random() * 30));
    await pause(2 * LEASE_SECONDS * 1000);
    replica.thaw();
    await pause(2000);
  });
  await settle(cluster, load, { mayBeStrange: Infinity, mayBeStrangeEach: freezes });
});

test('a replica is killed before any of its writes, to sockets, disk and database', options, async (t) => {
  const { cluster, load } = await start(t, { environment: strikes(SIGKILL, { ISTHMUS_KILL_LOCAL: '1' }) });

  await repeatedly(async () => {
    const replica = anyOf(cluster.taking);
    await replica.strikeAt(1 + Math.floor(Math.random() * 60));
    await pause(1000);
    await replica.start();
    await pause(3000);
  });
  await settle(cluster, load);
});

test('all replicas are replaced one by one, two come and two go', options, async (t) => {
  const { cluster, load } = await start(t);

  for (const replica of [...cluster.replicas]) {
    await replica.stop();
    await load.goesOn(200);
    await replica.start();
    await cluster.owned();
    await load.goesOn(200);
  }
  const more = [await cluster.add(), await cluster.add()];
  for (const replica of more) await replica.start();
  await cluster.owned();
  await load.goesOn(500);
  for (const replica of cluster.replicas.slice(0, 2)) await replica.stop();
  await load.goesOn(500);
  await settle(cluster, load);
});

test('the wall clocks of all replicas are set', options, async (t) => {
  const clocks = await Promise.all([0, 0, 0].map((ahead) => clockOf(t, ahead)));
  const { cluster, load } = await start(t, { each: (number) => clocks[number - 1].environment });

  await repeatedly(async (turn) => {
    for (const [i, clock] of clocks.entries()) await clock.set([7200, -7200, 0][(turn + i) % 3]);
    await pause(3000);
    if (turn % 2 === 1) {
      const replica = anyOf(cluster.taking);
      await replica.kill();
      await pause(2000);
      await replica.start();
    }
  });
  for (const clock of clocks) await clock.set(0);
  await settle(cluster, load);
});

test('the wall clock of one replica goes forth and back, and no device changes hands', options, async (t) => {
  const clock = await clockOf(t, 0);
  const { cluster, load } = await start(t, { each: (number) => (number === 1 ? clock.environment : {}) });

  const before = await cluster.moved();
  for (const ahead of [7200, -7200, 86400, 0]) {
    await clock.set(ahead);
    await pause(LEASE_SECONDS * 1000);
    await load.goesOn(200);
  }
  assert.equal(await cluster.moved(), before);
  await settle(cluster, load);
});
