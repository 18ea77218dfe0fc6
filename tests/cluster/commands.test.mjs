// SPDX-License-Identifier: MIT
// Commands on their way through three gateways that are killed before any of their writes, while the network
// tells each replica in turn what became of them: no command is pushed twice, and each has an outcome.
//
//   ISTHMUS_CLUSTER_SECONDS  for how long commands are sent (40)
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startCluster, strikes } from '../system/support/cluster.mjs';
import { Load } from '../system/support/load.mjs';
import { lacksPostgres } from '../system/support/postgres.mjs';
import { eventually } from '../system/support/program.mjs';
import { apiKey, startThingsStack, webhookId } from '../system/support/things_stack.mjs';

const seconds = Number(process.env.ISTHMUS_CLUSTER_SECONDS ?? 40);
const options = { timeout: 900000, skip: lacksPostgres };
const SIGKILL = 9;
const OUTCOMES = ['completed', 'rejected'];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Traffic {
  sent = [];
  #told = new Map();
  #stopping = false;

  constructor(cluster, stack, devices) {
    Object.assign(this, { cluster, stack, devices });
  }

  /** A command for each device. */
  async send() {
    await Promise.all(this.devices.map(async (device) => {
      const payload = Buffer.from(`${this.sent.length} ${device}`).toString('base64');
      const command = { device, payload };
      this.sent.push(command);
      const { messageId } = await this.cluster.hub.control('POST', `/devices/${device}/messages`, {
        bodyText: payload, properties: { Port: '10', Confirmed: 'true' },
      });
      command.id = messageId;
    }));
  }

  pushes({ device, payload }) {
    return this.stack.takenOf(device).filter((item) => item.frm_payload === payload);
  }

  /** The network tells of each downlink that it has taken; what was not answered is told again, and 202 twice. */
  async play() {
    const kinds = ['queued', 'sent', 'ack'];
    while (!this.#stopping) {
      for (const { device, item } of [...this.stack.taken]) {
        const told = this.#told.get(item) ?? 0;
        if (told === kinds.length) continue;
        const done = await this.stack.tell(this.cluster, kinds[told], device, item).then(() => true, () => false);
        if (done) this.#told.set(item, told + 1);
      }
      await pause(20);
    }
  }

  stop() {
    this.#stopping = true;
  }

  async state({ device, id }) {
    return (await this.cluster.hub.control('GET', `/devices/${device}/messages/${id}`)).state;
  }

  async isOver() {
    for (const command of this.sent) {
      if (!OUTCOMES.includes(command.state)) command.state = await this.state(command);
      if (!OUTCOMES.includes(command.state)) return false;
    }
    return true;
  }
}

test('owners are killed before any of their writes while commands are under way', options, async (t) => {
  let stack;
  const cluster = await startCluster(t, {
    environment: strikes(SIGKILL, { ISTHMUS_KILL_LOCAL: '1' }),
    hubArgs: ['--lock-seconds', '10'],
    more: async (hub) => {
      stack = await startThingsStack(t, hub);
      return { TheThingsIndustries: {
        WebhookBaseURL: stack.baseUrl,
        Applications: { application1: { ApiKey: apiKey, WebhookId: webhookId } },
      } };
    },
  });
  const load = new Load({ devices: 30 });
  load.gateway = cluster;
  await load.round();
  await cluster.drained();

  const traffic = new Traffic(cluster, stack, load.devices);
  t.after(() => traffic.stop());
  const playing = traffic.play();
  const end = Date.now() + seconds * 1000;
  for (let i = 0; Date.now() < end; i++) {
    const replica = cluster.replicas[i % cluster.replicas.length];
    await Promise.all([traffic.send(), replica.strikeAt(1 + Math.floor(Math.random() * 80))]);
    await pause(1000);
    await replica.start();
    await cluster.owned();
  }
  try {
    await eventually('the outcomes', () => traffic.isOver(), 240000);
  } catch (error) {
    error.message += JSON.stringify(traffic.sent.filter(({ state }) => !OUTCOMES.includes(state)).slice(0, 3));
    throw error;
  }
  traffic.stop();
  await playing;

  const twice = traffic.sent.filter((command) => traffic.pushes(command).length > 1);
  const silent = traffic.sent.filter((command) => command.state === 'completed' && traffic.pushes(command).length !== 1);
  const completed = traffic.sent.filter(({ state }) => state === 'completed').length;
  t.diagnostic(`${traffic.sent.length} commands: ${completed} completed, ${traffic.sent.length - completed} in doubt and rejected; `
    + `${stack.taken.length} pushes`);
  assert.deepEqual(stack.faults, []);
  assert.deepEqual(twice, []);
  assert.deepEqual(silent, []);
  assert.ok(completed > traffic.sent.length / 2, 'too many are in doubt');
  await Promise.all(cluster.replicas.map((replica) => replica.stop()));
});
