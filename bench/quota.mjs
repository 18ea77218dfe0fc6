// SPDX-License-Identifier: MIT
/*
 * How a running gateway registers many devices at a provisioning service with a quota, once with a
 * sliding window and once with a bucket of tokens: how much longer than the quota demands, how many
 * requests are refused, and how long the first uplink of a new device takes in the middle of it. Both
 * at the same time, against two local hubs. See bench/README.md.
 *
 *   ISTHMUS_BENCH_QUOTA         registrations in the window (1000)
 *   ISTHMUS_BENCH_QUOTA_WINDOW  seconds (60)
 *   ISTHMUS_BENCH_QUOTA_DEVICES devices (5000)
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { provisionedBy, startGatewayOn, uplinkOf, writeConfiguration } from '../tests/system/support/gateway.mjs';
import { startHub } from '../tests/system/support/hub.mjs';
import { run as runCommand, temporaryDirectory } from '../tests/system/support/program.mjs';

const quota = Number(process.env.ISTHMUS_BENCH_QUOTA ?? 1000);
const window = Number(process.env.ISTHMUS_BENCH_QUOTA_WINDOW ?? 60);
const count = Number(process.env.ISTHMUS_BENCH_QUOTA_DEVICES ?? 5000);
const uplinks = 10;

const afterwards = [];
/** What the helpers of the tests want of a test. */
const run = { after: (step) => afterwards.unshift(step), passed: true };

/** Milliseconds until the first uplink of a new device is at the hub. */
async function firstUplink(hub, gateway, device) {
  const start = Date.now();
  await gateway.uplink(uplinkOf('herd', device));
  await hub.telemetryOf(device, 1, 60000);
  return Date.now() - start;
}

async function measure(name, args) {
  const hub = await startHub(run, { args: ['--dps-quota', `${quota}`, '--dps-quota-seconds', `${window}`, ...args] });
  const directory = await temporaryDirectory(run, 'bench');
  const file = await writeConfiguration(directory, provisionedBy(hub, { RegistrationWindowSeconds: window }));
  const gateway = await startGatewayOn(run, file, directory);
  const devices = join(directory, 'devices');
  await writeFile(devices, Array.from({ length: count }, (_, i) => `cow-${i}\n`).join(''));

  const start = Date.now();
  const done = runCommand(['provision', '--config', file, '--devices', devices, '--network', 'things-stack', '--application', 'herd'],
    { deadlineMs: 3600000 }).then((result) => ({ ...result, seconds: (Date.now() - start) / 1000 }));
  const demanded = window * (count + uplinks) / quota;
  const waits = [];
  await pause(demanded * 400);
  for (let i = 0; i < uplinks; i++) {
    waits.push(await firstUplink(hub, gateway, `calf-${i}`));
    await pause(demanded * 20);
  }
  const { status, seconds, output } = await done;
  if (status !== 0) throw new Error(output.slice(-2000));
  const { registers, throttled } = (await hub.control('GET', '/stats')).provisioning;
  await gateway.stop();
  const more = 100 * (seconds / demanded - 1);
  return `${name.padEnd(18)} ${seconds.toFixed(1)} s, ${Math.abs(more).toFixed(1)} % ${more < 0 ? 'less' : 'more'} than the `
    + `${demanded.toFixed(0)} s that the quota demands; ${throttled} of ${registers} requests refused (${(100 * throttled / registers).toFixed(2)} %); `
    + `first uplinks in the middle after ${waits.sort((a, b) => a - b).join(', ')} ms`;
}

try {
  console.log(`${count} devices, ${quota} registrations in ${window} s:`);
  for (const line of await Promise.all([
    measure('a sliding window', []),
    measure('a bucket of tokens', ['--dps-burst', `${quota}`]),
  ])) console.log(line);
} finally {
  for (const step of afterwards) await step();
}
