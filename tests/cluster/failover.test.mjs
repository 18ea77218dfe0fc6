// SPDX-License-Identifier: MIT
// A gateway on a PostgreSQL primary with a synchronous standby, either of which fails under load.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { provisionedBy, startGatewayOn, writeConfiguration } from '../system/support/gateway.mjs';
import { startHub } from '../system/support/hub.mjs';
import { drained, Load } from '../system/support/load.mjs';
import { lacksPostgres, migrate, startPostgres } from '../system/support/postgres.mjs';
import { temporaryDirectory } from '../system/support/program.mjs';

const options = { timeout: 600000, skip: lacksPostgres };

async function startPair(t) {
  const hub = await startHub(t);
  const primary = await startPostgres(t);
  const directory = await temporaryDirectory(t, 'pair');
  const standby = await startPostgres(t, primary);
  const file = await writeConfiguration(directory, provisionedBy(hub), {
    Store: primary.store({ Hosts: [primary.host, standby.host] }),
  });
  await migrate(file);
  const load = new Load({ devices: 60 });
  load.gateway = await startGatewayOn(t, file, directory);
  return { hub, primary, standby, load, file, directory };
}

test('the primary is killed and its standby promoted: nothing acknowledged is missing', options, async (t) => {
  const { hub, primary, standby, load } = await startPair(t);

  assert.equal(load.gateway.log.some((entry) => entry.id === 'STORE_ONE_COPY'), false);
  load.start(16);
  await load.goesOn(500);
  await primary.kill();
  await load.goesOn(200);
  await standby.promote();
  await load.gateway.logged('SPILL_EMPTY');
  await load.goesOn(500);
  await load.stop();
  await drained(load.gateway);
  assert.equal(load.unavailable, 0);
  t.diagnostic(JSON.stringify(load.check(await hub.telemetry())));
});

test('the gateway dies together with the primary: what it had acknowledged is sent', options, async (t) => {
  const { hub, primary, standby, load, file, directory } = await startPair(t);
  const dead = load.gateway;

  load.start(16);
  await load.goesOn(500);
  load.gateway = undefined;
  await Promise.all([dead.kill(), primary.kill()]);
  await load.stop();
  await standby.promote();
  load.gateway = await startGatewayOn(t, file, directory);
  await drained(load.gateway);
  t.diagnostic(JSON.stringify(load.check(await hub.telemetry())));
});

test('the standby is gone, and commits wait for it: webhooks are taken, and nothing is lost', options, async (t) => {
  const { hub, standby, load } = await startPair(t);

  load.start(16);
  await load.goesOn(500);
  await standby.kill();
  await load.gateway.logged('SPILL_BEGUN');
  await load.goesOn(200);
  await standby.start();
  await load.gateway.logged('SPILL_EMPTY');
  await load.goesOn(200);
  await load.stop();
  await drained(load.gateway);
  assert.equal(load.unavailable, 0);
  t.diagnostic(JSON.stringify(load.check(await hub.telemetry())));
});
