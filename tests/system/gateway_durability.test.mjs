// SPDX-License-Identifier: MIT
// A webhook that was answered 202 reaches the hub, in its device's order, whatever happens.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { hubToRestart, startHub } from './support/hub.mjs';
import { drained, Load } from './support/load.mjs';
import { eventually, run, temporaryDirectory } from './support/program.mjs';

const KILLS = Number(process.env.ISTHMUS_KILLS ?? 50);
const padding = 3000;

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Posts until the store is full; resolves to the answer that said so. */
async function fill(load, most) {
  for (let i = 0; i < most; i++) {
    const answer = await load.post(load.devices[i % load.devices.length]);
    assert.ok(answer, 'no answer');
    if (answer.status === 503) return answer;
  }
  throw new Error(`${most} webhooks did not fill the store`);
}

/** A full store refuses with 503, drains when the hub is back, and takes webhooks again. */
/** `ready`: the status of /readyz once a webhook has been refused. */
async function fillDrainRecover(t, restartable, gateway, { most, ready }) {
  const load = new Load({ devices: 10, padding });
  load.gateway = gateway;

  const refusal = await fill(load, most);
  assert.ok(Number(refusal.headers['retry-after']) > 0, 'no Retry-After');
  const filled = load.acknowledged;
  assert.ok(filled > 50, `only ${filled} webhooks were taken`);
  assert.equal((await gateway.get('/readyz')).status, ready);

  await restartable.start();
  await drained(gateway, 45000);
  await eventually('a webhook that is taken again', async () =>
    (await load.post(load.devices[0])).status === 202);
  await load.round();
  await drained(gateway);
  const result = load.check(await restartable.recorded());
  t.diagnostic(`filled by ${filled}; ${JSON.stringify(result)}`);
  await gateway.stop();
}

test(`the gateway is killed ${KILLS} times under load: nothing lost, order kept`, { timeout: 120000 }, async (t) => {
  const hub = await startHub(t);
  const load = new Load({ devices: 20 });
  const directory = await temporaryDirectory(t, 'killed');

  t.after(() => load.stop());
  load.start(16, 5);
  for (let i = 0; i < KILLS; i++) {
    const gateway = await startGateway(t, provisionedBy(hub), {}, directory);
    load.gateway = gateway;
    await sleep(Math.random() * 600);
    await gateway.kill();
    load.gateway = undefined;
  }
  await load.stop();
  const last = await startGateway(t, provisionedBy(hub), {}, directory);
  await drained(last, 60000);
  const result = load.check(await hub.telemetry());
  t.diagnostic(`${KILLS} kills, ${load.failed} webhooks without an answer; ${JSON.stringify(result)}`);
  assert.ok(result.acknowledged > KILLS * 10, 'there was no load');
  assert.equal(await last.metric('isthmus_store_dead_letters'), 0);
});

test('the hub is restarted under load: nothing lost, order kept', { timeout: 90000 }, async (t) => {
  const restartable = await hubToRestart(t);
  let hub = await restartable.start();
  const gateway = await startGateway(t, provisionedBy(hub));
  const load = new Load({ devices: 20 });

  load.gateway = gateway;
  t.after(() => load.stop());
  load.start(8, 10);
  await load.goesOn();
  for (let i = 0; i < 3; i++) {
    await hub.program.stop();
    await load.goesOn();
    hub = await restartable.start();
    await load.goesOn();
  }
  await load.stop();
  await drained(gateway);
  const result = load.check(await restartable.recorded());
  t.diagnostic(JSON.stringify(result));
  assert.equal(load.unavailable, 0);
});

test('two gateways on one store: the second names the path and the holder, and ends', async (t) => {
  const hub = await startHub(t);
  const first = await startGateway(t, provisionedBy(hub));
  const file = join(first.directory, 'isthmus.json');

  const second = await run(['gateway', '--config', file]);
  assert.equal(second.status, 1);
  assert.ok(second.output.includes(join(first.directory, 'data')), second.output);
  assert.match(second.output, new RegExp(`\\b${first.program.pid}\\b`));
  assert.equal((await first.uplink(uplinkOf('application1', 'unharmed'))).status, 202);
  await hub.telemetryOf('unharmed');
});

test('a full disk: 503, then all that was acknowledged arrives, and webhooks are taken again', { timeout: 120000 }, async (t) => {
  const restartable = await hubToRestart(t);
  const hub = await restartable.start();
  const directory = await temporaryDirectory(t, 'disk');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'isthmus-test', directory], { stdio: 'pipe' });
  } catch (error) {
    t.skip(`a small file system can't be mounted here: ${String(error.stderr ?? error).trim()}`);
    return;
  }
  try {
    const gateway = await startGateway(t, provisionedBy(hub), {}, directory);
    await hub.program.stop();
    await fillDrainRecover(t, restartable, gateway, { most: 20000, ready: 503 });
  } finally {
    execFileSync('umount', ['--lazy', directory]);
  }
});

test('a store with a maximum size: 503 to who holds most, then it drains and takes webhooks again', { timeout: 90000 }, async (t) => {
  const restartable = await hubToRestart(t);
  const hub = await restartable.start();
  const gateway = await startGateway(t, provisionedBy(hub), { Store: { MaximumBytes: 2097152 } });

  await hub.program.stop();
  await fillDrainRecover(t, restartable, gateway, { most: 5000, ready: 200 });
});

test('10,000 devices on one gateway, and SIGTERM ends it', { timeout: 120000 }, async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub));
  const load = new Load({ devices: 10000 });

  load.gateway = gateway;
  for (let round = 0; round < 2; round++) {
    await load.round(32);
    await drained(gateway, 90000);
  }
  assert.equal(await gateway.metric('isthmus_devices'), 10000);
  const result = load.check(await hub.telemetry());
  assert.equal(result.arrived, 20000);
  const before = Date.now();
  await gateway.stop();
  t.diagnostic(`${JSON.stringify(result)}; ended ${Date.now() - before} ms after SIGTERM`);
});
