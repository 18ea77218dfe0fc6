// SPDX-License-Identifier: MIT
/*
 * What several gateways on one PostgreSQL do, beside one with SQLite in the same run. Prints uplinks a second
 * from webhook to acceptance by a local hub, the processor time of the gateways and of the database for
 * each, how long acceptance and answer take, how late the owner hears of an event, and how much the database
 * writes into its log for it; how much room one takes that waits; then how long the devices of a killed and of a
 * stopped replica wait. See bench/README.md.
 *
 *   ISTHMUS_BENCH_COUNT     uplinks per row (20000)
 *   ISTHMUS_BENCH_DEVICES   devices (1000)
 *   ISTHMUS_BENCH_REPLICAS  numbers of replicas ("1 2 4")
 *   ISTHMUS_BENCH_KILLS     how often a replica is killed, and stopped (3)
 */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { LEASE_SECONDS, startCluster } from '../tests/system/support/cluster.mjs';
import { provisionedBy, startGateway, webhookKey } from '../tests/system/support/gateway.mjs';
import { startHub } from '../tests/system/support/hub.mjs';
import { Load } from '../tests/system/support/load.mjs';
import { lacksPostgres } from '../tests/system/support/postgres.mjs';
import { eventually, isthmus } from '../tests/system/support/program.mjs';

const count = Number(process.env.ISTHMUS_BENCH_COUNT ?? 20000);
const devices = Number(process.env.ISTHMUS_BENCH_DEVICES ?? 1000);
const sizes = (process.env.ISTHMUS_BENCH_REPLICAS ?? '1 2 4').split(' ').map(Number);
const kills = Number(process.env.ISTHMUS_BENCH_KILLS ?? 3);
const inFlight = 64;
const patienceMs = 600000;
const body = join(dirname(import.meta.dirname), 'samples', 'things-stack', 'herd-gps.json');

/** Runs with what the helpers of the tests want of a test; ends what it has started. */
async function asTest(act) {
  const afterwards = [];
  try {
    return await act({ after: (step) => afterwards.unshift(step), diagnostic: () => {}, passed: true });
  } finally {
    for (const step of afterwards) await step();
  }
}

async function fieldsOf(pid) {
  return (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ').map(Number);
}

/** Seconds of processor time of a process, and of those it started if there are any. */
async function cpuOf(pid) {
  const own = await fieldsOf(pid);
  let ticks = own[11] + own[12] + own[13] + own[14];
  for (const other of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const fields = await fieldsOf(other).catch(() => undefined);
    if (fields && fields[1] === pid) ticks += fields[11] + fields[12];
  }
  return ticks / 100;
}

const sum = (list) => list.reduce((all, one) => all + one, 0);
const each = async (list, ask) => sum(await Promise.all(list.map(ask)));

/** The counts of a histogram's buckets over all gateways, by their upper bounds. */
async function histogram(gateways, name) {
  const buckets = new Map();
  for (const gateway of gateways) {
    const text = await (await gateway.get('/metrics')).text();
    for (const [, bound, value] of text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)`, 'gm'))) {
      buckets.set(bound, (buckets.get(bound) ?? 0) + Number(value));
    }
  }
  return buckets;
}

/** Of what was added between two histograms, in milliseconds, within its bucket linearly. */
function quantile(part, before, after) {
  const added = [...after].map(([bound, value]) => [Number(bound.replace('+Inf', 'Infinity')), value - (before.get(bound) ?? 0)]);
  const want = part * (added.at(-1)?.[1] ?? 0);
  let low = 0;
  let under = 0;
  for (const [bound, value] of added) {
    if (value >= want && value > 0) {
      return Number.isFinite(bound) ? (1000 * (low + ((want - under) / (value - under || 1)) * (bound - low))).toFixed(1) : `>${low * 1000}`;
    }
    [low, under] = [bound, value];
  }
  return '-';
}

/** Posts uplinks to a gateway; resolves to what bench_load prints. */
function post(gateway, uplinks, connections) {
  const child = spawn(join(dirname(isthmus), 'bench', 'bench_load'), ['--port', gateway.port, '--body', body, '--key', webhookKey,
    '--connections', connections, '--devices', devices, '--count', uplinks], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece) => (text += piece));
  return new Promise((resolve, reject) => {
    child.on('close', (status) => (status === 0 ? resolve(JSON.parse(text)) : reject(new Error(`bench_load: ${status}`))));
  });
}

const widths = [34, 10, 14, 14, 9, 9, 11, 9, 9, 10];
const row = (cells) => console.log(cells.map((cell, i) => String(cell).padStart(widths[i])).join(' '));

/** One row: `gateways` share the uplinks, `databases` are servers, of which the first one takes writes. */
async function measure(name, gateways, databases) {
  const logged = async () => (databases.length > 0 ? Number(await databases[0].sql("SELECT pg_current_wal_insert_lsn() - '0/0'")) : NaN);
  const accepted = () => each(gateways, (gateway) => gateway.metric('isthmus_events_accepted_total'));
  const share = Math.floor(count / gateways.length);
  const reach = async (goal) => eventually('all uplinks', async () => (await accepted()) >= goal, patienceMs);

  await post(gateways[0], devices, 16);
  await reach(devices);
  const base = await accepted();
  const before = await histogram(gateways, 'isthmus_webhook_to_accepted_seconds');
  const lagBefore = await histogram(gateways, 'isthmus_feed_delay_seconds');
  const cpu = () => each(gateways, ({ program }) => cpuOf(program.pid));
  const cpuBefore = [await cpu(), await each(databases, ({ pid }) => cpuOf(pid))];
  const loggedBefore = await logged();
  const start = Date.now();
  const posted = await Promise.all(gateways.map((gateway) => post(gateway, share, Math.floor(inFlight / gateways.length))));
  await reach(base + share * gateways.length);
  const ms = Date.now() - start;
  const us = async (now, then) => ((now - then) * 1e6 / (share * gateways.length)).toFixed(0);
  const bytes = ((await logged()) - loggedBefore) / (share * gateways.length);
  const after = await histogram(gateways, 'isthmus_webhook_to_accepted_seconds');
  const lag = await histogram(gateways, 'isthmus_feed_delay_seconds');
  row([name, Math.round(share * gateways.length * 1000 / ms), await us(await cpu(), cpuBefore[0]),
    databases.length > 0 ? await us(await each(databases, ({ pid }) => cpuOf(pid)), cpuBefore[1]) : '-',
    quantile(0.5, before, after), quantile(0.99, before, after), Math.max(...posted.map(({ p99_ms: p99 }) => p99)),
    quantile(0.5, lagBefore, lag), quantile(0.99, lagBefore, lag), databases.length > 0 ? bytes.toFixed(0) : '-']);
}

async function sqlite() {
  await asTest(async (t) => {
    const hub = await startHub(t);
    await measure('SQLite, one gateway', [await startGateway(t, provisionedBy(hub))], []);
  });
}

async function replicas(number, standby) {
  await asTest(async (t) => {
    const cluster = await startCluster(t, { replicas: number, standby });
    const databases = [cluster.postgres, cluster.standby].filter(Boolean);
    await measure(`PostgreSQL${standby ? ' and standby' : ''}, ${number} of them`,
      cluster.replicas.map(({ gateway }) => gateway), databases);
  });
}

/** How much room an event takes in the database that waits, with its part of the indexes. */
async function room() {
  await asTest(async (t) => {
    const cluster = await startCluster(t, { replicas: 1 });
    await cluster.hub.program.stop();
    const size = async () => Number(await cluster.sql("SELECT pg_total_relation_size('isthmus.events')"));
    const before = await size();
    await post(cluster.replicas[0].gateway, count, inFlight);
    console.log(`\nan event that waits takes ${(((await size()) - before) / count).toFixed(0)} bytes in the database`);
  });
}

const at = (sorted, part) => (sorted.length > 0 ? Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]) : '-');

/** How long the devices of a replica wait that ends by `act`, again and again. */
async function endings(what, act) {
  await asTest(async (t) => {
    const cluster = await startCluster(t, { replicas: 3 });
    const load = new Load({ devices });
    load.gateway = cluster;
    t.after(() => load.stop());
    await load.round(32);
    load.start(16);
    for (let i = 0; i < kills; i++) {
      await load.goesOn(500);
      await act(cluster.replicas[i % 3]);
      await cluster.owned();
      await pause(2000);
      await cluster.replicas[i % 3].start();
      await cluster.owned();
    }
    await load.stop();
    await cluster.drained();
    const messages = await cluster.recorded();
    const { doubles } = load.check(messages);
    const found = (await cluster.takeovers(messages)).filter(({ shards }) => shards > 0);
    const owned = found.map((one) => one.owned).sort((a, b) => a - b);
    const sent = found.flatMap((one) => one.sent).sort((a, b) => a - b);
    console.log(`${what}: all its shards owned after ${at(owned, 0.5)} ms (median), ${at(owned, 1)} ms (longest); a device's first `
      + `acceptance after ${at(sent, 0.5)} (p50), ${at(sent, 0.99)} (p99), ${at(sent, 1)} ms (last); doubles: ${doubles}`);
  });
}

if (lacksPostgres) {
  console.log(`bench: not measured; ${lacksPostgres}`);
} else {
  console.log(`${count} uplinks of ${devices} devices a row, ${inFlight} in flight; ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}\n`);
  row(['', 'uplinks/s', 'gateways us', 'database us', 'p50 ms', 'p99 ms', 'answer p99', 'feed p50', 'feed p99', 'log bytes']);
  await sqlite();
  for (const standby of [false, true]) {
    for (const number of sizes) await replicas(number, standby);
  }
  await room();
  console.log(`\nthree replicas, lease ${LEASE_SECONDS} s, ${kills} times`);
  await endings('killed', (replica) => replica.kill());
  await endings('stopped', (replica) => replica.stop());
  console.log(`load at the end ${loadavg()[0].toFixed(1)}`);
}
