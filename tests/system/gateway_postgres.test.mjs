// SPDX-License-Identifier: MIT
// A gateway whose store is a PostgreSQL database.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { provisionedBy, startGatewayOn, uplinkOf, writeConfiguration } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { drained, Load } from './support/load.mjs';
import { lacksPostgres, migrate, startPostgres } from './support/postgres.mjs';
import { eventually, run, temporaryDirectory } from './support/program.mjs';

const options = { timeout: 240000, skip: lacksPostgres };

/** A configuration for a hub and a database, whose tables are made. */
async function configure(t, hub, postgres, settings = {}) {
  const directory = await temporaryDirectory(t, 'postgres');
  const file = await writeConfiguration(directory, provisionedBy(hub), { Store: postgres.store(), ...settings });
  await migrate(file);
  return { directory, file };
}

test('a gateway keeps its events in PostgreSQL, killed and started again', options, async (t) => {
  const hub = await startHub(t);
  const postgres = await startPostgres(t);
  const { directory, file } = await configure(t, hub, postgres);
  const load = new Load({ devices: 12 });

  load.gateway = await startGatewayOn(t, file, directory);
  await load.gateway.logged('STORE_ONE_COPY');
  load.start(8);
  for (let i = 0; i < 3; i++) {
    await load.goesOn(60);
    const killed = load.gateway;
    load.gateway = undefined;
    await killed.kill();
    load.gateway = await startGatewayOn(t, file, directory);
  }
  await load.goesOn(60);
  await load.stop();
  await drained(load.gateway);
  t.diagnostic(JSON.stringify(load.check(await hub.telemetry())));
  assert.equal(await postgres.sql('SELECT count(*) FROM isthmus.events'), '0\n');
});

test('without a spill webhooks are answered 503 while the database is away', options, async (t) => {
  const hub = await startHub(t);
  const postgres = await startPostgres(t);
  const { directory, file } = await configure(t, hub, postgres, { Store: postgres.store({ Spill: false }) });
  const load = new Load({ devices: 12 });
  const gateway = await startGatewayOn(t, file, directory);

  load.gateway = gateway;
  load.start(8);
  for (let i = 0; i < 2; i++) {
    await load.goesOn(60);
    const refused = load.unavailable;
    await postgres.kill();
    await eventually('503', () => load.unavailable > refused + 5);
    assert.equal((await gateway.get('/readyz')).status, 503);
    await postgres.start();
    await load.goesOn(60);
  }
  await load.stop();
  await gateway.logged('STORE_AWAY');
  await gateway.logged('STORE_BACK');
  await drained(gateway);
  t.diagnostic(JSON.stringify(load.check(await hub.telemetry())));
  assert.equal((await gateway.get('/readyz')).status, 200);
});

test('while the database is away webhooks are taken, and sent in order when it is back', options, async (t) => {
  const hub = await startHub(t);
  const postgres = await startPostgres(t);
  const { directory, file } = await configure(t, hub, postgres);
  const load = new Load({ devices: 12 });

  load.gateway = await startGatewayOn(t, file, directory);
  load.start(8);
  for (let i = 0; i < 2; i++) {
    await load.goesOn(60);
    await postgres.kill();
    await load.goesOn(60);
    const answer = await load.gateway.get('/readyz');
    assert.deepEqual([answer.status, await answer.text()], [200, 'spilling\n']);
    if (i === 1) {
      // What it holds outlives the gateway.
      const killed = load.gateway;
      load.gateway = undefined;
      await killed.kill();
      await postgres.start();
      load.gateway = await startGatewayOn(t, file, directory);
    } else {
      await postgres.start();
    }
    await load.goesOn(60);
    await load.gateway.logged('SPILL_EMPTY');
  }
  await load.stop();
  await drained(load.gateway);
  assert.equal(await load.gateway.metric('isthmus_store_spilled_events'), 0);
  assert.equal(load.unavailable, 0);
  t.diagnostic(JSON.stringify(load.check(await hub.telemetry())));
});

test('a database without tables has no gateway, and one with a gateway is not copied into', options, async (t) => {
  const hub = await startHub(t);
  const postgres = await startPostgres(t);
  const other = await temporaryDirectory(t, 'second');
  const second = await writeConfiguration(other, provisionedBy(hub), { Store: postgres.store() });

  const early = await run(['gateway', '--config', second]);
  assert.equal(early.status, 1);
  assert.match(early.output, /isthmus store migrate/);

  const { directory, file } = await configure(t, hub, postgres);
  const before = await temporaryDirectory(t, 'sqlite');
  const old = await writeConfiguration(before, provisionedBy(hub));
  const load = new Load({ devices: 1 });

  load.gateway = await startGatewayOn(t, old, before);
  await load.gateway.stop();
  const gateway = await startGatewayOn(t, file, directory);
  const copied = await run(['store', 'copy', '--from', old, '--to', second]);
  assert.notEqual(copied.status, 0);
  assert.match(copied.output, new RegExp(`in use by isthmus on .*, process ${gateway.program.pid}`));
});

test('what waits in SQLite is copied into PostgreSQL, and sent from there', options, async (t) => {
  const away = await startHub(t);
  const before = await temporaryDirectory(t, 'sqlite');
  const old = await writeConfiguration(before, provisionedBy(away));
  const load = new Load({ devices: 5 });

  load.gateway = await startGatewayOn(t, old, before);
  await load.round();
  await drained(load.gateway);
  const sent = await away.telemetry();
  await away.program.stop();
  for (let i = 0; i < 4; i++) await load.round();
  await load.gateway.stop();

  const hub = await startHub(t);
  const postgres = await startPostgres(t);
  const { directory, file } = await configure(t, hub, postgres);
  // Its shards have had owners, who are gone.
  const owner = await startGatewayOn(t, file, directory);
  await eventually('all shards', async () => (await owner.metric('isthmus_shards_owned')) === 256);
  await owner.stop();
  const copied = await run(['store', 'copy', '--from', old, '--to', file]);
  assert.equal(copied.status, 0, copied.output);
  assert.match(copied.stdout, /^20 waiting events, 0 dead letters and \d+ records were copied; 0 of /);
  assert.equal(await postgres.sql("SELECT count(*) FROM isthmus.records WHERE kind = 'assignment' AND shard >= 0"), '5\n');
  load.gateway = await startGatewayOn(t, file, directory);
  await drained(load.gateway);
  t.diagnostic(JSON.stringify(load.check([...sent, ...await hub.telemetry()])));
});

test('isthmus provision without a gateway needs the database for itself', options, async (t) => {
  const hub = await startHub(t);
  const postgres = await startPostgres(t);
  const { directory, file } = await configure(t, hub, postgres);
  const other = await writeConfiguration(await temporaryDirectory(t, 'second'), provisionedBy(hub), { Store: postgres.store() });
  const devices = join(directory, 'devices');
  const provision = (config) => run(['provision', '--json', '--config', config, '--devices', devices,
    '--network', 'things-stack', '--application', 'herd']);

  await writeFile(devices, 'cow-1\ncow-2\n');
  const alone = await provision(file);
  assert.equal(alone.status, 0, alone.output);
  assert.match(alone.stdout, /"assigned":2,/);
  const gateway = await startGatewayOn(t, file, directory);
  const refused = await provision(other);
  assert.equal(refused.status, 1);
  assert.match(refused.output, new RegExp(`in use by isthmus on .*, process ${gateway.program.pid}`));
  assert.match((await provision(file)).stdout, /"known":2,/);
});

test('letters and devices of a store in PostgreSQL are looked at and changed', options, async (t) => {
  const hub = await startHub(t);
  const postgres = await startPostgres(t);
  const codec = await temporaryDirectory(t, 'codec');
  const { directory, file } = await configure(t, hub, postgres, {
    PayloadFormatters: { Directory: codec, UplinkFormatterDefault: 'codec' },
  });
  await writeFile(join(codec, 'codec.js'), 'function decodeUplink() { throw new Error("no"); }');
  const gateway = await startGatewayOn(t, file, directory);
  const dead = async () => (await run(['queue', 'dead', '--config', file])).stdout.split('\n').slice(1).filter(Boolean);

  assert.equal((await gateway.uplink(uplinkOf('application1', 'one', { decoded_payload: undefined }))).status, 202);
  await eventually('a dead letter', async () => (await dead()).length === 1);
  assert.match((await run(['device', 'list', '--config', file])).stdout, /things-stack\/application1\/one/);
  await gateway.stop();
  assert.equal((await dead()).length, 1);
  assert.equal((await run(['queue', 'drop', '--all', '--config', file])).status, 0);
  assert.equal((await dead()).length, 0);
  assert.match((await run(['store', 'backup', join(codec, 'copy'), '--config', file])).output, /own tools/);
});
