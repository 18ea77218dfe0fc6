// SPDX-License-Identifier: MIT
// A gateway for a test, with a configuration of its own, and webhooks to post to it.
import { mkdir, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';

import { endWithTest, eventually, isthmus, Program, temporaryDirectory } from './program.mjs';

export const webhookKey = 'a-webhook-key-for-tests';

/** Settings that connect to a local hub through its provisioning service. */
export function provisionedBy(hub, azure = {}) {
  return {
    AzureIoTHub: {
      ConnectionType: 'DeviceProvisioningService',
      DeviceProvisioningService: {
        GlobalDeviceEndpoint: hub.info.dps.endpoint,
        IdScope: hub.info.dps.idScope,
        GroupEnrollmentKey: hub.info.dps.groupEnrollmentKey,
      },
    },
    TrustedCertificates: hub.info.certificate,
    ...azure,
  };
}

/** Settings that connect to a local hub with its `device` policy. */
export function connectedTo(hub, azure = {}) {
  return {
    AzureIoTHub: {
      ConnectionType: 'DeviceConnectionString',
      ConnectionString: hub.info.hubs[0].device,
    },
    TrustedCertificates: hub.info.certificate,
    ...azure,
  };
}

export class Gateway {
  /** After so long without an answer a webhook has failed; 0: never. */
  patienceMs = 0;

  constructor(program, directory, port) {
    this.program = program;
    this.directory = directory;
    this.port = port;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  }

  /** Posts a webhook; resolves to { status, text, headers }. */
  post(path, body, headers = {}) {
    const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = http.request({
        host: '127.0.0.1', port: this.port, path, method: 'POST', agent: this.agent, timeout: this.patienceMs,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
          'x-api-key': webhookKey,
          ...headers,
        },
      }, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => resolve({
          status: answer.statusCode,
          headers: answer.headers,
          text: Buffer.concat(parts).toString(),
        }));
      });
      request.on('error', reject);
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.end(text);
    });
  }

  uplink(body, headers) {
    return this.post('/things-stack', body, headers);
  }

  get(path) {
    return fetch(`http://127.0.0.1:${this.port}${path}`);
  }

  /** The value of a metric by its full name with labels. */
  async metric(name) {
    const text = await (await this.get('/metrics')).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  /** The log so far, as objects. */
  get log() {
    return this.program.tail.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
  }

  async logged(id) {
    return eventually(`log event ${id}`, () => {
      this.program.assertRuns();
      return this.log.find((entry) => entry.id === id);
    });
  }

  async kill() {
    this.program.kill('SIGKILL');
    await this.program.ended;
    this.agent.destroy();
  }

  async stop() {
    this.agent.destroy();
    await this.program.stop();
  }
}

/** Writes a configuration; resolves to its file. */
export async function writeConfiguration(directory, azure, settings = {}) {
  const file = join(directory, 'isthmus.json');
  await mkdir(directory, { recursive: true });
  await writeFile(file, JSON.stringify({
    Listen: '127.0.0.1:0',
    DataDirectory: join(directory, 'data'),
    WebhookKeys: [webhookKey],
    AzureIoT: azure,
    ...settings,
  }, null, 2));
  return file;
}

/**
 * Starts a gateway on a configuration file; it ends with the test unless it was ended before.
 * `openFiles` is what the system allows it; `command` another copy of the program.
 */
export async function startGatewayOn(test, file, directory, environment = {}, openFiles = undefined,
  command = isthmus) {
  const args = ['gateway', '--config', file];
  const env = { ...process.env, ...environment };
  const program = openFiles === undefined
    ? new Program(args, { env, command })
    : new Program(['-c', `ulimit -n ${openFiles}; exec "$0" "$@"`, isthmus, ...args], { env, command: 'sh' });
  endWithTest(test, program);
  const port = await eventually('GATEWAY_READY', () => {
    program.assertRuns();
    const ready = /"id":"GATEWAY_READY".*"port":(\d+)/.exec(program.tail);
    return ready && Number(ready[1]);
  });
  return new Gateway(program, directory, port);
}

/**
 * Starts a gateway; `azure` is its section AzureIoT, `settings` what else is to be set,
 * `environment` further variables.
 */
export async function startGateway(test, azure, settings = {}, directory = undefined, environment = {}) {
  const home = directory ?? (await temporaryDirectory(test, 'gateway'));
  return startGatewayOn(test, await writeConfiguration(home, azure, settings), home, environment);
}

let counter = 0;

/** A webhook body of The Things Stack; `uplink` overrides members of `uplink_message`. */
export function uplinkOf(application, device, uplink = {}, envelope = {}) {
  counter += 1;
  const time = new Date(Date.UTC(2024, 4, 6, 7, 8, 9) + counter).toISOString();
  return {
    end_device_ids: {
      device_id: device,
      application_ids: { application_id: application },
      dev_eui: '70B3D57ED0048A12',
      join_eui: '70B3D57ED0000001',
      dev_addr: '260D1F2B',
    },
    correlation_ids: ['gs:uplink:01HXS22Y0Y94VE2TWRMZRZ6FJ4'],
    received_at: time,
    uplink_message: {
      session_key_id: 'AY9bq1n0eV2zU1n1yqj6oQ==',
      f_port: 6,
      f_cnt: counter,
      frm_payload: 'AQI=',
      decoded_payload: { counter },
      received_at: time,
      ...uplink,
    },
    ...envelope,
  };
}
