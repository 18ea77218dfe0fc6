// SPDX-License-Identifier: MIT
// A local hub for a test, and its control API.
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { endWithTest, eventually, Program, temporaryDirectory } from './program.mjs';
import { trust } from './trust.mjs';

/** The answer of a control API that is not 2xx. */
export class ControlError extends Error {
  constructor(status, answer) {
    super(`${status}: ${JSON.stringify(answer)}`);
    this.status = status;
    this.code = answer?.error?.code;
  }
}

export class Hub {
  constructor(program, directory, info) {
    this.program = program;
    this.directory = directory;
    /** What hub.json says. */
    this.info = info;
  }

  /** Calls the control API; resolves to the JSON of its answer. */
  async control(method, path, body) {
    const answer = await fetch(this.info.control + path, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    const json = text ? JSON.parse(text) : undefined;
    if (!answer.ok) throw new ControlError(answer.status, json);
    return json;
  }

  /** Registers a device; resolves to it, with its connection string. */
  async device(id, settings = {}, hub = 'hub1') {
    return this.control('PUT', `/devices/${encodeURIComponent(id)}?hub=${hub}`, settings);
  }

  /** A device's connection string as `transport` needs it: every protocol has a port of its own. */
  async stringOf(id, transport, settings = {}, hub = 'hub1') {
    const { connectionString } = await this.device(id, settings, hub);
    const { hostName, mqttPort } = this.info.hubs.find((one) => one.id === hub);
    const ports = { mqtt: mqttPort };
    return transport in ports
      ? connectionString.replace(hostName, hostName.replace(/:\d+$/, `:${ports[transport]}`))
      : connectionString;
  }

  /** All telemetry kept, oldest first; `query` without the question mark. */
  async telemetry(query = '') {
    const answer = await fetch(`${this.info.control}/telemetry?${query}`);
    const text = await answer.text();
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  /** Resolves when a device's telemetry has at least `count` messages. */
  async telemetryOf(deviceId, count = 1, deadlineMs = undefined) {
    return eventually(`${count} messages of ${deviceId}`, async () => {
      this.program.assertRuns();
      const messages = await this.telemetry(`device=${encodeURIComponent(deviceId)}`);
      return messages.length >= count && messages;
    }, deadlineMs);
  }

  /** Resolves to a message to a device when it is in this state. */
  async messageState(id, messageId, state) {
    return eventually(`${messageId} ${state}`, async () => {
      const found = await this.control('GET', `/devices/${id}/messages/${messageId}`);
      return found.state === state && found;
    });
  }

  /** The key of a device of the enrollment group. */
  deviceKey(registrationId, groupKey = this.info.dps.groupEnrollmentKey) {
    return createHmac('sha256', Buffer.from(groupKey, 'base64'))
      .update(registrationId)
      .digest('base64');
  }
}

/**
 * Starts a hub that ends with the test. `args` are further options of `isthmus hub`, `environment`
 * further variables, `program` further options of Program. Unless it is to be as it is by default, it
 * provisions without a delay (`quick`).
 */
export async function startHub(test, { args = [], directory, environment = {}, program: more = {},
  quick = true } = {}) {
  const data = directory ?? (await temporaryDirectory(test, 'hub'));
  const program = new Program(['hub', '--data', data, '--quiet', '--amqp-port', '0',
    '--mqtt-port', '0', '--dps-port', '0', '--control-port', '0', ...(quick ? ['--dps-delay', '0'] : []), ...args],
    { env: { ...process.env, ...environment }, ...more });
  endWithTest(test, program);
  const info = await eventually('hub.json', async () => {
    program.assertRuns();
    try {
      const found = JSON.parse(await readFile(join(data, 'hub.json'), 'utf8'));
      return found.pid === program.pid && found;
    } catch (error) {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    }
  });
  trust(await readFile(info.certificate, 'utf8'));
  return new Hub(program, data, info);
}

/** Ports that were free a moment ago. */
export async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => {
    server.close(resolve);
  })));
  return ports;
}

/** A hub that can be started again where it was: same data, same ports, same record. */
export async function hubToRestart(t) {
  const directory = await temporaryDirectory(t, 'hub');
  const record = join(directory, 'record.jsonl');
  const [amqp, dps, control] = await freePorts(3);
  const args = ['--record', record, '--amqp-port', String(amqp), '--mqtt-port', '0', '--dps-port', String(dps),
    '--control-port', String(control)];
  let hub;
  return {
    start: async () => {
      hub = await startHub(t, { args, directory });
      return hub;
    },
    /** What all of them recorded; ends the running one, whose last lines may still be on their way. */
    recorded: async () => {
      await hub.program.stop();
      return (await readFile(record, 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line));
    },
  };
}
