// SPDX-License-Identifier: MIT
/*
 * How long many devices take to register at one local hub whose assignments take 3 to 7 s, evenly
 * spread, and that says Retry-After 3, as the service was measured. In one run, side by side:
 *
 *   one by one   each after the other, as the first connectors did
 *   by pages     25 at once, the next ones when all of them are there
 *   SDK          Microsoft's SDK for Node.js, over HTTPS, all at once
 *   isthmus      isthmus provision, without a running gateway
 *
 * One by one and by pages use the SDK, too. What would take longer than two minutes is reckoned from
 * the mean of a few measured ones and marked with '~'. See bench/README.md.
 *
 *   ISTHMUS_BENCH_PROVISION   numbers of devices ("1 6 100 1000 10000")
 *   ISTHMUS_BENCH_SDK_MOST    most devices that the SDK registers at once (2000)
 */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { provisionedBy, startGatewayOn, uplinkOf, writeConfiguration } from '../tests/system/support/gateway.mjs';
import { startHub } from '../tests/system/support/hub.mjs';
import { eventually, isthmus, temporaryDirectory } from '../tests/system/support/program.mjs';
import { provision } from '../tests/system/support/sdk.mjs';

const sizes = (process.env.ISTHMUS_BENCH_PROVISION ?? '1 6 100 1000 10000').split(' ').map(Number);
const sdkMost = Number(process.env.ISTHMUS_BENCH_SDK_MOST ?? 2000);
const page = 25;
const singles = 6;
const pages = 3;

const afterwards = [];
/** What the helpers of the tests want of a test. */
const run = { after: (step) => afterwards.unshift(step), passed: true };

let taken = 0;

/** Registers `count` new devices at once; resolves to { seconds, cpu, failed }. */
async function registerBySdk(hub, count) {
  const from = taken;
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  taken += count;
  const results = await Promise.allSettled(Array.from({ length: count }, (_, i) => {
    const registrationId = `sdk-${from + i}`;
    return provision(hub, { registrationId, key: hub.deviceKey(registrationId) });
  }));
  const used = process.cpuUsage(cpu);
  return {
    seconds: Number(process.hrtime.bigint() - start) / 1e9,
    cpu: (used.user + used.system) / 1e6,
    failed: results.filter(({ status }) => status === 'rejected').length,
  };
}

/** `rounds` times `count` devices at once, one round after the other; resolves to the mean. */
async function meanOf(hub, rounds, count) {
  let seconds = 0;
  for (let i = 0; i < rounds; i++) seconds += (await registerBySdk(hub, count)).seconds;
  return seconds / rounds;
}

/** Runs isthmus provision; resolves to { seconds, cpu, failed }. */
async function registerByIsthmus(hub, count) {
  const directory = await temporaryDirectory(run, 'bench');
  const file = await writeConfiguration(directory, provisionedBy(hub));
  const devices = join(directory, 'devices');
  const command = 'TIMEFORMAT="%U %S"; time "$0" "$@"';
  let output = '';
  let errors = '';

  await writeFile(devices, Array.from({ length: count }, (_, i) => `isthmus-${count}-${i}\n`).join(''));
  const start = process.hrtime.bigint();
  const child = spawn('bash', ['-c', command, isthmus, 'provision', '--config', file,
    '--devices', devices, '--network', 'things-stack', '--application', 'bench'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (text) => { output += text; });
  child.stderr.on('data', (text) => { errors += text; });
  await new Promise((resolve) => child.on('close', resolve));
  const [user, system] = errors.trim().split('\n').at(-1).split(' ').map(Number);
  const { summary } = JSON.parse(output.trim().split('\n').at(-1));
  return {
    seconds: Number(process.hrtime.bigint() - start) / 1e9,
    cpu: user + system,
    failed: count - summary.assigned,
    file,
    directory,
  };
}

/** A gateway that starts with these devices known: what it asks, and when the first uplink is there. */
async function measureRestart(hub, { file, directory }, count) {
  const { registers } = (await hub.control('GET', '/stats')).provisioning;
  const start = Date.now();
  const gateway = await startGatewayOn(run, file, directory);
  const ready = Date.now();
  const device = `isthmus-${count}-${count - 1}`;
  await gateway.uplink(uplinkOf('bench', device));
  await hub.telemetryOf(device, 1, 60000);
  const accepted = Date.now();
  await eventually('all devices', async () =>
    (await gateway.metric('isthmus_devices_connected')) >= count, 120000);
  const asked = (await hub.control('GET', '/stats')).provisioning.registers - registers;
  console.log(`\na gateway that starts with ${count} known devices: ${asked} requests to register, ready after `
    + `${ready - start} ms, the first uplink at the hub ${accepted - ready} ms later, all connected `
    + `${((Date.now() - ready) / 1000).toFixed(1)} s later`);
  await gateway.stop();
}

function cell(text, width) {
  return String(text).padStart(width);
}

function time(seconds, reckoned = false) {
  return `${reckoned ? '~' : ''}${seconds.toFixed(1)} s`;
}

async function measure(hub, count, single, onePage) {
  const sdk = count <= sdkMost ? await registerBySdk(hub, count) : undefined;
  const ours = await registerByIsthmus(hub, count);
  console.log([
    cell(count, 8), cell(time(single * count, true), 12),
    cell(count <= page ? '-' : time(onePage * Math.ceil(count / page), true), 12),
    cell(sdk ? time(sdk.seconds) : '-', 10), cell(time(ours.seconds), 10),
    cell(sdk ? `${(sdk.cpu * 1e3 / count).toFixed(2)} ms` : '-', 12),
    cell(`${(ours.cpu * 1e3 / count).toFixed(2)} ms`, 12), cell(sdk ? sdk.failed : '-', 7),
    cell(ours.failed, 7),
  ].join(' '));
  return ours;
}

try {
  const hub = await startHub(run, { args: ['--dps-delay', '3000-7000'] });
  const single = await meanOf(hub, singles, 1);
  const onePage = await meanOf(hub, pages, page);
  console.log(['devices', 'one by one', 'by pages', 'SDK', 'isthmus', 'SDK CPU', 'isthmus CPU', 'failed', 'failed']
    .map((name, i) => cell(name, [8, 12, 12, 10, 10, 12, 12, 7, 7][i])).join(' '));
  let last;
  for (const count of sizes) last = await measure(hub, count, single, onePage);
  console.log(`\nreckoned (~) from ${singles} single registrations of ${single.toFixed(1)} s and ${pages} `
    + `pages of ${page} in ${onePage.toFixed(1)} s in the mean; CPU is per registration`);
  await measureRestart(hub, last, sizes.at(-1));
} finally {
  for (const step of afterwards) await step();
}
