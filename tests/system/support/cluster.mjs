// SPDX-License-Identifier: MIT
// Several gateways on one PostgreSQL behind a round robin, one local hub, and a strict account of what
// the hub accepted from whom.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { provisionedBy, startGatewayOn, writeConfiguration } from './gateway.mjs';
import { freePorts, startHub } from './hub.mjs';
import { migrate, startPostgres } from './postgres.mjs';
import { eventually, isthmus, temporaryDirectory } from './program.mjs';
import { startProxy } from './proxy.mjs';

const PATIENCE_MS = 5000;
const OWNED_DEADLINE_MS = 120000;
const DRAINED_DEADLINE_MS = 180000;

export const SHARDS = 256;
export const LEASE_SECONDS = 3;

/** The shard of a device of The Things Stack. */
export function shardOf(device, application = 'application1') {
  return createHash('sha256').update(`things-stack/${application}/${device}`).digest().readUInt16BE(0) % SHARDS;
}

/** Changes of owners are written down by the database itself. */
const account = `
  CREATE TABLE public.moves (at timestamptz NOT NULL DEFAULT clock_timestamp(), shard int NOT NULL, pid int,
    epoch bigint NOT NULL);
  CREATE FUNCTION public.moved() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.owner IS DISTINCT FROM OLD.owner THEN
        INSERT INTO public.moves (shard, pid, epoch)
          SELECT NEW.shard, (SELECT pid FROM isthmus.members WHERE member = NEW.owner), NEW.epoch;
      END IF;
      RETURN NULL;
    END $$;
  CREATE TRIGGER moved AFTER UPDATE ON isthmus.shards FOR EACH ROW EXECUTE FUNCTION public.moved()`;

/** The letter of a process in /proc: T is stopped. */
async function stateOf(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return stat.split(') ')[1][0];
}

export class Replica {
  /** The gateway that runs; undefined: none. */
  gateway;
  /** The balancer sends nothing here. */
  isOut = true;
  /** Which program it runs. */
  command = isthmus;

  constructor(cluster, number, directory, file) {
    Object.assign(this, { cluster, number, directory, file });
    this.trigger = join(directory, 'trigger');
  }

  get name() {
    return `replica${this.number}`;
  }

  get pid() {
    return this.gateway.program.pid;
  }

  async start(environment = {}) {
    this.gateway = await startGatewayOn(this.cluster.test, this.file, this.directory, {
      ...this.cluster.environment(this.number), ...environment, ISTHMUS_KILL_TRIGGER: this.trigger,
    }, undefined, this.command);
    this.gateway.patienceMs = PATIENCE_MS;
    this.isOut = false;
  }

  async kill() {
    const { gateway } = this;
    this.isOut = true;
    this.gateway = undefined;
    this.cluster.ends(gateway.program.pid);
    await gateway.kill();
  }

  async stop() {
    const { gateway } = this;
    this.isOut = true;
    this.gateway = undefined;
    this.cluster.ends(gateway.program.pid);
    await gateway.stop();
  }

  /** Stops it where it is. */
  freeze() {
    this.isOut = true;
    this.gateway.program.kill('SIGSTOP');
    this.cluster.ends(this.pid);
  }

  /** Lets it be stopped or killed before its N-th write to a socket or file from now; resolves when it is. */
  async strikeAt(write) {
    const { program } = this.gateway;
    // It must not be there before its number is in it.
    await writeFile(`${this.trigger}.new`, String(write));
    await rename(`${this.trigger}.new`, this.trigger);
    await eventually(`${this.name} stands still`, async () => program.end || (await stateOf(program.pid)) === 'T');
    this.isOut = true;
    this.cluster.ends(program.pid);
    if (program.end) this.gateway = undefined;
    await rm(this.trigger, { force: true });
  }

  thaw() {
    this.gateway.program.kill('SIGCONT');
    this.isOut = false;
  }
}

export class Cluster {
  replicas = [];
  /** Who was ended, frozen or cut off, and when. */
  #ends = [];
  /** Of all replicas, besides where the store and the hub are. */
  settings = {};
  /** Variables of a replica, by its number. */
  environment = () => ({});
  #turn = 0;

  constructor(test, hub, postgres, record) {
    Object.assign(this, { test, hub, postgres, record });
  }

  /** From now on a process can't act for its shards. */
  ends(pid) {
    this.#ends.push({ pid, at: Date.now() });
  }

  /** The database that takes writes. */
  sql(text) {
    return this.postgres.sql(text);
  }

  /** Adds a replica that does not run yet. With `proxied`, its database is behind a proxy of its own. */
  async add({ proxied = false, store = {} } = {}) {
    const directory = await temporaryDirectory(this.test, 'replica');
    const number = this.replicas.length + 1;
    const hosts = this.hosts ?? [this.postgres.host];
    const replica = new Replica(this, number, directory, undefined);
    if (proxied) replica.proxies = await Promise.all(hosts.map((host) => this.proxy(host)));
    // The others and `isthmus cluster status` know it by its address.
    const [port] = await freePorts(1);
    replica.file = await writeConfiguration(directory, provisionedBy(this.hub), {
      Listen: `127.0.0.1:${port}`,
      Store: this.postgres.store({
        Hosts: replica.proxies?.map(({ host }) => host) ?? hosts, LeaseSeconds: LEASE_SECONDS,
        RebalanceShardsPerSecond: 64, MemberName: replica.name, ...store,
      }),
      ...this.settings,
    });
    this.replicas.push(replica);
    return replica;
  }

  /** In front of a server of PostgreSQL; `host` is its own. */
  async proxy(host) {
    const folder = await mkdtemp('/tmp/isthmus-px-');
    // A standby is run by another user.
    await chmod(folder, 0o755);
    this.test.after(() => rm(folder, { recursive: true, force: true }));
    const proxy = await startProxy(this.test, join(host, '.s.PGSQL.5432'), join(folder, '.s.PGSQL.5432'));
    proxy.host = folder;
    return proxy;
  }

  /** Makes the tables, and the account of owners. */
  async migrate(command) {
    await migrate(this.replicas[0].file, command);
    await this.sql(account);
  }

  /** The replica that acts for a device. */
  async ownerOf(device) {
    const pid = Number(await this.sql(`SELECT pid FROM isthmus.shards JOIN isthmus.members ON member = owner
      WHERE shard = ${shardOf(device)}`));
    return this.taking.find((replica) => replica.pid === pid);
  }

  /** Replicas that webhooks are sent to. */
  get taking() {
    return this.replicas.filter(({ isOut }) => !isOut);
  }

  /** As a gateway, for a Load: each webhook goes to the next one. */
  async uplink(body, headers) {
    const { taking } = this;
    if (taking.length === 0) throw new Error('no replica');
    this.#turn = (this.#turn + 1) % taking.length;
    return taking[this.#turn].gateway.uplink(body, headers);
  }

  /** Resolves when each shard is owned by one of these, or of the replicas that are not out, and each has some. */
  async owned(replicas = undefined, deadlineMs = OWNED_DEADLINE_MS) {
    const pids = () => (replicas ?? this.taking).map(({ pid }) => pid);
    await eventually('an owner for each shard', async () => {
      const wanted = pids();
      const rows = (await this.sql(`SELECT pid, count(*) FROM isthmus.shards JOIN isthmus.members
        ON member = owner AND state <> 'gone' WHERE shard >= 0 GROUP BY pid`)).split('\n').filter(Boolean)
        .map((row) => row.split('|').map(Number));
      const found = new Map(rows);
      const count = wanted.reduce((sum, pid) => sum + (found.get(pid) ?? 0), 0);
      return count === SHARDS && wanted.every((pid) => found.has(pid));
    }, deadlineMs);
  }

  async #spills() {
    for (const { gateway } of this.taking) {
      gateway.program.assertRuns();
      if ((await gateway.metric('isthmus_store_spilled_events')) !== 0) return true;
      if ((await (await gateway.get('/readyz')).text()).includes('spilling')) return true;
    }
    return false;
  }

  /** Resolves when every replica that takes webhooks puts them into the database. */
  async unspilled() {
    await eventually('the end of spills', async () => !(await this.#spills()), OWNED_DEADLINE_MS);
  }

  /** Resolves when nothing waits any more, in the database and in spills. */
  async drained() {
    await eventually('an empty store', async () => {
      if (await this.#spills()) return false;
      return (await this.sql('SELECT count(*) FROM isthmus.events')) === '0\n';
    }, DRAINED_DEADLINE_MS);
  }

  /** How often a shard has had another owner than before. */
  async moved() {
    return Number(await this.sql('SELECT count(*) FROM public.moves WHERE shard >= 0 AND pid IS NOT NULL'));
  }

  /** What the hub accepted, oldest first. Ends the hub. */
  async recorded() {
    await this.hub.program.stop();
    return (await readFile(this.record, 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  /** Process ids by the hub's connections. */
  #connections() {
    const pids = new Map();
    for (const [, id, pid] of this.hub.program.tail.matchAll(
      /"id":"HUB_AMQP_CONNECTED".*"connection":"([^"]+)","container":"isthmus-(\d+)-/g)) {
      pids.set(id, Number(pid));
    }
    return pids;
  }

  /** When which process became the owner of a shard, oldest first. */
  async #moves() {
    const moves = Array.from({ length: SHARDS }, () => []);
    const rows = await this.sql(`SELECT extract(epoch FROM at) * 1000, shard, pid FROM public.moves
      WHERE shard >= 0 ORDER BY shard, epoch`);
    for (const row of rows.split('\n').filter(Boolean)) {
      const [at, shard, pid] = row.split('|');
      moves[Number(shard)].push({ at: Number(at), pid: pid === '' ? undefined : Number(pid) });
    }
    return moves;
  }

  /**
   * What the hub accepted from another process than the owner at that moment, and how often such a one took
   * a device's link away from the owner.
   */
  async strangers(messages) {
    const connections = this.#connections();
    const moves = await this.#moves();
    const ownerAt = (device, at) => moves[shardOf(device)].findLast((move) => move.at <= at)?.pid;
    const isStrange = (device, connection, at) => {
      const owner = ownerAt(device, at);
      return owner !== undefined && owner !== connections.get(connection);
    };
    const accepted = messages.filter(({ deviceId, connection, enqueuedTimeUtc }) =>
      isStrange(deviceId, connection, Date.parse(enqueuedTimeUtc)));
    const links = [...this.hub.program.tail.matchAll(/^.*"id":"HUB_DEVICE_TAKEN_OVER".*$/gm)]
      .map(([line]) => JSON.parse(line))
      .filter(({ device, newer, time }) => isStrange(device, newer, Date.parse(time)));
    return { accepted, links };
  }

  /** For each end: milliseconds until the last of its shards had another owner, and until the first messages. */
  async takeovers(messages) {
    const moves = await this.#moves();
    return this.#ends.map(({ pid, at }) => {
      const orphans = moves.flatMap((list, shard) => {
        const before = list.findLast((move) => move.at <= at);
        const after = list.find((move) => move.at > at && move.pid !== undefined && move.pid !== pid);
        return before?.pid === pid && after ? [{ shard, claimed: after.at }] : [];
      });
      const claimed = orphans.map((orphan) => orphan.claimed - at);
      const first = new Map();
      const byShard = new Map(orphans.map((orphan) => [orphan.shard, orphan.claimed]));
      for (const { deviceId, enqueuedTimeUtc } of messages) {
        const when = Date.parse(enqueuedTimeUtc);
        const since = byShard.get(shardOf(deviceId));
        if (since !== undefined && when >= since && !first.has(deviceId)) first.set(deviceId, when - at);
      }
      return { shards: orphans.length, owned: Math.max(0, ...claimed), sent: [...first.values()].sort((a, b) => a - b) };
    });
  }
}

function quantile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

/** In words: how long takeovers took. */
export function tellTakeovers(takeovers) {
  const real = takeovers.filter(({ shards }) => shards > 0);
  if (real.length === 0) return 'no takeover';
  const owned = real.map((one) => one.owned).sort((a, b) => a - b);
  const sent = real.flatMap((one) => one.sent).sort((a, b) => a - b);
  const ms = (value) => (value === undefined ? '-' : `${Math.round(value)} ms`);
  return `${real.length} takeovers: all shards owned after ${ms(owned[0])} to ${ms(owned.at(-1))} (lease ${LEASE_SECONDS} s); `
    + `a device's first message after ${ms(quantile(sent, 0.5))} (p50), ${ms(quantile(sent, 0.99))} (p99), ${ms(sent.at(-1))} (last)`;
}

/**
 * Starts a hub with a record, PostgreSQL (with `standby`, two of them) and `replicas` gateways; all shards
 * have owners when it resolves.  `each` gives the variables of a replica by its number, `more` further settings
 * for the hub, `command` is the program that replicas run. The standby of one that is `apart` speaks to its primary
 * by a proxy, `between`.
 */
export async function startCluster(test, { replicas = 3, standby = false, proxied = false, store = {},
  environment = {}, each = () => environment, hubArgs = [], more = () => ({}), apart = false,
  command = isthmus } = {}) {
  const folder = await temporaryDirectory(test, 'record');
  const record = join(folder, 'record.jsonl');
  const hub = await startHub(test, {
    args: ['--record', record, '--log', 'debug', ...hubArgs], program: { kept: Infinity },
  });
  const postgres = await startPostgres(test);
  const cluster = new Cluster(test, hub, postgres, record);
  cluster.environment = each;
  if (standby) {
    if (apart) cluster.between = await cluster.proxy(postgres.host);
    cluster.standby = await startPostgres(test, postgres, cluster.between?.host);
    cluster.hosts = [postgres.host, cluster.standby.host];
  }
  cluster.settings = await more(hub);
  for (let i = 0; i < replicas; i++) await cluster.add({ proxied, store });
  for (const replica of cluster.replicas) replica.command = command;
  await cluster.migrate(command);
  await Promise.all(cluster.replicas.map((replica) => replica.start()));
  await cluster.owned();
  return cluster;
}

/** The environment in which a replica can be stopped or killed before a write of its own. */
export function strikes(signal, others = {}) {
  return { LD_PRELOAD: join(dirname(isthmus), 'tests', 'kill_at.so'), ISTHMUS_KILL_SIGNAL: String(signal), ...others };
}

/** How often the device that is there most often is there. */
function mostOf(list) {
  const counts = new Map();
  for (const { deviceId, device = deviceId } of list) counts.set(device, (counts.get(device) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

/**
 * The end of a test: all replicas run, everything drains, and what the hub has is what was acknowledged,
 * per device in order, sent by owners only. What an owner had handed to the system when it was frozen
 * arrives when it wakes, and no lease can hinder that: of all devices together it may be `mayBeStrange`, of
 * each device `mayBeStrangeEach`.
 */
export async function settle(cluster, load, { mayBeStrange = 0, mayBeStrangeEach = mayBeStrange, others = [] } = {}) {
  await Promise.all([load, ...others].map((one) => one.stop()));
  for (const replica of cluster.replicas) {
    if (!replica.gateway) await replica.start();
  }
  await cluster.owned();
  await cluster.drained();
  const messages = await cluster.recorded();
  const { accepted, links } = await cluster.strangers(messages);
  const takeovers = await cluster.takeovers(messages);
  await Promise.all(cluster.replicas.map((replica) => replica.stop()));
  const result = load.check(messages);
  for (const other of others) other.check(messages);
  cluster.test.diagnostic(JSON.stringify({ ...result, failed: load.failed, fromOldOwners: accepted.length,
    linksTakenByOldOwners: links.length }));
  cluster.test.diagnostic(tellTakeovers(takeovers));
  for (const [what, list] of [['sent', accepted], ['taken links', links]]) {
    const words = `an old owner has ${what}: ${JSON.stringify(list.slice(0, 3))}`;
    assert.ok(list.length <= mayBeStrange, words);
    assert.ok(mostOf(list) <= mayBeStrangeEach, words);
  }
  return result;
}
