// SPDX-License-Identifier: MIT
// A PostgreSQL server of a test's own, on a Unix socket, as another user than root.
import { execFileSync } from 'node:child_process';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { eventually, isthmus, Program, run, within } from './program.mjs';

const SQL_DEADLINE_MS = 120000;

/** The folder of the newest version's programs; undefined where PostgreSQL is not installed. */
async function programs() {
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  const newest = versions.map(Number).filter(Boolean).sort((a, b) => b - a)[0];
  return newest && `/usr/lib/postgresql/${newest}/bin`;
}

/** What a test is to be skipped for; false if PostgreSQL is there. */
export const lacksPostgres = (await programs()) ? false : 'PostgreSQL is not installed';

/** PostgreSQL refuses to be run by root. */
function owner() {
  if (process.getuid() !== 0) return {};
  const ask = (option) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
  return { uid: ask('-u'), gid: ask('-g') };
}

export class Postgres {
  #folder;
  #programs;
  #owner = owner();
  #server;

  constructor(folder, bin) {
    this.#folder = folder;
    this.#programs = bin;
  }

  #run(name, args, options = {}) {
    return run(args, { command: join(this.#programs, name), cwd: '/', ...options });
  }

  async #must(name, args, options) {
    const { status, stdout, output } = await this.#run(name, args, options);
    if (status !== 0) throw new Error(`${name}: ${output}`);
    return stdout;
  }

  /** Runs SQL as the superuser; resolves to what it gives, a line for each row. */
  sql(text, database = 'isthmus') {
    return this.#must('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', this.#folder, '-U', 'isthmus',
      '-d', database, '-c', text], { deadlineMs: SQL_DEADLINE_MS, kept: Infinity });
  }

  get pid() {
    return this.#server.pid;
  }

  /** The folder with its socket, as a setting names it. */
  get host() {
    return this.#folder;
  }

  async #own() {
    if (this.#owner.uid !== undefined) await chown(this.#folder, this.#owner.uid, this.#owner.gid);
  }

  /** Becomes a standby of another one, which it finds at `host`, and which waits for it from then on. */
  async follow(primary, host = primary.host) {
    await this.#own();
    await this.#must('pg_basebackup', ['-D', join(this.#folder, 'data'), '-h', host, '-U', 'isthmus', '-R',
      '-X', 'stream', '-c', 'fast', '--no-sync'], this.#owner);
    await this.start();
    await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await primary.sql('SELECT pg_reload_conf()');
    await eventually('a synchronous standby', async () => (
      await primary.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")) === '1\n');
  }

  /** The standby becomes the primary. It waits for nobody. */
  async promote() {
    await this.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    await this.sql('SELECT pg_promote()');
  }

  async create() {
    await this.#own();
    await this.#must('initdb', ['-D', join(this.#folder, 'data'), '-A', 'trust', '-U', 'isthmus', '-E', 'UTF8',
      '--locale=C', '--no-sync'], this.#owner);
    await this.start();
    await this.sql('CREATE DATABASE isthmus', 'postgres');
  }

  async start() {
    this.#server = new Program(['-D', join(this.#folder, 'data'), '-k', this.#folder, '-c', 'listen_addresses=',
      '-c', 'shared_buffers=16MB', '-c', 'restart_after_crash=off'],
    { command: join(this.#programs, 'postgres'), cwd: '/', ...this.#owner });
    await eventually('PostgreSQL', async () => {
      this.#server.assertRuns();
      return (await this.#run('psql', ['-Xq', '-h', this.#folder, '-U', 'isthmus', '-d', 'postgres', '-c',
        'SELECT 1'])).status === 0;
    }, 120000);
  }

  /** As a crash would: no checkpoint, and whoever is connected is dropped. */
  async kill() {
    this.#server.kill('SIGQUIT');
    await within('the end of PostgreSQL', this.#server.ended);
  }

  /** A gateway's section `Store`. */
  store(settings = {}) {
    return { Backend: 'postgresql', PostgreSql: { Hosts: [this.#folder], ...settings } };
  }
}

/** Starts one that ends with the test; with a `primary`, as its synchronous standby, which finds it at `host`. */
export async function startPostgres(test, primary = undefined, host = undefined) {
  // A socket's path must be short.
  const folder = await mkdtemp('/tmp/isthmus-pg-');
  const postgres = new Postgres(folder, await programs());
  test.after(async () => {
    await postgres.kill();
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });
  await (primary ? postgres.follow(primary, host) : postgres.create());
  return postgres;
}

/** Makes the tables of a configuration's store. */
export async function migrate(file, command = isthmus) {
  const { status, output } = await run(['store', 'migrate', '--config', file], { command });
  if (status !== 0) throw new Error(output);
}
