// SPDX-License-Identifier: MIT
// Three gateways on one PostgreSQL, under load, are replaced one by one by a program that is newer, and whose
// tables are; the older ones go on beside it, and one of them comes back.
//
//   ISTHMUS_NEWER            the newer program (tools/build-newer)
//   ISTHMUS_OLDER            the program that is replaced (the one under test)
//   ISTHMUS_CLUSTER_DEVICES  devices (2000)
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { settle, startCluster } from '../system/support/cluster.mjs';
import { Load } from '../system/support/load.mjs';
import { lacksPostgres, migrate } from '../system/support/postgres.mjs';
import { isthmus, run } from '../system/support/program.mjs';

const newer = process.env.ISTHMUS_NEWER;
const older = process.env.ISTHMUS_OLDER ?? isthmus;
const devices = Number(process.env.ISTHMUS_CLUSTER_DEVICES ?? 2000);
const options = { timeout: 900000, skip: lacksPostgres || (newer ? false : 'ISTHMUS_NEWER names no program') };

async function versionOf(command) {
  const { stdout } = await run(['--version'], { command });
  return /\d+\.\d+\.\d+/.exec(stdout)[0];
}

test('a newer program with newer tables takes over, machine by machine', options, async (t) => {
  const [before, after] = await Promise.all([versionOf(older), versionOf(newer)]);
  const cluster = await startCluster(t, { command: older });
  const load = new Load({ devices });
  const programs = async () =>
    (await cluster.sql("SELECT DISTINCT program FROM isthmus.members WHERE state <> 'gone' ORDER BY 1")).trim().split('\n');
  const tables = async () => Number(await cluster.sql("SELECT value FROM isthmus.settings WHERE name = 'version'"));
  const replace = async (replica, command) => {
    await replica.stop();
    await load.goesOn(200);
    replica.command = command;
    await replica.start();
    await cluster.owned();
    await load.goesOn(200);
  };
  const [first, second, third] = cluster.replicas;

  load.gateway = cluster;
  t.after(() => load.stop());
  await load.round(32);
  load.start(16);
  await load.goesOn(300);
  assert.notEqual(before, after);
  assert.deepEqual(await programs(), [before]);
  const old = await tables();

  // The new tables, while only old programs are at work; one of them is killed, and starts on these.
  await migrate(first.file, newer);
  assert.ok((await tables()) > old);
  await load.goesOn(300);
  await third.kill();
  await cluster.owned();
  await third.start();
  await cluster.owned();

  await replace(first, newer);
  assert.deepEqual(await programs(), [before, after].sort());
  await replace(second, newer);
  // What the newer ones have, an older one takes over, and back.
  await second.kill();
  await cluster.owned();
  await load.goesOn(300);
  await second.start();
  await cluster.owned();
  await replace(first, older);
  await replace(first, newer);
  await replace(third, newer);
  assert.deepEqual(await programs(), [after]);
  await settle(cluster, load);
  assert.equal(load.unavailable, 0);
});
