// SPDX-License-Identifier: MIT
/*
 * What many connected devices cost: a gateway that starts with N known devices at one local hub.
 * Prints, for devices that take no commands, commands without direct methods, and both: the time
 * until all are connected, the gateway's memory per device, and its processor time at rest. Then, as
 * often, with tokens of one minute: whether one was renewed too late. See bench/README.md.
 *
 *   ISTHMUS_BENCH_POOL       numbers of devices ("10000")
 *   ISTHMUS_BENCH_REST       seconds at rest that are measured (20)
 *   ISTHMUS_BENCH_RENEWALS   seconds with tokens of one minute; 0: not measured (150)
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { provisionedBy, startGatewayOn, uplinkOf, writeConfiguration } from '../tests/system/support/gateway.mjs';
import { startHub } from '../tests/system/support/hub.mjs';
import { eventually, run as runCommand, temporaryDirectory } from '../tests/system/support/program.mjs';

const sizes = (process.env.ISTHMUS_BENCH_POOL ?? '10000').split(' ').map(Number);
const restSeconds = Number(process.env.ISTHMUS_BENCH_REST ?? 20);
const renewalSeconds = Number(process.env.ISTHMUS_BENCH_RENEWALS ?? 150);
const patienceMs = 900000;

const afterwards = [];
/** What the helpers of the tests want of a test. */
const run = { after: (step) => afterwards.unshift(step), passed: true };

/** Downlinks through an API that nobody asks: devices receive commands. */
const downlinks = {
  TheThingsIndustries: {
    WebhookBaseURL: 'http://127.0.0.1:9/api/v3/as/applications',
    Applications: { herd: { ApiKey: 'NNSXS.A.B', WebhookId: 'isthmus' } },
  },
};

const kinds = [
  ['no commands', {}, {}],
  ['commands, no direct methods', { DirectMethods: false }, downlinks],
  ['commands and direct methods', {}, downlinks],
];

async function memoryOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]);
}

/** Seconds of processor time so far. */
async function cpuOf(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function connected(gateway, count) {
  await eventually('all devices', async () => {
    gateway.program.assertRuns();
    return (await gateway.metric('isthmus_devices_connected')) >= count;
  }, patienceMs);
}

function cell(text, width) {
  return String(text).padStart(width);
}

async function measure(hub, directory, count, [name, azure, settings], base) {
  const file = await writeConfiguration(directory, provisionedBy(hub, { DevicesPerSecond: 0, ...azure }),
    { Limits: { Devices: 200000 }, ...settings });
  const start = Date.now();
  const gateway = await startGatewayOn(run, file, directory);
  const { pid } = gateway.program;
  const ready = Date.now();
  await connected(gateway, count);
  const seconds = (Date.now() - ready) / 1000;
  const cpuConnecting = await cpuOf(pid);
  await pause(5000);
  const [memory, cpu] = [await memoryOf(pid), await cpuOf(pid)];
  await pause(restSeconds * 1000);
  const rest = ((await cpuOf(pid)) - cpu) / restSeconds;
  console.log([cell(count, 8), cell(name, 28), cell(`${ready - start} ms`, 9), cell(`${seconds.toFixed(1)} s`, 9),
    cell(`${cpuConnecting.toFixed(1)} s`, 9), cell(`${(memory / 1024).toFixed(0)} MiB`, 9),
    cell(`${((memory - base) / count).toFixed(1)} KiB`, 10), cell(`${(rest * 100).toFixed(2)} %`, 9)].join(' '));
  await gateway.stop();
}

/** What the gateway needs without any device. */
async function emptyMemory(hub) {
  const directory = await temporaryDirectory(run, 'bench');
  const gateway = await startGatewayOn(run, await writeConfiguration(directory, provisionedBy(hub)), directory);
  const memory = await memoryOf(gateway.program.pid);
  await gateway.stop();
  return memory;
}

/** Tokens of one minute: the hub cuts who is late, so nobody may lose a connection. */
async function renewals(hub, directory, count) {
  const file = await writeConfiguration(directory, provisionedBy(hub, { TokenLifetimeMinutes: 1 }), { Limits: { Devices: 200000 } });
  const gateway = await startGatewayOn(run, file, directory);
  await connected(gateway, count);
  const tokens = await gateway.metric('isthmus_hub_tokens_total');
  const cpu = await cpuOf(gateway.program.pid);
  let least = count;
  for (let i = 0; i < renewalSeconds; i++) {
    await pause(1000);
    least = Math.min(least, await gateway.metric('isthmus_devices_connected'));
  }
  const renewed = (await gateway.metric('isthmus_hub_tokens_total')) - tokens;
  console.log(`\n${count} devices with tokens of one minute, for ${renewalSeconds} s: ${renewed} renewals, `
    + `${(renewed / renewalSeconds).toFixed(0)} a second, never fewer than ${least} devices connected, `
    + `${((await cpuOf(gateway.program.pid)) - cpu).toFixed(1)} s of processor time`);
  await gateway.uplink(uplinkOf('herd', 'cow-0'));
  await hub.telemetryOf('cow-0', 1);
  await gateway.stop();
}

try {
  const hub = await startHub(run);
  const base = await emptyMemory(hub);
  for (const count of sizes) {
    const directory = await temporaryDirectory(run, 'bench');
    const file = await writeConfiguration(directory, provisionedBy(hub), { Limits: { Devices: 200000 } });
    const devices = join(directory, 'devices');
    await writeFile(devices, Array.from({ length: count }, (_, i) => `cow-${i}\n`).join(''));
    const made = await runCommand(['provision', '--config', file, '--devices', devices, '--network', 'things-stack', '--application', 'herd'],
      { deadlineMs: patienceMs });
    if (made.status !== 0) throw new Error(made.output.slice(-2000));
    if (count === sizes[0])
      console.log(['devices', 'what they take', 'start', 'connected', 'CPU so far', 'memory', 'per device', 'CPU rest']
        .map((name, i) => cell(name, [8, 28, 9, 9, 9, 9, 10, 9][i])).join(' '));
    for (const kind of kinds) await measure(hub, directory, count, kind, base);
    if (renewalSeconds > 0) await renewals(hub, directory, count);
  }
} finally {
  for (const step of afterwards) await step();
}
