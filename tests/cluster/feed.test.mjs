// SPDX-License-Identifier: MIT
// What comes to the owners although something stands in the way: a device that is held, somebody's old
// snapshot, somebody's long transaction.
//
//   ISTHMUS_CLUSTER_DEVICES  devices (2000)
//   ISTHMUS_CLUSTER_SECONDS  how long somebody stands in the way (40)
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { settle, startCluster } from '../system/support/cluster.mjs';
import { Load } from '../system/support/load.mjs';
import { lacksPostgres } from '../system/support/postgres.mjs';
import { eventually } from '../system/support/program.mjs';

const devices = Number(process.env.ISTHMUS_CLUSTER_DEVICES ?? 2000);
const seconds = Number(process.env.ISTHMUS_CLUSTER_SECONDS ?? 40);
const options = { timeout: 900000, skip: lacksPostgres };
const HELD = 1000;

async function start(t) {
  const cluster = await startCluster(t);
  const load = new Load({ devices });
  load.gateway = cluster;
  t.after(() => load.stop());
  await load.round(32);
  return { cluster, load };
}

/** How many events all replicas have brought to the hub. */
async function accepted(cluster) {
  const counts = await Promise.all(cluster.taking.map(({ gateway }) => gateway.metric('isthmus_events_accepted_total')));
  return counts.reduce((sum, count) => sum + count, 0);
}

test('a device is held with many events, its owner is killed, and nobody else waits', options, async (t) => {
  const { cluster, load } = await start(t);
  const held = new Load({ devices: 1, prefix: 'held' });
  held.gateway = cluster;
  t.after(() => held.stop());
  await held.round();
  await cluster.drained();
  await cluster.hub.device('held-0', { status: 'disabled' });
  load.start(16);
  held.start(1);
  await held.goesOn(HELD);
  await held.stop();

  const replica = await cluster.ownerOf('held-0');
  await replica.kill();
  await cluster.owned();
  const before = await accepted(cluster);
  await load.goesOn(500);
  await eventually('what others have sent', async () => (await accepted(cluster)) >= before + 500);
  assert.ok(Number(await cluster.sql("SELECT count(*) FROM isthmus.events WHERE device LIKE '%/held-0'")) >= HELD);
  await cluster.hub.device('held-0', { status: 'enabled' });
  // A device that was refused is tried again slowly, but at once by a new run.
  await load.stop();
  for (const each of cluster.taking) await each.stop();
  await settle(cluster, load, { others: [held] });
});

const ways = [
  ['has an old snapshot', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM isthmus.settings'],
  ['has a transaction open that writes', 'BEGIN; INSERT INTO public.moves (shard, epoch) VALUES (-99, 0)'],
];

for (const [what, sql] of ways) {
  test(`somebody ${what}`, options, async (t) => {
    const { cluster, load } = await start(t);
    let isOver = false;
    const somebody = cluster.sql(`${sql}; SELECT pg_sleep(${seconds}); ROLLBACK`).finally(() => (isOver = true));

    load.start(16);
    // Again and again, what is put now is with the hub before that one ends.
    for (let rounds = 0; !isOver; rounds++) {
      const before = await accepted(cluster);
      await load.goesOn(100);
      await eventually('what was put meanwhile', async () => (await accepted(cluster)) >= before + 100);
      assert.ok(!isOver || rounds > 0, 'nothing came through while it was open');
    }
    await somebody;
    await settle(cluster, load);
  });
}
